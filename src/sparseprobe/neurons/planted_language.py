"""A language of sixteen letters and a transformer for it whose weights are written by hand, to try tools of neurons on.

One block (GPT-2's, ReLU). The residual stream holds three one-hot codes side by side: this letter, the letter before
(written by the attention, which looks one position back), and the position. All three have the same length everywhere,
so each layer norm is one known affine map, which the weights after it undo. Neurons of layer 0 then are what we say:

    N0  B after A              N1  C or D                      N2  E or G      N3  F or G
    N4  H                      N5  I                           the rest: small random weights

so "C or D" is one neuron, "G" is two neurons at once (three features held by two neurons: superposition), and "H or I"
is one neuron for each half (union). N0 raises the logit of Z, and each letter predicts itself and the next one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel

from sparseprobe.datasets import ProbingDataset, Sequences, TokenizerRecord
from sparseprobe.keyed_random import generator
from sparseprobe.models import LanguageModel

if TYPE_CHECKING:
    from transformers import PreTrainedModel

LETTERS = "ABCDEFGHIJKLMNOZ"
N_LETTERS = len(LETTERS)
CONTEXT = 24
D_MODEL = 2 * N_LETTERS + CONTEXT
D_MLP = 24
SHARP = 60.0
"""Attention score of the position before, against 0 for the others."""
FEATURES = {
    "b_after_a": "B after A",
    "c_or_d": "C or D",
    "g": "G",
    "h_or_i": "H or I",
}


def planted_model(*, dtype: torch.dtype = torch.float32) -> LanguageModel:
    """The model; see the module for what its neurons do.

    >>> model = planted_model()
    >>> model.n_layers, model.d_mlp
    (1, 24)
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = GPT2Config(
            vocab_size=N_LETTERS,
            n_positions=CONTEXT,
            n_embd=D_MODEL,
            n_layer=1,
            n_head=1,
            n_inner=D_MLP,
            activation_function="relu",
            tie_word_embeddings=False,
            bos_token_id=None,
            eos_token_id=None,
        )
        config._attn_implementation = "eager"  # noqa: SLF001 # as transformers sets it
        module: PreTrainedModel = GPT2LMHeadModel(config)
        module.to(dtype)  # type: ignore[arg-type] # the stubs of transformers know no precision
        model = LanguageModel.from_module(module, name="planted")
    with torch.no_grad():
        _write(model)
    return model


def planted_text(n: int = 60, *, seed: int = 0) -> ProbingDataset:
    """`n` random texts of the language, a group each, split 60/20/20; all letters but the first are examples.

    Features (binary, of one token): b_after_a, c_or_d, g, h_or_i.

    >>> planted_text(4).preview("g", 1).splitlines()[0]
    '+1  validation  t1  FDK⟦G⟧HABGMABMKGHZMCMLFGCE'
    """
    draw = generator(seed, "planted text")
    ids = draw.integers(N_LETTERS, size=(n, CONTEXT), dtype=np.int32)
    ids[:, 1][ids[:, 0] == 0] = 1
    after_a = np.roll(ids, 1, axis=1) == 0
    ids = np.where(after_a & (draw.random(ids.shape) < 0.5), 1, ids).astype(np.int32)
    this, before = ids[:, 1:], ids[:, :-1]
    letter = {name: LETTERS.index(name) for name in LETTERS}
    labels = {
        "b_after_a": (this == letter["B"]) & (before == letter["A"]),
        "c_or_d": np.isin(this, [letter["C"], letter["D"]]),
        "g": this == letter["G"],
        "h_or_i": np.isin(this, [letter["H"], letter["I"]]),
    }
    text, start = np.divmod(np.arange(this.size), CONTEXT - 1)
    place = (np.arange(n) * 7 % 10)[text]
    return ProbingDataset(
        name="planted",
        sequences=Sequences.of(ids),
        examples=pd.DataFrame(
            {
                "sequence": text,
                "start": start + 1,
                "stop": start + 2,
                "group": [f"t{number}" for number in text],
                "split": np.select([place < 6, place < 8], ["train", "validation"], "test"),
            }
        ),
        labels=pd.DataFrame({name: holds.ravel().astype(np.int8) for name, holds in labels.items()}),
        features=pd.DataFrame(
            {"name": list(FEATURES), "description": list(FEATURES.values()), "category": "planted", "kind": "binary"}
        ),
        tokenizer=TokenizerRecord.of(_tokenizer(), name="letters", bos="none"),
        settings={"seed": seed},
    )


def _tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel({name: place for place, name in enumerate(LETTERS)}, unk_token="Z"))  # noqa: S106 # no password
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.decoder = decoders.Fuse()
    return tokenizer


def _write(model: LanguageModel) -> None:
    weights = dict(model.module.named_parameters())
    this, before, place = _codes(weights["transformer.wte.weight"])
    block = "transformer.h.0."
    for name, weight in weights.items():
        weight.fill_(1.0 if ".ln_" in name and name.endswith("weight") else 0.0)
    weights["transformer.wte.weight"].copy_(this)
    weights["transformer.wpe.weight"].copy_(place)

    previous = torch.roll(place, 1, dims=0)  # position t asks for t - 1; 0 for the last, which it cannot see
    sharp = (SHARP * D_MODEL**0.5) ** 0.5
    read = torch.cat([sharp * place.T @ previous, sharp * place.T @ place, this.T @ before], dim=1)
    _after_norm(weights[block + "attn.c_attn.weight"], weights[block + "attn.c_attn.bias"], read, total=2)
    weights[block + "attn.c_proj.weight"].copy_(torch.eye(D_MODEL))

    noise = torch.from_numpy(generator(0, "planted weights").normal(0, 0.05, (D_MODEL, D_MLP))).to(this)
    detectors = noise.clone()
    detectors[:, :6] = 0
    letter = {name: this[LETTERS.index(name)] for name in LETTERS}
    after = {name: before[LETTERS.index(name)] for name in LETTERS}
    for neuron, (code, least) in enumerate(
        [
            (letter["B"] + after["A"], 1.5),
            (letter["C"] + letter["D"], 0.5),
            (letter["E"] + letter["G"], 0.5),
            (letter["F"] + letter["G"], 0.5),
            (letter["H"], 0.5),
            (letter["I"], 0.5),
        ]
    ):
        detectors[:, neuron] = 2 * code
        weights[block + "mlp.c_fc.bias"][neuron] = -2 * least
    _after_norm(weights[block + "mlp.c_fc.weight"], weights[block + "mlp.c_fc.bias"], detectors, total=3)
    weights[block + "mlp.c_proj.weight"].copy_(0.02 * noise.T)
    weights[block + "mlp.c_proj.weight"][0] = 4 * letter["Z"]
    weights["lm_head.weight"].copy_(this + 0.5 * torch.roll(this, 1, dims=0))


def _codes(like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """One-hot codes of this letter, the letter before and the position, rows (n, D_MODEL)."""
    codes = torch.eye(D_MODEL, dtype=like.dtype)
    return codes[:N_LETTERS], codes[N_LETTERS : 2 * N_LETTERS], codes[2 * N_LETTERS :]


def _after_norm(weight: Tensor, bias: Tensor, wanted: Tensor, *, total: int) -> None:
    """Write `weight`, `bias` (inputs, outputs) so that they do to LN(x) what `wanted` does to x, x of `total` ones."""
    mean = total / D_MODEL
    spread = (mean - mean**2 + 1e-5) ** 0.5
    weight.copy_(spread * wanted)
    bias += mean * wanted.sum(0)
