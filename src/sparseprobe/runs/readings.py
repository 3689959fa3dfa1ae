"""How what is read lies to the label: a union of finer features or one in superposition, a narrower or a wider one.

    union       the sweep's neurons of each feature, by the union test
    relation    the best neuron of each feature, by precision against recall

Thresholds are chosen on training and validation examples, scores are of test examples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sparseprobe.datasets.preview import show
from sparseprobe.experiments.labelled_examples import LabelledExamples
from sparseprobe.experiments.summary import best_rows
from sparseprobe.neurons.on_text.label_relation import label_relation
from sparseprobe.neurons.on_text.union_or_superposition import union_test
from sparseprobe.runs.compound_parts import few_neurons, refuse_no_few
from sparseprobe.runs.experiment import Experiment, Part, Question, Sources, Work
from sparseprobe.tables import RELATION, UNION, Column, make_table

EXAMPLES = 3
"""Of those in question how many are shown."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """The examples that carry a label of a feature."""

    rows: NDArray[np.int64]
    """(n,) their numbers in the dataset."""
    positive: NDArray[np.bool_]
    """(n,)"""
    choosing: NDArray[np.bool_]
    """(n,) those on which thresholds are chosen: of training and validation."""

    @classmethod
    def of(cls, examples: LabelledExamples, feature: str) -> Labelled:
        """The labelled examples of a feature, of all splits."""
        column = examples.features.index(feature)
        rows = examples.rows(column, "train", "validation", "test")
        return cls(rows, examples.labels[rows, column] == 1, examples.splits[rows] != "test")


def _union(question: Question, sources: Sources) -> pd.DataFrame:
    rows = []
    for row in few_neurons(sources.tables["sweep"]).to_dict("records"):
        few = Labelled.of(question.binary, row["feature"])
        values = sources.activations.layer(row["layer"])[:][few.rows][:, row["support"]]
        found = union_test(values, few.positive, few.choosing)
        about = {name: row[name] for name in ("model", "collection", "feature", "layer", "k", "neurons")}
        rows.append({**about, **{name: getattr(found, name) for name in _EVIDENCE}})
    return make_table(rows, UNION)


_EVIDENCE = ("decision", "f1_single", "f1_union", "f1_together", "f1_probe", "least_together", "mean_overlap")


def _relation(question: Question, sources: Sources) -> pd.DataFrame:
    rows = []
    for row in best_rows(sources.tables["neurons"]).to_dict("records"):
        few = Labelled.of(question.binary, row["feature"])
        values = sources.activations.layer(row["layer"])[:][few.rows][:, row["index"]]
        found = label_relation(values, few.positive, few.choosing)
        about = {name: row[name] for name in ("model", "collection", "feature", "neuron", "sign")}
        scores = {name: getattr(found, name) for name in ("relation", "precision", "recall", "f1")}
        asked = few.rows[found.rows]
        shown = [show(question.data, int(one)).strip() for one in asked[:EXAMPLES]]
        rows.append({**about, **scores, "n_examples": len(asked), "examples": shown})
    return make_table(rows, RELATION)


def _reading(
    name: str,
    about: str,
    columns: tuple[Column, ...],
    table: Callable[[Question, Sources], pd.DataFrame],
    needs: str,
) -> Experiment:
    """The entry of a table that is made of stored activations and another experiment's neurons."""

    def check(question: Question) -> Work:
        question.named("binary", asking=f"the experiment {name!r}")
        if needs == "sweep":
            refuse_no_few(question)
        return lambda sources: [Part(name, "all", partial(table, question, sources))]

    return Experiment(name, about, columns, (), check, needs_tables=(needs,))


READINGS = (
    _reading(
        "union", "whether several neurons read a union of features, or one in superposition", UNION, _union, "sweep"
    ),
    _reading("relation", "whether the best neuron is wider or narrower than the label", RELATION, _relation, "neurons"),
)
