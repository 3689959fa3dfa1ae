"""Weight statistics against plain numpy, loaded and streamed alike in every architecture, within a bound of memory."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
import transformers as hf
from safetensors.torch import save_file

from sparseprobe.errors import DataError, InputError
from sparseprobe.models import LanguageModel
from sparseprobe.neurons.weights.checkpoint_weights import Checkpoint
from sparseprobe.neurons.weights.weight_statistics import layer_profile, weight_statistics
from sparseprobe.tables import WEIGHTS, check_table


def test_equals_numpy(tiny_model):
    model = tiny_model("llama")
    table = weight_statistics(model, neurons_per_block=7)
    check_table(table, WEIGHTS)
    assert len(table) == model.n_layers * model.d_mlp
    mlp = model.module.model.layers[1].mlp
    parts = (mlp.up_proj, mlp.gate_proj, mlp.down_proj)
    up, gate, down = (part.weight.detach().double().numpy() for part in parts)
    rows = table[table["layer"] == 1]
    np.testing.assert_allclose(rows["norm_in"], np.linalg.norm(up, axis=1))
    np.testing.assert_allclose(rows["norm_gate"], np.linalg.norm(gate, axis=1))
    np.testing.assert_allclose(rows["norm_out"], np.linalg.norm(down, axis=0))
    cosine = (up * down.T).sum(1) / np.linalg.norm(up, axis=1) / np.linalg.norm(down, axis=0)
    np.testing.assert_allclose(rows["cos_in_out"], cosine)
    cosine = (up * gate).sum(1) / np.linalg.norm(up, axis=1) / np.linalg.norm(gate, axis=1)
    np.testing.assert_allclose(rows["cos_gate_in"], cosine)
    assert rows["bias_in"].isna().all()


def test_bias_times_norm(tiny_model):
    model = tiny_model("gpt_neox")
    table = weight_statistics(model).query("layer == 2")
    weights = model.neuron_weights(2)
    np.testing.assert_allclose(table["norm_in_bias"], (weights.W_in.double().norm(dim=1) * weights.b_in).numpy())
    assert table["cos_gate_in"].isna().all()


@pytest.mark.parametrize("name", ["gpt_neox", "gpt2", "opt", "bloom", "llama", "gemma2", "gemma3", "phi3", "falcon"])
def test_streamed_equals_loaded(tiny_module, tmp_path, name):
    module = tiny_module(name)
    module.save_pretrained(tmp_path)
    streamed = weight_statistics(tmp_path, neurons_per_block=5)
    loaded = weight_statistics(LanguageModel.from_module(module))
    pd.testing.assert_frame_equal(streamed, loaded, rtol=1e-12)


def test_streamed_without_the_trunks_name(tiny_module, tmp_path):
    """Old GPT-2 checkpoints were saved from the trunk."""
    module = tiny_module("gpt2")
    module.config.save_pretrained(tmp_path)
    weights = {f"{name}": value.contiguous() for name, value in module.transformer.state_dict().items()}
    save_file(weights, tmp_path / "model.safetensors")
    pd.testing.assert_frame_equal(
        weight_statistics(tmp_path), weight_statistics(LanguageModel.from_module(module)), rtol=1e-12
    )


def test_layer_profile():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({column.name: rng.normal(size=30) for column in WEIGHTS})
    table["layer"] = np.repeat([0, 1, 2], 10)
    table["index"] = np.tile(np.arange(10), 3)
    table["neuron"] = [f"L{layer}.N{index}" for layer, index in zip(table["layer"], table["index"], strict=True)]
    profile = layer_profile(table)
    medians = table.groupby("layer")["norm_in_bias"].median()
    np.testing.assert_allclose(profile["norm_in_bias_q50"], medians)
    np.testing.assert_allclose(profile["normalised_median"], medians / medians.abs().max())
    assert profile["relative_depth"].tolist() == [0, 0.5, 1]


def write_shards(folder, *, width, n_layers, extra):
    """A checkpoint in the shape of Pythia 6.9B at reduced width, random float16, a file a layer."""
    config = hf.GPTNeoXConfig(
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=n_layers,
        num_attention_heads=8,
        vocab_size=50432,
        architectures=["GPTNeoXForCausalLM"],
    )
    config.save_pretrained(folder)
    places = {}
    for layer in range(n_layers):
        name = f"gpt_neox.layers.{layer}.mlp."
        weights = {
            f"{name}dense_h_to_4h.weight": torch.randn(4 * width, width).half(),
            f"{name}dense_h_to_4h.bias": torch.randn(4 * width).half(),
            f"{name}dense_4h_to_h.weight": torch.randn(width, 4 * width).half(),
            f"{name}dense_4h_to_h.bias": torch.randn(width).half(),
            f"gpt_neox.layers.{layer}.filler": torch.zeros(extra, dtype=torch.float16),
        }
        save_file(weights, folder / f"model-{layer}.safetensors")
        places |= dict.fromkeys(weights, f"model-{layer}.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))


PROBE = """
import resource, sys
from sparseprobe.neurons.weights.weight_statistics import weight_statistics
weight_statistics(sys.argv[2])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
table = weight_statistics(sys.argv[1])
print(len(table), before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_stays_bounded(tmp_path):
    """Layers of 6.9B at a sixteenth of its width, 200 MB on disk: few MB of it are held at once."""
    for name, n_layers, extra in (("large", 6, 16_500_000), ("small", 1, 1)):
        (tmp_path / name).mkdir()
        write_shards(tmp_path / name, width=256, n_layers=n_layers, extra=extra)
    on_disk = sum(path.stat().st_size for path in (tmp_path / "large").iterdir())
    command = [sys.executable, "-c", PROBE, str(tmp_path / "large"), str(tmp_path / "small")]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    rows, before, after = map(int, result.stdout.split())
    assert rows == 6 * 1024
    assert on_disk > 200e6
    assert (after - before) * 1024 < 60e6
    assert after * 1024 < 2e9


def test_estimate_of_the_largest_pythia(tmp_path):
    """Full width, from the shapes alone: the stand-in of 6.9B is one block in bfloat16."""
    write_shards(tmp_path, width=64, n_layers=2, extra=1)
    small = Checkpoint.open(tmp_path).peak_bytes
    block = 12 * 64**2 * 2
    assert small >= block
    width = 4096
    stand_in = 2 * (12 * width**2 + 13 * width + 2 * 64 * width)
    assert max(stand_in, 4 * 8 * 1024 * width) < 0.5e9


def test_errors(tmp_path, tiny_module):
    with pytest.raises(InputError, match="unknown model 'nowhere': it is not a folder here"):
        weight_statistics("nowhere")
    hf.GPTNeoXConfig().save_pretrained(tmp_path)
    with pytest.raises(DataError, match="holds no safetensors"):
        weight_statistics(tmp_path)
    write_shards(tmp_path, width=64, n_layers=2, extra=1)
    index = tmp_path / "model.safetensors.index.json"
    places = json.loads(index.read_text())["weight_map"]
    lacking = {key: file for key, file in places.items() if "layers.1.mlp.dense_h" not in key}
    index.write_text(json.dumps({"weight_map": lacking}))
    with pytest.raises(DataError, match=r"lacks the weight gpt_neox.layers.1.mlp.dense_h_to_4h.weight"):
        weight_statistics(tmp_path)
    index.write_text(json.dumps({"weight_map": {**places, "other": "absent.safetensors"}}))
    with pytest.raises(DataError, match=r"lacks 1 files of its index, first absent.safetensors"):
        weight_statistics(tmp_path)
    index.write_text(json.dumps({"weight_map": places}))
    config = json.loads((tmp_path / "config.json").read_text()) | {"intermediate_size": 128}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(DataError, match=r"has the shape \[64, 256\], its config says \[64, 128\]"):
        weight_statistics(tmp_path)
