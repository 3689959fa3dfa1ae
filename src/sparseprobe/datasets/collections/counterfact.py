"""True and false statements: a prompt with its true completion, and with a false one.

    "The capital of Portugal is" + " Lisbon" -> 1      + " Madrid" -> 0

Paper (arXiv 2305.01610, an addition to its ten collections): two examples per fact, at the last token of the
completion, which ends the sequence. A record has `prompt`, `true` and `false` (a text or several); both completions of
a fact are in one document, so that a fact is never trained on and tested. A statement that is written twice is kept
once; one that is called both true and false is an error of the source.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from sparseprobe.datasets.collection import Collection, Request
from sparseprobe.datasets.labelling.label_columns import features_table
from sparseprobe.datasets.labelling.text_endings import TextEndings
from sparseprobe.datasets.readers import is_missing
from sparseprobe.datasets.tokenising import batches
from sparseprobe.errors import DataError

if TYPE_CHECKING:
    from sparseprobe.datasets.labelling.candidates import Candidates

FEATURE = "true_statement"
SIDES = (("true", 1), ("false", 0))


def _find(request: Request) -> Candidates:
    endings = TextEndings(request.encoder, request.number("context", least=2))
    seen: dict[str, int] = {}
    for batch in batches(_statements(request)):
        for (where, text, label, document), ids in zip(
            batch, request.encoder.encode_ids(text for _, text, _, _ in batch), strict=True
        ):
            if text in seen:
                if seen[text] != label:
                    raise DataError(f"{where}: {text!r} is called true and false; correct or remove one of the two")
                endings.counts["texts_repeated"] += 1
                continue
            seen[text] = label
            endings.add(ids, len(ids) - 1, len(ids), document=document, labels={0: label})
    features = features_table([(FEATURE, "the statement that ends here is true")], "truth")
    counts = {"facts": request.reader.count}
    return endings.candidates(features, counts, "the source has no statement")


def _statements(request: Request) -> Iterator[tuple[str, str, int, str]]:
    """Place, text, label and document of each statement."""
    for item in request.texts([side for side, _ in SIDES]):
        for side, label in SIDES:
            for completion in _listed(item.fields[side]):
                yield item.where, f"{item.text.rstrip()} {completion}", label, item.document


def _listed(value: Any) -> list[str]:
    several = value if isinstance(value, list | tuple | np.ndarray) else [value]
    return [str(one).strip() for one in several if not is_missing(one)]


_SETTINGS = {"context": 128}

COUNTERFACT = Collection(
    name="counterfact",
    description="whether the statement that ends here is true",
    unit="token",
    aggregate="none",
    features=(FEATURE,),
    find=_find,
    presets={"default": _SETTINGS, "paper": {**_SETTINGS, "split_by": "example"}},
    texts=("counterfact",),
)
