"""The folder: what it holds, what it refuses."""

import errno
import json

import numpy as np
import pytest
import torch
import transformers as hf
import zarr

from sparseprobe.activations import Activations, budget, extract
from sparseprobe.activations.store import ActivationStore
from sparseprobe.errors import StorageError
from sparseprobe.models import LanguageModel


@pytest.fixture
def folder(tiny_model, span_data, tmp_path, monkeypatch):
    monkeypatch.setattr(budget, "BLOCK_ROWS", 16)
    extract(tiny_model("gpt2"), span_data, aggregate="last", out=tmp_path / "acts", dtype="bfloat16")
    return tmp_path / "acts"


def test_manifest_says_what_it_is(folder, tiny_model, span_data):
    manifest = json.loads((folder / "manifest.json").read_text())
    settings = manifest["settings"]
    assert settings["model"] == "gpt2"
    assert settings["model_fingerprint"] == tiny_model("gpt2").fingerprint
    assert settings["dataset_hash"] == span_data.hash()
    assert (settings["bos"], settings["bos_id"], settings["padding"], settings["positions"]) == (
        "none",
        None,
        "right",
        "explicit",
    )
    assert settings["layers"] == [0, 1, 2]
    assert settings["widths"] == [24, 24, 24]
    assert set(manifest["versions"]) == {"python", "sparseprobe", "torch", "transformers", "numpy", "zarr"}
    assert manifest["blocks_done"] == 6


def test_it_is_a_zarr_group_that_anything_can_read(folder):
    group = zarr.open_group(folder, mode="r")
    assert group.metadata.zarr_format == 3
    assert group["layer_1"].shape == (90, 24)
    assert group["layer_1"].chunks == (16, 24)
    stored = group["layer_1"][:][group["rows"][:]]
    values = (stored.astype(np.uint32) << 16).view(np.float32)
    np.testing.assert_array_equal(values, Activations.open(folder).layer(1)[:])


def test_folder_with_something_else(tmp_path, tiny_model, span_data):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(StorageError, match="is not empty and holds no activations"):
        extract(tiny_model("gpt2"), span_data, aggregate="last", out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_open_refuses_what_it_cannot_read(folder, tmp_path):
    with pytest.raises(StorageError, match=r"holds no activations: there is no manifest\.json in it"):
        Activations.open(tmp_path / "nowhere")
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "format": "sparseprobe activations 99"}))
    with pytest.raises(
        StorageError, match=r"has the format 'sparseprobe activations 99', this version reads .*: extract again"
    ):
        Activations.open(folder)
    (folder / "manifest.json").write_text("{ half")
    with pytest.raises(StorageError, match="cannot be read"):
        Activations.open(folder)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "layer_1" / "zarr.json").unlink()
    with pytest.raises(StorageError, match=r"layer_1/zarr\.json is missing"):
        Activations.open(folder)


def test_full_disk(folder, monkeypatch):
    store = ActivationStore(folder, json.loads((folder / "manifest.json").read_text()))

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(zarr.Array, "__setitem__", full)
    with pytest.raises(
        StorageError, match=r"the disk of .* is full: make room and run it again, what is complete is kept"
    ):
        store.write_block(0, slice(0, 16), {0: np.zeros((16, 24), np.uint16)})


def test_a_lost_or_shortened_chunk_is_refused(folder):
    chunk = folder / "layer_1" / "c" / "2" / "0"
    whole = chunk.read_bytes()
    chunk.write_bytes(whole[:-2])
    with pytest.raises(StorageError, match=r"layer_1/c/2/0 was changed after it was written, .* extract with the same"):
        Activations.open(folder)
    chunk.unlink()
    with pytest.raises(StorageError, match=r"layer_1/c/2/0 is missing, so the activations in .* are not whole"):
        Activations.open(folder)
    chunk.write_bytes(whole)
    (folder / "rows" / "c" / "0").unlink()
    with pytest.raises(StorageError, match="rows/c/0 is missing"):
        Activations.open(folder)


