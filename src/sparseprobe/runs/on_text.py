"""What the best neuron of each feature does on text, as tables: what drives it, its tokens, the classes it fires on.

    stimuli     the n-grams that drive it, on all text of the dataset: unrelated ones make it polysemantic
    by_token    the tokens of largest mean and of largest maximum on test text; a maximum alone misleads
    by_class    its activation on every feature of the dataset, on test text

What drives a neuron is found on the side on which it goes farther from 0: above, but for some neurons of gated MLPs
below (`L5.N701-`). The other tables have the activations as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pandas as pd

from sparseprobe.experiments.summary import best_rows
from sparseprobe.neurons.on_text.mean_activation_by_token import TokenActivations, by_class, by_token, read_tokens
from sparseprobe.neurons.on_text.stimuli import stimuli
from sparseprobe.neurons.on_text.text_stream import split_text
from sparseprobe.runs.experiment import Experiment, Part, Question, Sources, Work, model_of
from sparseprobe.tables import BY_CLASS, BY_TOKEN, STIMULI, Column

LEAST, TOKENS = 3, 10
"""How often a token or an n-gram must occur, and how many tokens are kept of the largest mean and maximum each."""


def driving_ngrams(read: TokenActivations) -> pd.DataFrame:
    """What drives each neuron, on the side on which it goes farther; columns of `STIMULI`."""
    tables = []
    for column in range(len(read.neurons)):
        values = read.matrix[read.known, column]
        downwards = -values.min(initial=0) > values.max(initial=0)
        side = read.side("-") if downwards else read
        tables.append(stimuli(side, side.neurons[column], least=LEAST).table)
    return pd.concat(tables, ignore_index=True)


def _tokens(read: TokenActivations) -> pd.DataFrame:
    table = by_token(read, least=LEAST)
    ranks = table.groupby("neuron")[["mean", "max"]].rank(method="first", ascending=False)
    return table[ranks.min(axis=1) <= TOKENS].reset_index(drop=True)


def _on_text(
    name: str,
    about: str,
    columns: tuple[Column, ...],
    say: Callable[[TokenActivations], pd.DataFrame],
    splits: tuple[str, ...] | None,
) -> Experiment:
    """The entry of a table that is made of the best neurons' activations on the tokens of a text."""

    def check(question: Question) -> Work:
        model_of(question, name)
        return partial(parts, question)

    def parts(question: Question, sources: Sources) -> Iterator[Part]:
        def make() -> pd.DataFrame:
            text = split_text(question.data, splits, f"the experiment {name!r}")
            best = list(dict.fromkeys(best_rows(sources.tables["neurons"])["neuron"]))
            return say(read_tokens(model_of(question, name), text, best))

        yield Part(name, "all", make)

    return Experiment(name, about, columns, (), check, needs_model=True, needs_tables=("neurons",))


NEURONS_ON_TEXT = (
    _on_text("stimuli", "the n-grams that drive the best neuron of each feature", STIMULI, driving_ngrams, None),
    _on_text(
        "by_token",
        "the tokens on which the best neurons have the largest means and maxima",
        BY_TOKEN,
        _tokens,
        ("test",),
    ),
    _on_text("by_class", "the best neuron of each feature on all features", BY_CLASS, by_class, ("test",)),
)
