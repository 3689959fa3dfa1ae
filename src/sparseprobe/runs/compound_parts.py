"""The few neurons that read a compound together, each and their sum: on the compound, on its words alone, elsewhere.

Of each feature the sweep's smallest probe of `FEW` neurons is taken that reaches `ENOUGH` of the best validation F1 of
such probes, in the layer that is best for its k on validation examples. Single neurons overlap between the contexts
where they fire on one word as well; their sum, each with the sign of its coefficient, need not (the paper, case study
1). Test text is read once.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sparseprobe.errors import InputError
from sparseprobe.neurons.on_text.compound_contexts import compound_contexts
from sparseprobe.neurons.on_text.mean_activation_by_token import read_tokens
from sparseprobe.neurons.on_text.text_stream import split_text
from sparseprobe.reports.findings import chosen_rows
from sparseprobe.runs.experiment import Experiment, Part, Question, Sources, Work, model_of
from sparseprobe.tables import COMPOUND_PARTS, QUANTILES, make_table

FEW = range(2, 9)
ENOUGH = 0.95
SUM = "sum"


def _check(question: Question) -> Work:
    model_of(question, "compound_parts")
    refuse_no_few(question)
    return partial(_parts, question)


def _parts(question: Question, sources: Sources) -> Iterator[Part]:
    yield Part("compound_parts", "all", lambda: _table(question, sources.tables["sweep"]))


def _table(question: Question, sweep: pd.DataFrame) -> pd.DataFrame:
    model = model_of(question, "compound_parts")
    sets = few_neurons(sweep).to_dict("records")
    names = sorted({name for row in sets for name in row["neurons"]})
    text = split_text(question.data, ("test",), "the parts of compounds")
    read = read_tokens(model, text, names)
    rows = []
    for row in sets:
        about = {"model": model.name, "collection": text.name, "compound": row["feature"], "layer": row["layer"]}
        values = read.matrix[:, [names.index(name) for name in row["neurons"]]].astype(np.float64)
        signs = np.array([1.0 if sign == "+" else -1.0 for sign in row["sign"]])
        shown = {name: values[:, column] for column, name in enumerate(row["neurons"])} | {SUM: values @ signs}
        for context, places in compound_contexts(text, row["feature"]).items():
            here = places & read.known
            if here.any():
                rows += [
                    {**about, "neuron": name, "context": context, **spread(column[here])}
                    for name, column in shown.items()
                ]
    return make_table(rows, COMPOUND_PARTS)


def few_neurons(sweep: pd.DataFrame) -> pd.DataFrame:
    """The row of each feature with the fewest neurons that are `ENOUGH` of `FEW`, by validation examples.

    The paper's single split has none; there rows are chosen by test scores. Raises `InputError` where the sweep has no
    such k.
    """
    best = chosen_rows(sweep[sweep["k"].isin(FEW)], ["feature", "k"])
    if best.empty:
        raise InputError(f"the sweep has no k from {FEW[0]} to {FEW[-1]}: add one")
    score = best["f1"] if best["f1_validation"].isna().all() else best["f1_validation"]
    enough = best[score >= ENOUGH * score.groupby(best["feature"]).transform("max")]
    return enough.sort_values("k", kind="stable").drop_duplicates("feature").sort_index()


def refuse_no_few(question: Question) -> None:
    """Raise `InputError` if a k was given, and none is in `FEW`."""
    ks = question.settings.get("k")
    if ks is not None and not set(ks) & set(FEW):
        raise InputError(f"a few neurons are compared with single ones: add a k from {FEW[0]} to {FEW[-1]} to the run")


def spread(values: NDArray[np.float64]) -> dict[str, float]:
    """Count, mean and quantiles of some activations, as tables of distributions have them."""
    found = np.quantile(values, list(QUANTILES.values()))
    return {
        "count": len(values),
        "mean": float(values.mean()),
        **{name: float(value) for name, value in zip(QUANTILES, found, strict=True)},
    }


PARTS_OF_COMPOUNDS = Experiment(
    name="compound_parts",
    about="the few neurons of a compound, and their sum, on it, on its words alone and on other text",
    columns=COMPOUND_PARTS,
    takes=(),
    check=_check,
    needs_model=True,
    needs_tables=("sweep",),
)
