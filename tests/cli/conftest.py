"""A tiny model and tiny texts of our own, so that the whole chain runs in seconds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM, PreTrainedTokenizerFast

import sparseprobe as sp
from sparseprobe.cli import main

WORDS = {
    "fr": "le la les un une et dans sur maison jardin petite grande rouge fleur matin soir pluie",
    "en": "the a an and in on house garden small large red flower morning evening rain",
    "de": "der die das ein eine und in auf Haus Garten klein rot Blume Morgen Abend Regen",
}


class Outcome(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs one command line in this process."""

    def run(*arguments: object) -> Outcome:
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Outcome(int(stop.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def records() -> list[dict[str, str]]:
    """120 short texts in three languages, each its own document."""
    rows = []
    for number in range(120):
        label = list(WORDS)[number % 3]
        words = WORDS[label].split()
        text = " ".join(words[(number * 7 + place * place) % len(words)] for place in range(12 + number % 5))
        rows.append({"text": f"{text} {number}", "label": label, "document": f"d{number}"})
    return rows


@pytest.fixture(scope="session")
def texts(tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, str]]) -> Path:
    """The same texts as a JSONL file."""
    path = tmp_path_factory.mktemp("texts") / "texts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in records), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, str]]) -> Path:
    """A random GPT-NeoX of two layers with its own tokenizer, as a Hugging Face folder."""
    folder = tmp_path_factory.mktemp("model") / "tiny"
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([row["text"] for row in records], trainer)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<|endoftext|>").save_pretrained(folder)
    torch.manual_seed(0)
    config = GPTNeoXConfig(
        vocab_size=400,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
    )
    GPTNeoXForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory, texts: Path, model_folder: Path) -> Path:
    """The texts as a saved dataset."""
    out = tmp_path_factory.mktemp("datasets") / "custom"
    sp.load_dataset("custom", source=texts, tokenizer=str(model_folder), context=64).save(out)
    return out
