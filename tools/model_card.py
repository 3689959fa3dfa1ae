"""Write the model card of a demo model from the record of its training.

python tools/model_card.py src/sparseprobe/demo/models/demo-4.7m
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

CARD = """---
license: mit
library_name: transformers
pipeline_tag: text-generation
---

# {name}

A small GPT-NeoX-architecture language model ({n_layers} layers, d_model {d_model}, {n_neurons:,} neurons,
{parameters:,} parameters, {non_embedding:,} of them outside the embeddings) that ships with sparseprobe, so that every
part of it can be tried without a download. It is made for looking at neurons, not for writing text.

Trained by `tools/train_demo_suite.py` (seed {seed}) on {tokens:,} tokens: {steps:,} steps of {tokens_per_step:,}
tokens, AdamW, peak learning rate {learning_rate}, cosine schedule, contexts of 256 and finally of 512 tokens. The
tokenizer is a byte-level BPE of 4,096 tokens trained on the same text. Documents stand one after the other with
`<|endoftext|>` between them; the tokenizer adds no token by itself.

## Data and held-out loss

Kinds of text are mixed by stated shares; one source file in twelve was held out and never trained on. "Passes" is how
often the training part of a kind was read. Loss is on held-out documents of at most 511 tokens, in bits per byte (nan:
no file of this kind was held out).

| kind | share | passes | bits per byte |
|---|---|---|---|
{rows}

Held-out loss during training (mean over kinds, bits per byte): {curve}.

| source | licence |
|---|---|
| GNOME/gnome-user-docs (software help in nine languages) | CC BY 3.0 |
| COST-ELTeC novels 1840-1920 (eng, fra, spa, por, ita, swe, deu, gre) | texts in the public domain, markup CC BY 4.0 |
| UniversalDependencies/UD_English-EWT | CC BY-SA 4.0 |
| stacks/stacks-project; HoTT/book (LaTeX) | GFDL 1.2 or later; CC BY-SA 3.0 |
| NLTK's inaugural and state-of-the-union speeches | public domain |
| apache/thrift, apache/ant, mybatis/mybatis-3, gohugoio/hugo, patrick-kidger/equinox, stanfordnlp/pyvene | Apache 2.0 |
| gin-gonic/gin, libuv/libuv, TheAlgorithms/C-Plus-Plus, composer/composer, jquery/jquery | MIT |
| guzzle/guzzle, pytest-dev/pluggy, TransformerLens | MIT |
| google/leveldb, encode/httpx | BSD 3-Clause |
| mdn/dom-examples | CC0 1.0 |
"""


def card(folder: Path) -> str:
    training = json.loads((folder / "training.json").read_text())
    config = json.loads((folder / "config.json").read_text())
    last = training["held_out"][-1]["bits_per_byte"]
    read = training["tokens"] / training["data"]["tokens_in_stream"]
    rows = [
        f"| {kind} | {row['share_of_training']:.1%} | {row['passes'] * read:.1f} | {last.get(kind, float('nan')):.3f} |"
        for kind, row in training["data"]["kinds"].items()
    ]
    d_model, d_mlp, n_layers = config["hidden_size"], config["intermediate_size"], config["num_hidden_layers"]
    embeddings = 2 * config["vocab_size"] * d_model
    block = 4 * d_model * d_model + 2 * d_model * d_mlp + 9 * d_model + d_mlp
    return CARD.format(
        name=folder.name,
        n_layers=n_layers,
        d_model=d_model,
        n_neurons=n_layers * d_mlp,
        parameters=embeddings + n_layers * block + 2 * d_model,
        non_embedding=n_layers * block + 2 * d_model,
        learning_rate=training["size"]["learning_rate"],
        rows="\n".join(rows),
        curve=", ".join(_point(row) for row in training["held_out"]),
        **{name: training[name] for name in ("seed", "tokens", "steps", "tokens_per_step")},
    )


def _point(row: dict[str, Any]) -> str:
    values = row["bits_per_byte"].values()
    return f"{sum(values) / len(values):.3f} after {row['tokens'] / 1e6:.1f} M tokens"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    (folder / "README.md").write_text(card(folder))
