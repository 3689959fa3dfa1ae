"""A run that is stopped goes on and ends in the bytes of one that was not."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from transformers import GPTNeoXForCausalLM

from sparseprobe.activations import Activations, budget, extract, store
from sparseprobe.errors import StorageError
from sparseprobe.models import LanguageModel

SETTINGS = {"aggregate": "mean", "batch_tokens": 40}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def small_blocks(monkeypatch):
    """Many blocks of 16 rows, so that there is something to stop between."""
    monkeypatch.setattr(budget, "BLOCK_ROWS", 16)


@pytest.fixture
def whole(tiny_model, span_data, tmp_path, small_blocks):
    extract(tiny_model("gpt_neox"), span_data, out=tmp_path / "whole", **SETTINGS)
    return contents(tmp_path / "whole")


def stop_after(monkeypatch, n_batches):
    """The model fails after some batches, as if the power went."""
    left, whole_run = iter(range(n_batches)), LanguageModel.run

    def run(model, batch):
        if next(left, None) is None:
            raise KeyboardInterrupt
        whole_run(model, batch)

    monkeypatch.setattr(LanguageModel, "run", run)


@pytest.mark.parametrize("n_batches", [0, 1, 7, 12])
def test_stopped_and_begun_again(n_batches, whole, tiny_model, span_data, tmp_path, monkeypatch):
    folder = tmp_path / "stopped"
    with monkeypatch.context() as patch:
        stop_after(patch, n_batches)
        with pytest.raises(KeyboardInterrupt):
            extract(tiny_model("gpt_neox"), span_data, out=folder, **SETTINGS)
    with pytest.raises(StorageError, match=r"holds \d of 6 parts of a run that was stopped: extract with the same"):
        Activations.open(folder)
    extract(tiny_model("gpt_neox"), span_data, out=folder, **SETTINGS)
    assert contents(folder) == whole


def test_finished_parts_are_not_run_again(whole, tiny_model, span_data, tmp_path, monkeypatch):
    folder = tmp_path / "stopped"
    model = tiny_model("gpt_neox")
    counted, run = [], LanguageModel.run

    def counting(model, batch):
        counted.append(batch.tokens.numel())
        run(model, batch)

    monkeypatch.setattr(LanguageModel, "run", counting)
    extract(model, span_data, out=tmp_path / "again", **SETTINGS)
    n_whole = len(counted)
    with monkeypatch.context() as patch:
        stop_after(patch, n_whole - 1)
        with pytest.raises(KeyboardInterrupt):
            extract(model, span_data, out=folder, **SETTINGS)
    counted.clear()
    extract(model, span_data, out=folder, **SETTINGS)
    assert 0 < len(counted) < n_whole / 2
    counted.clear()
    extract(model, span_data, out=folder, **SETTINGS)  # complete: only opened
    assert counted == []


def stopped(folder, model, data, monkeypatch, *, n_batches):
    """What a run that stops after some batches says of itself."""
    with monkeypatch.context() as patch:
        stop_after(patch, n_batches)
        with pytest.raises(KeyboardInterrupt):
            extract(model, data, out=folder, **SETTINGS)
    return store.read_manifest(folder)


def test_blocks_and_smaller_batches_of_the_first_run_are_kept(whole, tiny_model, span_data, tmp_path, monkeypatch):
    """Other blocks do not fit what is there, and larger batches would round differently for nothing."""
    folder = tmp_path / "stopped"
    begun = stopped(folder, tiny_model("gpt_neox"), span_data, monkeypatch, n_batches=7)
    assert begun["blocks_done"] > 0
    monkeypatch.setattr(budget, "BLOCK_ROWS", 50)
    extract(tiny_model("gpt_neox"), span_data, out=folder, aggregate="mean", batch_tokens=1000)
    assert contents(folder) == whole


@pytest.mark.parametrize(("n_batches", "rows"), [(0, 50), (7, 16)])
def test_a_run_that_goes_on_takes_smaller_batches(n_batches, rows, tiny_model, span_data, tmp_path, monkeypatch):
    """As after a device that ran out of memory; what is complete is opened as it is."""
    model, folder = tiny_model("gpt_neox"), tmp_path / "stopped"
    monkeypatch.setattr(budget, "BLOCK_ROWS", 16)
    begun = stopped(folder, model, span_data, monkeypatch, n_batches=n_batches)
    assert (begun["blocks_done"] > 0) == (n_batches > 0)
    monkeypatch.setattr(budget, "BLOCK_ROWS", 50)
    acts = extract(model, span_data, out=folder, aggregate="mean", batch_tokens=25)
    assert acts.manifest["plan"] == {"rows_per_block": rows, "batch_tokens": 25}
    assert extract(model, span_data, out=folder, aggregate="mean", batch_tokens=20).manifest == acts.manifest
    apart = extract(model, span_data, aggregate="mean")
    np.testing.assert_allclose(acts.layer(1), apart.layer(1), rtol=1e-2, atol=1e-3)


def test_a_run_without_a_block_begins_anew(whole, tiny_model, span_data, tmp_path, monkeypatch):
    folder = tmp_path / "stopped"
    with monkeypatch.context() as patch:
        patch.setattr(budget, "BLOCK_ROWS", 50)
        stopped(folder, tiny_model("gpt_neox"), span_data, monkeypatch, n_batches=1)
    extract(tiny_model("gpt_neox"), span_data, out=folder, **SETTINGS)
    assert contents(folder) == whole


def test_half_a_chunk_is_never_seen(whole, tiny_model, span_data, tmp_path, monkeypatch):
    """A stop between the chunks of a block: what is there of the block is written again."""
    folder = tmp_path / "stopped"
    with monkeypatch.context() as patch:
        written = []
        replace = store._write_manifest

        def failing(path, manifest):
            written.append(manifest["blocks_done"])
            if manifest["blocks_done"] == 3:
                chunk = path / "layer_1" / "c" / "2" / "0"
                chunk.write_bytes(b"half")
                (path / "layer_1" / "c" / "2" / "0.abc.partial").write_bytes(b"rest")
                raise KeyboardInterrupt
            replace(path, manifest)

        patch.setattr(store, "_write_manifest", failing)
        with pytest.raises(KeyboardInterrupt):
            extract(tiny_model("gpt_neox"), span_data, out=folder, **SETTINGS)
    assert written == [0, 1, 2, 3]
    extract(tiny_model("gpt_neox"), span_data, out=folder, **SETTINGS)
    assert contents(folder) == whole


@pytest.mark.parametrize("lost", ["layer_1/c/4/0", "layer_0/c/0/0", "rows/c/0"])
def test_what_was_lost_is_made_again(lost, whole, tiny_model, span_data, tmp_path):
    """Also in a folder that was complete: the blocks from the first lost file on are run again."""
    folder = tmp_path / "whole"
    (folder / lost).unlink()
    with pytest.raises(StorageError, match=f"{lost} is missing"):
        Activations.open(folder)
    extract(tiny_model("gpt_neox"), span_data, out=folder, **SETTINGS)
    assert contents(folder) == whole


KILLED = """
import os, signal
from transformers import GPTNeoXForCausalLM
from sparseprobe.activations import budget, extract
from sparseprobe.datasets.probing_dataset import ProbingDataset
from sparseprobe.models import LanguageModel