def test_a_chunk_of_zeros_is_a_file(tiny_module, span_data, tmp_path):
    module = hf.GPT2LMHeadModel(tiny_module("gpt2").config)
    torch.nn.init.zeros_(module.transformer.h[1].mlp.c_fc.weight)
    model = LanguageModel.from_module(module, name="silent")
    one = span_data.subset(examples=np.arange(1))  # the order of one row is a chunk of zeros too
    for data, name in ((span_data, "many"), (one, "one")):
        acts = extract(model, data, aggregate="last", layers=[1], out=tmp_path / name)
        assert not acts.layer(1)[:].any()
        assert (tmp_path / name / "layer_1" / "c" / "0" / "0").is_file()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda m: [],
        lambda m: m | {"plan": {}},
        lambda m: m | {"plan": {**m["plan"], "rows_per_block": 0}},
        lambda m: m | {"blocks_done": None},
        lambda m: m | {"settings": {**m["settings"], "site": "residual"}},
    ],
)
def test_a_manifest_that_was_changed(folder, spoil):
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(spoil(manifest)))
    with pytest.raises(StorageError, match=r"manifest\.json .*: extract again into a new folder"):
        Activations.open(folder)


def test_a_manifest_that_is_nested_too_deeply(folder):
    (folder / "manifest.json").write_text("[" * 100_000)
    with pytest.raises(StorageError, match=r"manifest\.json cannot be read"):
        Activations.open(folder)


def test_a_store_without_checksums_is_to_be_extracted_again(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"format": "sparseprobe activations 1"}))
    with pytest.raises(StorageError, match=r"has the format 'sparseprobe activations 1', .*: extract again into a new"):
        Activations.open(folder)


def test_a_flipped_byte_of_a_chunk_is_told_when_it_is_read(folder):
    chunk = folder / "layer_1" / "c" / "2" / "0"
    whole = chunk.read_bytes()
    for place in range(0, len(whole) - 4, 97):
        chunk.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        layer = Activations.open(folder).layer(1)
        for rows in (slice(None), np.arange(90)[::-1]):
            with pytest.raises(StorageError, match=r"layer_1/c/2/0 is damaged: delete this file and extract"):
                layer[rows]


def test_deleting_a_damaged_chunk_makes_it_again(folder, tiny_model, span_data):
    chunk = folder / "layer_1" / "c" / "2" / "0"
    whole = chunk.read_bytes()
    chunk.unlink()
    extract(tiny_model("gpt2"), span_data, aggregate="last", out=folder, dtype="bfloat16")
    assert chunk.read_bytes() == whole


def reversed_rows(group):
    group["layer_1"][16:32] = group["layer_1"][16:32][::-1]


def zeros(group):
    group["layer_1"].with_config({"write_empty_chunks": True})[16:32] = 0


def other_order(group):
    group["rows"][:] = group["rows"][:][::-1]


def last_chunk_lost(group):
    group["layer_1"][80:] = 0  # zarr deletes a chunk of zeros


@pytest.mark.parametrize(
    ("spoil", "file"),
    [
        (reversed_rows, "layer_1/c/1/0 was changed"),
        (zeros, "layer_1/c/1/0 was changed"),
        (other_order, "rows/c/0 was changed"),
        (last_chunk_lost, "layer_1/c/5/0 is missing"),
    ],
)
def test_what_is_written_with_zarr_afterwards_is_told(folder, spoil, file):
    spoil(zarr.open_group(folder, mode="r+"))
    with pytest.raises(StorageError, match=f"{file}"):
        Activations.open(folder)


def test_swapped_chunks_and_other_descriptions_are_told(folder):
    first, second = (folder / "layer_1" / "c" / block / "0" for block in "12")
    first.rename(folder / "kept")
    second.rename(first)
    (folder / "kept").rename(second)
    with pytest.raises(StorageError, match="layer_1/c/1/0 was changed after it was written"):
        Activations.open(folder)
    first.rename(folder / "kept")
    second.rename(first)
    (folder / "kept").rename(second)
    assert Activations.open(folder).n_examples == 90
    described = folder / "layer_2" / "zarr.json"
    described.write_text(described.read_text().replace("uint16", "float16"))
    with pytest.raises(StorageError, match=r"layer_2/zarr\.json was changed after it was written"):
        Activations.open(folder)


def test_chunks_have_the_checksum_of_zarr(folder):
    described = json.loads((folder / "layer_1" / "zarr.json").read_text())
    assert [codec["name"] for codec in described["codecs"]] == ["bytes", "crc32c"]
