"""The columns of the result tables: name, dtype, and one sentence each.

A table has exactly these columns in this order. Tables of exact selections have those of `CERTIFICATE` behind them.
Scores without a suffix are of test examples; a score that does not exist (no validation examples) is NaN, null in
Parquet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sparseprobe.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Column:
    """One column of a result table."""

    name: str
    dtype: str
    """As pandas says it: str, int64, float64, bool; object for lists."""
    meaning: str


_WHERE = (
    Column("model", "str", "The model whose activations were read."),
    Column("collection", "str", "The dataset that the feature belongs to."),
    Column("feature", "str", "The property that is read."),
    Column("site", "str", "Where in the layer the activations are from: mlp, mlp_pre, residual, attention, sae."),
    Column("layer", "int64", "The layer, counted from 0."),
    Column("aggregation", "str", "How the tokens of an example became one row: none, mean, max, last."),
    Column("selection", "str", "How the neurons were chosen; `every` where all single neurons were tried."),
    Column("k", "int64", "Number of neurons that the probe reads."),
    Column("seed", "int64", "Seed of every random draw behind the row."),
    Column("n_train", "int64", "Training examples that carry a label of the feature."),
    Column("n_test", "int64", "Test examples that carry a label of the feature."),
    Column("n_positive", "int64", "Positive test examples; n_positive / n_test is the base rate of the scores."),
)
_SCORES = (
    Column("f1_validation", "float64", "F1 on validation examples, by which neurons, layers and k are to be chosen."),
    Column("f1", "float64", "Harmonic mean of precision and recall."),
    Column("precision", "float64", "Share of the examples called positive that are."),
    Column("recall", "float64", "Share of the positive examples that are called so."),
    Column("mcc", "float64", "Matthews correlation coefficient of answer and label."),
    Column("balanced_accuracy", "float64", "Mean of the shares of right answers in both classes; chance is 0.5."),
    Column("roc_auc", "float64", "Chance that a positive example is ranked above a negative one."),
    Column("pr_auc", "float64", "Area under precision over recall, by trapezoids; chance is the base rate."),
    Column(
        "log_loss", "float64", "Mean negative log probability of the label, nats; classes weigh the same in the fit."
    ),
    Column("f1_low", "float64", "Lower end of the 95 % interval of f1, from resamples of whole test groups."),
    Column("f1_high", "float64", "Upper end of that interval."),
    Column(
        "control_f1",
        "float64",
        "F1 that the same procedure reaches on labels permuted over groups, at the real shares.",
    ),
    Column("converged", "bool", "Whether the fit came as close to its minimum as was asked for."),
    Column("seconds", "float64", "Wall time of the row; work that rows share is divided evenly between them."),
)

SWEEP = (
    *_WHERE,
    Column("support", "object", "The neurons, ascending (list of int)."),
    Column("coef", "object", "Their coefficients, for activations as the model gives them (list of float)."),
    Column("intercept", "float64", "The probe says yes where activations[support] . coef + intercept > 0."),
    *_SCORES,
)
CERTIFICATE = (
    Column("objective", "float64", "What the chosen neurons reach of the objective that the selection minimises."),
    Column("bound", "float64", "No set of k neurons reaches less than this."),
    Column("gap", "float64", "(objective - bound) / objective."),
    Column("proven", "bool", "Whether the gap is within the tolerance, so that the choice is optimal."),
    Column("nodes", "int64", "Nodes of the search tree that were looked at."),
)
NEURONS = (
    *_WHERE,
    Column("neuron", "int64", "The neuron, counted from 0 in its layer."),
    Column("coef", "float64", "Its coefficient, for activations as the model gives them."),
    Column("intercept", "float64", "The probe says yes where activation * coef + intercept > 0."),
    *_SCORES,
    Column("mean_difference", "float64", "Mean activation of positive minus that of negative training examples."),
    Column(
        "threshold",
        "float64",
        "Activation at which yes and no part best (F1) on training examples; yes is above it"
        " where coef > 0, else below.",
    ),
    Column("best_threshold_f1", "float64", "F1 on test examples of that threshold."),
)

DENSE = (*_WHERE, Column("C", "float64", "Weight of the loss against |w|^2 / 2, on scaled activations."), *_SCORES)
PRUNING = (
    *SWEEP,
    Column("step", "int64", "How many neurons had been removed before."),
    Column("removed", "int64", "The best single neuron of this step, which later steps do without."),
)
BASELINES = (
    *SWEEP,
    Column("arm", "str", "What was probed: neurons, or one of the baselines."),
    Column("trial", "int64", "Which of the arm's independent draws."),
)
PLANTED = (
    Column("n", "int64", "Examples, 70 % of them for training."),
    Column("d", "int64", "Neurons."),
    Column("informative", "int64", "Planted neurons."),
    Column("shift", "float64", "Total shift of the planted neurons, in standard deviations."),
    Column("positive", "float64", "Share of positive examples."),
    Column("trial", "int64", "Which draw of the setting."),
    Column("seed", "int64", "Seed of every random draw behind the row."),
    Column("selection", "str", "How the neurons were chosen."),
    Column("k", "int64", "Number of neurons chosen."),
    Column("share", "float64", "Share of the planted neurons, or of k where k is less, that were chosen."),
    Column("f1", "float64", "F1 of the probe on test examples."),
    Column("roc_auc", "float64", "ROC AUC of the probe on test examples."),
    Column("seconds", "float64", "Wall time of selection and fit."),
)
REGRESSION = (
    *(column for column in _WHERE if column.name != "n_positive"),
    Column("support", "object", "The neurons, ascending (list of int)."),
    Column("coef", "object", "Their coefficients, for activations as the model gives them (list of float)."),
    Column("intercept", "float64", "The prediction is activations[support] . coef + intercept."),
    Column("r2_validation", "float64", "R2 on validation examples, by which rows are to be chosen."),
    Column("r2", "float64", "Share of the variance that is explained; below 0 where the mean would do better."),
    Column("rmse", "float64", "Root of the mean squared error, in the feature's units."),
    Column("mae", "float64", "Mean absolute error, in the feature's units."),
    Column("spearman", "float64", "Rank correlation of prediction and feature."),
    Column("r2_low", "float64", "Lower end of the 95 % interval of r2, from resamples of whole test groups."),
    Column("r2_high", "float64", "Upper end of that interval."),
    Column("control_r2", "float64", "R2 that the same procedure reaches on values permuted over groups."),
    Column("seconds", "float64", "Wall time of the row; work that rows share is divided evenly between them."),
)
STABILITY = (
    *_WHERE[:9],
    Column("resamples", "int64", "How many times part of the training groups was drawn."),
    Column("neuron", "int64", "A neuron that was chosen at least once."),
    Column("frequency", "float64", "Share of the resamples in which it was chosen."),
    Column("stability", "float64", "Agreement of all choices of this k: 1 always the same, 0 as if by chance."),
)
SIGNIFICANCE = (
    *_WHERE[:6],
    Column("seed", "int64", "Seed of the permutations."),
    Column("part", "str", "The examples that were looked at: train, validation or test."),
    Column("n", "int64", "How many of them carry a label."),
    Column("permutations", "int64", "How many times labels were permuted over groups."),
    Column("neuron", "int64", "The neuron."),
    Column("correlation", "float64", "Correlation of activation and label."),
    Column("p", "float64", "Chance of as large a correlation (either sign) under permuted labels."),
    Column("p_family", "float64", "Chance that any neuron of all layers has one as large: controls all false alarms."),
    Column("q", "float64", "Share of false alarms to expect among neurons with as large a correlation or larger."),
)


def check_table(table: pd.DataFrame, columns: tuple[Column, ...]) -> pd.DataFrame:
    """Hand the table back if it has these columns in this order with these dtypes; else raise `InputError`.

    >>> import pandas as pd
    >>> check_table(pd.DataFrame({"k": [1, 2]}), (Column("k", "int64", "..."),)).shape
    (2, 1)
    """
    if list(table.columns) != [column.name for column in columns]:
        wanted = [column.name for column in columns]
        odd = sorted(set(table.columns) ^ set(wanted)) or ["the order"]
        raise InputError(
            f"the table's columns differ from its schema in {', '.join(odd)}: expected {', '.join(wanted)}"
        )
    for column in columns:
        dtype = str(table[column.name].dtype)
        if dtype != column.dtype:
            raise InputError(f"the column {column.name!r} has dtype {dtype}, its schema says {column.dtype}")
    return table