left, whole_run = iter(range(7)), LanguageModel.run

def run(model, batch):
    if next(left, None) is None:
        os.kill(os.getpid(), signal.SIGKILL)
    whole_run(model, batch)

budget.BLOCK_ROWS = 16
LanguageModel.run = run
module = GPTNeoXForCausalLM.from_pretrained({model!r}, attn_implementation="eager")
model = LanguageModel.from_module(module, name="gpt_neox")
extract(model, ProbingDataset.load({data!r}), out={out!r}, aggregate="mean", batch_tokens=40)
"""


def test_killed_process(tiny_module, span_data, small_blocks, tmp_path):
    """Its folder is finished by another process, from the same files of the model.

    Both models are read from the file: weights that lie elsewhere in memory may be summed in another order.
    """
    span_data.save(tmp_path / "data")
    tiny_module("gpt_neox").save_pretrained(tmp_path / "model")
    folder = tmp_path / "killed"
    script = KILLED.format(model=str(tmp_path / "model"), data=str(tmp_path / "data"), out=str(folder))
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert result.returncode == -signal.SIGKILL, result.stderr.decode()
    with pytest.raises(StorageError, match="parts of a run that was stopped"):
        Activations.open(folder)
    module = GPTNeoXForCausalLM.from_pretrained(tmp_path / "model", attn_implementation="eager")
    model = LanguageModel.from_module(module, name="gpt_neox")
    extract(model, span_data, out=folder, **SETTINGS)
    extract(model, span_data, out=tmp_path / "undisturbed", **SETTINGS)
    assert contents(folder) == contents(tmp_path / "undisturbed")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"site": "residual"}, r"holds activations with site='mlp', asked for is 'residual': give another folder"),
        ({"layers": "0:2"}, r"with layers=\[0, 1, 2\], asked for is \[0, 1\]"),
        ({"aggregate": "max"}, "with aggregate='mean', asked for is 'max'"),
        ({"dtype": "float32"}, "with dtype='float16', asked for is 'float32'"),
        ({"padding": "left"}, "with padding='right', asked for is 'left'"),
    ],
)
def test_other_settings_are_refused(changed, message, tiny_model, span_data, tmp_path):
    extract(tiny_model("gpt_neox"), span_data, out=tmp_path / "a", **SETTINGS)
    before = contents(tmp_path / "a")
    with pytest.raises(StorageError, match=message):
        extract(tiny_model("gpt_neox"), span_data, out=tmp_path / "a", **{**SETTINGS, **changed})
    assert contents(tmp_path / "a") == before


def test_other_model_or_data_are_refused(tiny_model, span_data, tmp_path):
    extract(tiny_model("gpt_neox"), span_data, out=tmp_path / "a", **SETTINGS)
    with pytest.raises(StorageError, match="model_fingerprint="):
        extract(tiny_model("phi"), span_data, out=tmp_path / "a", **SETTINGS)
    other = span_data.subset(examples=np.arange(90)[::-1])
    with pytest.raises(StorageError, match="dataset_hash="):
        extract(tiny_model("gpt_neox"), other, out=tmp_path / "a", **SETTINGS)
