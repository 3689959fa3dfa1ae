"""Write the model cards of the demo suite, and the figure of its training, from the records of the training.

    python tools/model_card.py src/sparseprobe/demo/models

Every folder with a training.json gets a README.md; training.svg beside the folders shows held-out loss over tokens.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

CARD = """---
license: mit
library_name: transformers
pipeline_tag: text-generation
---

# {name}

A small GPT-NeoX-architecture language model ({n_layers} layers, d_model {d_model}, {n_neurons:,} neurons,
{parameters:,} parameters, {non_embedding:,} of them outside the embeddings) that ships with sparseprobe, so that every
part of it can be tried without a download. It is made for looking at neurons, not for writing text: it stays in a
natural language, repeats itself, and may go on in another programming language than it began in. The models of the
suite ({suite}) have one tokenizer and read the same tokens in the same order.

Trained by `tools/train_demo_suite.py` (seed {seed}) on {tokens:,} tokens of the text below in three parts:
{steps:,} steps of {tokens_per_step:,} tokens, AdamW, a cosine for each part, rows of 256 tokens and at last of 512.

- {first:,} tokens, as many as the text has, in whole documents; peak learning rate {learning_rate}.
- {second:,} tokens in pieces of at most a row, so that a batch holds many documents, {code:.0%} of them code, so that
  neurons learn to tell programming languages apart; peak learning rate {second_rate}.
- From there {branches} branches of {branch:,} tokens, each a new draw like the second part, with {density:g} times the
  density of the neurons added to the loss, so that few of them fire at a time; peak learning rate {branch_rate}.
  Density is the L1 norm of a token's activations in an MLP over the largest that their L2 norm allows (Hoyer 2004), the
  mean over tokens and layers, from 0 to 1.

The weights are the mean of those of the {branches} branches ("model soup", Wortsman et al. 2022): {loss:.3f} bits per
byte on the held-out documents, against {alone} for each alone. Single neurons of programming languages are clearer
after the branches than before them; keep their penalty in mind when you compare this model with others, which are
trained for the next token only.

The tokenizer is a byte-level BPE of 4,096 tokens trained on the same text. Documents stand one after the other with
`<|endoftext|>` between them; the tokenizer adds no token by itself.

![Held-out loss over tokens](../training.svg)

## Data and held-out loss

Kinds of text are mixed by stated shares, for the first part and for the later ones; one source file in twelve of each
kind was held out and never trained on. "Passes" is how often the training part of a kind was read. Loss is on held-out
documents of at most 511 tokens, in bits per byte.

| kind | first | later | passes | {header} |
|---|---|---|---|{rule}|
{rows}

## Where the text is from

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


@dataclass(frozen=True)
class Trained:
    """One model of the suite and the record of its training."""

    name: str
    config: dict[str, Any]
    training: dict[str, Any]

    @property
    def last(self) -> dict[str, float]:
        """Held-out bits per byte of each kind of text at the end."""
        row: dict[str, float] = self.training["held_out"][-1]["bits_per_byte"]
        return row

    @property
    def non_embedding(self) -> int:
        """Parameters outside the embeddings."""
        d_model, d_mlp, n_layers = (
            self.config[name] for name in ("hidden_size", "intermediate_size", "num_hidden_layers")
        )
        block = 4 * d_model * d_model + 2 * d_model * d_mlp + 9 * d_model + d_mlp
        return int(n_layers * block + 2 * d_model)


def read_suite(folder: Path) -> list[Trained]:
    """The models in a folder, from small to large."""
    suite = [
        Trained(
            path.parent.name,
            json.loads((path.parent / "config.json").read_text()),
            json.loads(path.read_text()),
        )
        for path in folder.glob("*/training.json")
    ]
    return sorted(suite, key=lambda one: one.non_embedding)


def card(one: Trained, suite: list[Trained]) -> str:
    """The README.md of one model."""
    config, training = one.config, one.training
    data = training["data"]
    kinds, second, branch = data["kinds"], data["second"], data["branch"]
    rate, per_step = training["size"]["learning_rate"], training["tokens_per_step"]
    rows = [
        f"| {kind} | {row['shares'][0]:.1%} | {row['shares'][1]:.1%} | {row['passes']:.1f} | "
        + " | ".join(f"{other.last[kind]:.3f}" for other in suite)
        + " |"
        for kind, row in kinds.items()
    ]
    rows.append("| mean over kinds | | | | " + " | ".join(f"{mean(other.last):.3f}" for other in suite) + " |")
    d_model, n_layers = config["hidden_size"], config["num_hidden_layers"]
    return CARD.format(
        name=one.name,
        suite=", ".join(other.name for other in suite),
        n_layers=n_layers,
        d_model=d_model,
        n_neurons=n_layers * config["intermediate_size"],
        parameters=2 * config["vocab_size"] * d_model + one.non_embedding,
        non_embedding=one.non_embedding,
        first=data["first_tokens"],
        learning_rate=rate,
        second=second["steps"] * per_step,
        second_rate=rate * second["peak"],
        branches=data["branches"],
        branch=branch["steps"] * per_step,
        branch_rate=rate * branch["peak"],
        density=branch["density"],
        loss=mean(one.last),
        alone=", ".join(f"{mean(row['bits_per_byte']):.3f}" for row in training["branches"]),
        code=sum(row["shares"][1] for kind, row in kinds.items() if kind.startswith("code/")),
        header=" | ".join(other.name for other in suite),
        rule="|".join("---" for _ in suite),
        rows="\n".join(rows),
        **{name: training[name] for name in ("seed", "tokens", "steps", "tokens_per_step")},
    )


def mean(bits_per_byte: dict[str, float]) -> float:
    """The mean over kinds of text."""
    return sum(bits_per_byte.values()) / len(bits_per_byte)


def figure(suite: list[Trained], path: Path) -> None:
    """Held-out loss over training tokens, mean over kinds of text, a line for each model."""
    plt.rcParams |= {"svg.hashsalt": "sparseprobe", "font.size": 9, "svg.fonttype": "none"}
    drawing, axes = plt.subplots(figsize=(5.2, 3.2), layout="constrained")
    colours = plt.colormaps["viridis"]
    for number, one in enumerate(suite):
        curve = one.training["held_out"]
        tokens = [row["tokens"] / 1e6 for row in curve]
        values = [mean(row["bits_per_byte"]) for row in curve]
        colour = colours(0.85 * (1 - number / max(1, len(suite) - 1)))
        label = f"{one.name}  {values[-1]:.2f}"
        axes.plot(tokens, values, color=colour, marker="o", markersize=3, linewidth=1.4, label=label)
    axes.set(xscale="log", xlabel="training tokens (millions)", ylabel="held-out loss (bits per byte)")
    ticks = [row["tokens"] / 1e6 for row in suite[0].training["held_out"]]
    axes.set_xticks(ticks, [f"{tick:.2g}" for tick in ticks])
    axes.minorticks_off()
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, title="model, loss at the end", title_fontsize=9)
    drawing.savefig(path, metadata={"Date": None})
    plt.close(drawing)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    trained = read_suite(folder)
    for one in trained:
        (folder / one.name / "README.md").write_text(card(one, trained))
    figure(trained, folder / "training.svg")
