"""The best neuron of each feature on test text, read once for all experiments of a run that want it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sparseprobe.experiments.summary import best_neurons
from sparseprobe.neurons.on_text.mean_activation_by_token import TokenActivations, read_tokens
from sparseprobe.neurons.on_text.text_stream import split_text
from sparseprobe.runs.experiment import Question, Sources, model_of


def read_best(question: Question, sources: Sources) -> tuple[list[dict[str, Any]], TokenActivations]:
    """The row of the table `neurons` for each feature's best neuron, and what these neurons do at each test token.

    They are chosen by training and validation examples; with the paper's single split, which has no validation part, by
    test scores.
    """
    table = sources.tables["neurons"]
    best = best_neurons(table, choose_by="f1" if table["log_loss_choosing"].isna().all() else "log_loss_choosing")
    read = _read(question, tuple(dict.fromkeys(best["neuron"])))
    rows = best.assign(model=table["model"].iloc[0]).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows], read


@lru_cache(maxsize=1)
def _read(question: Question, names: tuple[str, ...]) -> TokenActivations:
    model = model_of(question, "neurons on text")
    return read_tokens(model, split_text(question.data, ("test",), "the best neurons"), list(names))
