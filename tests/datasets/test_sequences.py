from __future__ import annotations

import numpy as np
import pytest

from sparseprobe.datasets import Sequences
from sparseprobe.errors import InputError


def test_take_equals_the_loop_over_rows() -> None:
    rng = np.random.default_rng(0)
    lists = [rng.integers(0, 99, size=n).tolist() for n in (3, 0, 7, 1, 12)]
    sequences = Sequences.of(lists)
    rows = [4, 0, 0, 1, 3]
    assert [ids.tolist() for ids in sequences.take(rows)] == [lists[row] for row in rows]
    assert sequences[-1].tolist() == lists[-1]
    assert len(sequences.take([])) == 0


def test_a_sequence_past_the_end_is_an_index_error_and_iteration_stops() -> None:
    sequences = Sequences.of([[1], [2, 3]])
    with pytest.raises(IndexError):
        sequences[2]
    assert len(list(sequences)) == 2


def test_the_ids_cannot_be_changed_and_the_callers_array_stays_his() -> None:
    mine = np.array([1, 2, 3], dtype=np.int32)
    sequences = Sequences(mine, np.array([0, 3]))
    with pytest.raises(ValueError, match="read-only"):
        sequences.tokens[0] = 5
    mine[0] = 7


@pytest.mark.parametrize("offsets", [[1, 3], [0, 2], [0, 3, 2, 3], []])
def test_offsets_that_do_not_cover_the_tokens_are_refused(offsets: list[int]) -> None:
    with pytest.raises(InputError, match="offsets must rise from 0 to the number of tokens"):
        Sequences(np.zeros(3, np.int32), np.array(offsets, dtype=np.int64))
