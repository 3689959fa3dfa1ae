"""Every table of the library: its columns, with a dtype and one sentence each, and how rows become one.

A table has exactly these columns, in this order. Tables of exact selections end with the columns of `CERTIFICATE`.
Scores without a suffix are of test examples; a score that does not exist (no validation examples) is NaN, null in
Parquet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd

from sparseprobe.errors import InputError
from sparseprobe.neuron import ExpertColumns, Neuron, signs_of, site_kind


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
    Column("feature", "str", "The property that is probed."),
    Column("site", "str", "Where in the layer the activations are from: mlp, mlp_pre, residual, attention, sae."),
    Column("layer", "int64", "The layer, counted from 0."),
    Column("aggregation", "str", "How the tokens of an example became one row: none, mean, max, last."),
    Column("selection", "str", "How the neurons were chosen; `every` if all single neurons were tried."),
    Column("k", "int64", "Number of neurons in the probe."),
    Column("seed", "int64", "Seed of every random draw behind the row."),
    Column("n_train", "int64", "Training examples that have a label of the feature."),
    Column("n_test", "int64", "Test examples that have a label of the feature."),
    Column("n_positive", "int64", "Positive test examples; n_positive / n_test is the base rate of the scores."),
    Column(
        "n_positive_groups", "int64", "Test groups with a positive example; with fewer than 10, scores are uncertain."
    ),
)
_NEURON = (
    Column("neuron", "str", "The neuron's name, such as L3.N609; L3.D21 for a dimension of a site without neurons."),
    Column("index", "int64", "Its column among the layer's activations, counted from 0."),
)
_SUPPORT = (
    Column(
        "neurons",
        "object",
        "The neurons' names, such as L3.N609 (list of str); empty if columns are random directions.",
    ),
    Column("support", "object", "Their columns among the layer's activations, ascending (list of int)."),
    Column("sign", "object", "The sign of each coefficient, + or - (list of str)."),
    Column("coef", "object", "Their coefficients, for unscaled activations (list of float)."),
)
_SIGN = Column("sign", "str", "+ or -, the sign of the coefficient: the side of the neuron that indicates the feature.")
_SCORES = (
    Column("f1_validation", "float64", "F1 on validation examples; use it to choose layers and k."),
    Column("f1", "float64", "Harmonic mean of precision and recall."),
    Column("precision", "float64", "Share of the examples classified as positive that are positive."),
    Column("recall", "float64", "Share of the positive examples that are classified as positive."),
    Column("mcc", "float64", "Matthews correlation coefficient of prediction and label."),
    Column("balanced_accuracy", "float64", "Mean of the accuracies in both classes; chance is 0.5."),
    Column("roc_auc", "float64", "Probability that a positive example is ranked above a negative one."),
    Column("pr_auc", "float64", "Area under precision over recall, by trapezoids; chance is the base rate."),
    Column(
        "log_loss", "float64", "Mean negative log probability of the label, nats; the fit has balanced class weights."
    ),
    Column("f1_low", "float64", "Lower end of the 95 % interval of f1, in closed form, over test groups."),
    Column("f1_high", "float64", "Upper end of that interval."),
    Column(
        "control_f1",
        "float64",
        "F1 of the same procedure on labels permuted over groups, scored with the real class shares.",
    ),
    Column("converged", "bool", "Whether the fit reached the requested tolerance."),
    Column("seconds", "float64", "Wall time of the row; work shared by several rows is divided evenly between them."),
)

SWEEP = (
    *_WHERE,
    *_SUPPORT,
    Column("intercept", "float64", "The probe predicts positive if activations[support] . coef + intercept > 0."),
    *_SCORES,
)
CERTIFICATE = (
    Column(
        "objective", "float64", "The value that the chosen neurons reach of the objective that the selection minimises."
    ),
    Column("bound", "float64", "Lower bound: no set of k neurons reaches less than this."),
    Column("gap", "float64", "(objective - bound) / objective."),
    Column("proven", "bool", "Whether the gap is within the tolerance, so that the choice is optimal."),
    Column("nodes", "int64", "Nodes of the search tree that were visited."),
)
NEURONS = (
    *_WHERE,
    *_NEURON,
    _SIGN,
    Column("coef", "float64", "Its coefficient, for unscaled activations."),
    Column("intercept", "float64", "The probe predicts positive if activation * coef + intercept > 0."),
    Column(
        "log_loss_choosing",
        "float64",
        "Log loss on training and validation examples, classes balanced; lowest is best. NaN in the paper's split.",
    ),
    Column("f1_choosing", "float64", "F1 on training and validation examples."),
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
    Column("step", "int64", "How many neurons had been removed before this step."),
    Column("removed", "str", "The best single neuron of this step, which is removed before later steps."),
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
    Column("share", "float64", "Share of the planted neurons that were chosen (of k, if k is smaller)."),
    Column("f1", "float64", "F1 of the probe on test examples."),
    Column("roc_auc", "float64", "ROC AUC of the probe on test examples."),
    Column("seconds", "float64", "Wall time of selection and fit."),
)
REGRESSION = (
    *(column for column in _WHERE if not column.name.startswith("n_positive")),
    *_SUPPORT,
    Column("intercept", "float64", "The prediction is activations[support] . coef + intercept."),
    Column("r2_validation", "float64", "R2 on validation examples; use it to choose rows."),
    Column("r2", "float64", "Share of the variance that is explained; below 0 if the mean would predict better."),
    Column("rmse", "float64", "Root of the mean squared error, in the feature's units."),
    Column("mae", "float64", "Mean absolute error, in the feature's units."),
    Column("spearman", "float64", "Rank correlation of prediction and feature."),
    Column("r2_low", "float64", "Lower end of the 95 % interval of r2, from resamples of whole test groups."),
    Column("r2_high", "float64", "Upper end of that interval."),
    Column("control_r2", "float64", "R2 of the same procedure on values permuted over groups."),
    Column("seconds", "float64", "Wall time of the row; work shared by several rows is divided evenly between them."),
)
TRANSFER = (
    Column("model", "str", "The model whose activations were read."),
    Column("collection", "str", "The dataset that the neuron is scored on."),
    Column("chosen_on", "str", "The dataset on which it was chosen and its probe was fitted."),
    Column("feature", "str", "The property that is probed."),
    Column("site", "str", "Where in the layer the activations are from: mlp, mlp_pre, residual, attention, sae."),
    Column("layer", "int64", "The layer, counted from 0."),
    Column("aggregation", "str", "How the tokens of an example became one row: none, mean, max, last."),
    *_NEURON,
    _SIGN,
    Column("coef", "float64", "Its coefficient, as fitted on the dataset on which it was chosen."),
    Column("intercept", "float64", "The probe predicts positive if activation * coef + intercept > 0."),
    Column("n", "int64", "Examples of all splits that have a label of the feature."),
    Column("n_positive", "int64", "How many of them are positive."),
    Column("n_positive_groups", "int64", "Groups with a positive example; with fewer than 10, scores are uncertain."),
    Column("f1_source", "float64", "F1 on the test examples of the dataset that the neuron was chosen on."),
    Column("f1", "float64", "F1 of the unchanged probe on all examples."),
    Column("precision", "float64", "Share of the examples classified as positive that are positive."),
    Column("recall", "float64", "Share of the positive examples that are classified as positive."),
    Column("roc_auc", "float64", "Probability that a positive example is ranked above a negative one."),
    Column("f1_low", "float64", "Lower end of the 95 % interval of f1, over groups."),
    Column("f1_high", "float64", "Upper end of that interval."),
    Column("lost", "float64", "f1_source - f1."),
    Column("best_threshold_f1", "float64", "F1 of the threshold that was best on the training examples it comes from."),
    Column("f1_refitted", "float64", "F1 on test examples of a probe on the neuron, refitted on this dataset."),
    Column("f1_refitted_low", "float64", "Lower end of its 95 % interval."),
    Column("f1_refitted_high", "float64", "Upper end of that interval."),
)
STABILITY = (
    *_WHERE[:9],
    Column("resamples", "int64", "How many times a part of the training groups was drawn."),
    *_NEURON,
    Column("sign", "str", "+ or -, the sign of its mean difference between positive and negative examples."),
    Column("frequency", "float64", "Share of the resamples in which it was chosen."),
    Column(
        "stability", "float64", "Agreement of all choices of this k: 1 if always the same, 0 as expected by chance."
    ),
)
OPTIMUM = (
    *(column for column in _WHERE if not column.name.startswith("n_")),
    Column("objective", "float64", "What the best probe on the chosen neurons reaches of the exact objective."),
    Column("optimum", "float64", "The least that any k candidates were found to reach."),
    Column("excess", "float64", "objective / optimum - 1."),
    Column("n_shared", "int64", "Neurons shared with the optimum."),
    Column("bound", "float64", "No set of k candidates reaches less than this."),
    Column("proven", "bool", "Whether bound and optimum are within the tolerance."),
    Column("near_ties", "int64", "Sets within 1 % of the optimum that differ from it in one neuron, among 30 tried."),
)
SIGNIFICANCE = (
    *_WHERE[:6],
    Column("seed", "int64", "Seed of the permutations."),
    Column("part", "str", "The examples that were used: train, validation, test or all."),
    Column("n", "int64", "How many of them have a label."),
    Column("permutations", "int64", "How many times labels were permuted over groups."),
    *_NEURON,
    Column("sign", "str", "+ or -, the sign of the correlation."),
    Column("correlation", "float64", "Correlation of activation and label."),
    Column("p", "float64", "Probability of a correlation at least as large (either sign) under permuted labels."),
    Column(
        "p_family",
        "float64",
        "Probability that any neuron of any layer has one as large: controls the family-wise error rate.",
    ),
    Column("q", "float64", "False discovery rate among neurons with a correlation at least as large."),
)
ABLATION = (
    Column("model", "str", "The model that was run."),
    Column("collection", "str", "The dataset whose text it was run on."),
    Column("neurons", "object", "The neurons changed together (list of names such as L3.N609)."),
    Column(
        "value",
        "str",
        "What they were set to: a number, mean, mean(feature=label), resampled, or x followed by a factor.",
    ),
    Column("feature", "str", "The feature whose label chooses the text; null for all text."),
    Column("label", "Int8", "Text of examples with this label, 1 or 0; null for all text."),
    Column("seed", "int64", "Seed of every random draw behind the row."),
    Column("n_groups", "int64", "Groups (documents) with such text."),
    Column("n_tokens", "int64", "Positions with a loss; one that is in two examples counts twice."),
    Column("loss", "float64", "Next-token loss of the model as it is, nats per token, mean over groups."),
    Column("loss_ablated", "float64", "The same with the neurons changed."),
    Column("change", "float64", "loss_ablated - loss; above zero if the neurons help."),
    Column("change_low", "float64", "Lower end of its 95 % interval, Student's t over groups."),
    Column("change_high", "float64", "Upper end of that interval."),
    Column(
        "difference", "float64", "change on this label's text minus that on the other label's text; NaN for all text."
    ),
    Column("difference_low", "float64", "Lower end of its 95 % interval, Welch's t over groups."),
    Column("difference_high", "float64", "Upper end of that interval."),
    Column("n_controls", "int64", "Random sets of the same layers and similar mean activation, changed alike."),
    Column("control_change", "float64", "Mean change over these sets; NaN if there are none."),
    Column("control_low", "float64", "Lower end of the 95 % interval of control_change."),
    Column("control_high", "float64", "Upper end of that interval."),
    Column("control_difference", "float64", "difference for these sets."),
    Column("control_difference_low", "float64", "Lower end of its 95 % interval."),
    Column("control_difference_high", "float64", "Upper end of that interval."),
)
_BEST = (
    Column("model", "str", "The model that was run."),
    Column("collection", "str", "The dataset whose test text was read."),
    Column("feature", "str", "The feature whose best neuron it is, chosen without test examples."),
    Column("neuron", "str", "The neuron's name."),
    Column("sign", "str", "The side that the probe uses: + or -."),
)
CARDS = (
    *_BEST,
    Column("card", "str", "JSON: histogram by class, texts of both ends with activations, promoted tokens."),
)
_QUANTILES = (
    Column("q05", "float64", "Quantile of 5 % of the activations."),
    Column("q25", "float64", "Lower quartile."),
    Column("q50", "float64", "Median."),
    Column("q75", "float64", "Upper quartile."),
    Column("q95", "float64", "Quantile of 95 %."),
)
MEAN_AND_MAXIMUM = (
    *_BEST,
    Column("group", "str", "The document of the test example."),
    Column("label", "int64", "Whether the example has the feature, 1 or 0."),
    Column("mean", "float64", "Mean activation over the example's tokens, special ones left out."),
    Column("max", "float64", "Largest activation among them."),
)
SAME_TOKEN = (
    *_BEST,
    Column("token", "int64", "A token that occurs on both sides."),
    Column("text", "str", "Its text, or its id where the tokenizer is not known."),
    Column("inside", "bool", "Whether these occurrences lie in positive examples of the feature, or in negative ones."),
    Column("count", "int64", "Occurrences on this side."),
    *_QUANTILES,
)
SPECIFICITY = (
    Column("neurons", "object", "The neurons changed together (list of names)."),
    Column("value", "str", "What they were set to."),
    Column("feature", "str", "The feature in question."),
    Column("change", "float64", "Change of loss on text with the feature, nats per token."),
    Column("change_low", "float64", "Lower end of its 95 % interval."),
    Column("change_high", "float64", "Upper end of its 95 % interval."),
    Column("change_elsewhere", "float64", "Change of loss on text without it."),
    Column("ratio", "float64", "change / |change_elsewhere|; infinite if nothing changes elsewhere."),
    Column("difference", "float64", "change - change_elsewhere."),
    Column("difference_low", "float64", "Lower end of its 95 % interval, Welch's t over groups."),
    Column("difference_high", "float64", "Upper end of that interval."),
    Column("control_change", "float64", "Change of loss for matched random neurons on text with the feature."),
    Column("control_difference", "float64", "difference for the matched random neurons."),
    Column("control_difference_high", "float64", "Upper end of its 95 % interval."),
    Column(
        "specific",
        "bool",
        "difference_low above 0 and above control_difference_high, and ratio at least 3.",
    ),
)
WEIGHTS = (
    Column("layer", "int64", "The layer, counted from 0."),
    *_NEURON,
    Column("norm_in", "float64", "Length of its input weights; in a gated MLP, those of the linear factor."),
    Column("bias_in", "float64", "Its input bias; NaN if the model has none."),
    Column("norm_in_bias", "float64", "norm_in * bias_in."),
    Column("norm_out", "float64", "Length of its output weights."),
    Column("cos_in_out", "float64", "Cosine of input and output weights."),
    Column("norm_gate", "float64", "Length of its gate weights; NaN in a plain MLP."),
    Column("bias_gate", "float64", "Its gate bias; NaN if there is none."),
    Column("cos_gate_in", "float64", "Cosine of gate and input weights; NaN in a plain MLP."),
)
LOGIT_MOMENTS = (
    Column("layer", "int64", "The layer, counted from 0."),
    *_NEURON,
    Column("mean", "float64", "Mean over the vocabulary of its direct effect, logits per unit at norm scale 1."),
    Column("variance", "float64", "Variance of the effect over the vocabulary."),
    Column("skewness", "float64", "Third standardised moment: above zero if a few tokens are promoted."),
    Column("kurtosis", "float64", "Fourth standardised moment minus 3: large if a few tokens stand out."),
)
PROMOTED = (
    Column("neuron", "str", "The neuron's name."),
    Column("direction", "str", "promoted or suppressed."),
    Column("rank", "int64", "0 for the most extreme."),
    Column("token", "int64", "The token's id."),
    Column("text", "str", "Its text, or its id if the tokenizer is not known."),
    Column("effect", "float64", "Logits per unit of activation."),
)
TOKEN_CLASSES = (
    Column("neuron", "str", "The neuron's name."),
    Column("token_class", "str", "A class of tokens, see `token_classes`."),
    Column("n_tokens", "int64", "Tokens of the class."),
    Column("mean", "float64", "Mean effect on them, logits per unit of activation."),
    Column("mean_elsewhere", "float64", "Mean effect on the other tokens."),
    Column("separation", "float64", "Difference of the means in standard deviations over the vocabulary."),
)
SUMMARY = (
    Column("layer", "int64", "The layer, counted from 0."),
    *_NEURON,
    Column("n_tokens", "int64", "Tokens that were read, without special tokens."),
    Column("mean", "float64", "Mean activation."),
    Column("std", "float64", "Standard deviation."),
    Column("skewness", "float64", "Third standardised moment; NaN for a neuron that never changes."),
    Column("kurtosis", "float64", "Fourth standardised moment minus 3."),
    Column("above_zero", "float64", "Share of tokens with an activation above zero."),
    Column("min", "float64", "Least activation."),
    Column("max", "float64", "Largest activation."),
    Column("q01", "float64", "Quantile of 1 %, within a histogram bin."),
    Column("q25", "float64", "Lower quartile."),
    Column("q50", "float64", "Median."),
    Column("q75", "float64", "Upper quartile."),
    Column("q99", "float64", "Quantile of 99 %."),
)
BY_TOKEN = (
    Column("neuron", "str", "The neuron's name."),
    Column("token", "int64", "The token's id."),
    Column("text", "str", "Its text, or its id if the tokenizer is not known."),
    Column("count", "int64", "How often it occurs."),
    Column("mean", "float64", "Mean activation on it."),
    Column("std", "float64", "Standard deviation of the population."),
    Column("min", "float64", "Least activation."),
    Column("q25", "float64", "Lower quartile."),
    Column("q50", "float64", "Median."),
    Column("q75", "float64", "Upper quartile."),
    Column("max", "float64", "Largest activation."),
)
_QUANTILES = (
    Column("q05", "float64", "Quantile of 5 %."),
    Column("q25", "float64", "Lower quartile."),
    Column("q50", "float64", "Median."),
    Column("q75", "float64", "Upper quartile."),
    Column("q95", "float64", "Quantile of 95 %."),
)
BY_CLASS = (
    Column("neuron", "str", "The neuron's name."),
    Column("feature", "str", "A binary feature."),
    Column("label", "int64", "1: tokens in its positive examples; 0: tokens in its negative ones."),
    Column("count", "int64", "Tokens."),
    Column("mean", "float64", "Mean activation."),
    Column("std", "float64", "Standard deviation of the population."),
    Column("above_zero", "float64", "Share of activations above zero."),
    *_QUANTILES,
    Column("max", "float64", "Largest activation."),
)
COMPOUND_PARTS = (
    Column("model", "str", "The model that was run."),
    Column("collection", "str", "The dataset whose test text was read."),
    Column("compound", "str", "The feature whose few neurons they are."),
    Column("layer", "int64", "Their layer, counted from 0."),
    Column("neuron", "str", "The neuron's name, or `sum`: all of them, each with the sign of its coefficient."),
    Column("context", "str", "compound, first word alone, second word alone, or other (all text without either)."),
    Column("count", "int64", "Tokens."),
    Column("mean", "float64", "Mean activation."),
    *_QUANTILES,
)
UNION = (
    Column("model", "str", "The model whose activations were read."),
    Column("collection", "str", "The dataset that the feature belongs to."),
    Column("feature", "str", "The property that is read."),
    Column("layer", "int64", "The layer, counted from 0."),
    Column("k", "int64", "Number of neurons: the fewest from 2 to 8 with 95 % of the best validation F1 of these."),
    Column("neurons", "object", "The neurons' names (list of str)."),
    Column("decision", "str", "single, union, superposition or distributed: the rule that gains over one neuron."),
    Column("f1_single", "float64", "F1 of the neuron that is best on training and validation examples."),
    Column("f1_union", "float64", "F1 of: some neuron fires."),
    Column("f1_together", "float64", "F1 of: at least `least_together` of them fire."),
    Column("f1_probe", "float64", "F1 of a logistic probe on all of them."),
    Column("least_together", "int64", "How many must fire; chosen on training and validation examples."),
    Column("mean_overlap", "float64", "Of the positives at which one of two fires, the share at which both do."),
)
RELATION = (
    Column("model", "str", "The model whose activations were read."),
    Column("collection", "str", "The dataset that the feature belongs to."),
    Column("feature", "str", "The property that is read."),
    Column("neuron", "str", "Its best single neuron."),
    Column("sign", "str", "+ or -, the sign of the coefficient: the side of the neuron that means yes."),
    Column(
        "relation", "str", "How what the neuron fires on lies to the label: same, more specific, more general, other."
    ),
    Column("precision", "float64", "Share of the examples at which it fires that are positive."),
    Column("recall", "float64", "Share of the positive examples at which it fires."),
    Column("f1", "float64", "Harmonic mean of precision and recall."),
    Column(
        "n_examples", "int64", "Positives at which a specific neuron is silent, negatives at which a general one fires."
    ),
    Column("examples", "object", "The first of them, the span marked (list of str)."),
)
LOGIT_CLASSES = (
    Column("neuron", "str", "The neuron's name."),
    Column("token_class", "str", "capitalised, lower case, digits or punctuation."),
    Column("n_tokens", "int64", "Tokens of the class."),
    Column("mean", "float64", "Mean direct effect on them, logits per unit of activation at norm scale 1."),
    Column("mean_elsewhere", "float64", "Mean effect on the other tokens; NaN without any."),
    Column("low", "float64", "Lower edge of a bin of effects."),
    Column("high", "float64", "Upper edge of the bin."),
    Column("share", "float64", "Share of the tokens of the class whose effect is in the bin."),
)
DISAMBIGUATION = (
    Column("neuron", "str", "The neuron's name."),
    Column("token", "int64", "A token that occurs on both sides."),
    Column("text", "str", "Its text, or its id if the tokenizer is not known."),
    Column("n_inside", "int64", "Occurrences in positive examples of the feature."),
    Column("n_outside", "int64", "Occurrences in negative ones."),
    Column("mean_inside", "float64", "Mean activation there."),
    Column("mean_outside", "float64", "Mean activation there."),
    Column("difference", "float64", "mean_inside - mean_outside: context, since the token is the same."),
)
STIMULI = (
    Column("neuron", "str", "The neuron's name."),
    Column("tokens", "object", "The n-gram, ending in the token at which the neuron fires (list of ids)."),
    Column("text", "str", "Its tokens, separated by |."),
    Column("prefix", "int64", "Tokens before the last one, 0 to 3."),
    Column("count", "int64", "How often it occurs in the text."),
    Column("median", "float64", "Median activation at its last token."),
    Column("max", "float64", "Largest activation there."),
    Column("meaning", "int64", "N-grams that share a token, up to case and spaces, have the same number."),
)

QUANTILES = {"q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95}
"""The quantiles of tables of distributions, as box plots show them."""


def name_neurons(table: pd.DataFrame, site: str, experts: Mapping[int, ExpertColumns] | None = None) -> pd.DataFrame:
    """The table with the names of its neurons: `neuron` from `layer` and `index`, `neurons` from `support`.

    Names that are already there are kept. `experts` gives the columns of layers that are mixtures of experts.

    >>> name_neurons(pd.DataFrame({"layer": [3], "index": [609]}), "mlp")["neuron"].tolist()
    ['L3.N609']
    """
    name = partial(neuron_name, site=site, experts=experts or {})
    if "index" in table.columns:
        pairs = zip(table["layer"], table["index"], strict=True)
        table = table.assign(neuron=[name(layer, index) for layer, index in pairs])
    if "support" in table.columns:
        given = table["neurons"] if "neurons" in table.columns else [None] * len(table)
        rows = zip(table["layer"], table["support"], given, strict=True)
        names = [
            names if isinstance(names, list) else [name(layer, index) for index in support]
            for layer, support, names in rows
        ]
        table = table.assign(neurons=pd.Series(names, table.index), sign=table["coef"].map(signs_of))
    return table


def neuron_name(layer: int, index: int, *, site: str, experts: Mapping[int, ExpertColumns]) -> str:
    """The name of the neuron or dimension in a column of a layer.

    >>> neuron_name(3, 21, site="residual", experts={})
    'L3.D21'
    """
    kind = site_kind(site)
    if kind == "N" and int(layer) in experts:
        return str(experts[int(layer)].neuron(int(layer), int(index)))
    return str(Neuron(int(layer), int(index), kind))


def make_table(rows: pd.DataFrame | Iterable[Mapping[str, Any]], columns: tuple[Column, ...]) -> pd.DataFrame:
    """Rows as a table with exactly these columns and dtypes, also when there are none.

    >>> make_table([], SPECIFICITY).shape
    (0, 15)
    """
    names = [column.name for column in columns]
    table = rows[names] if isinstance(rows, pd.DataFrame) else pd.DataFrame(list(rows), columns=names)
    dtypes = {column.name: column.dtype for column in columns if column.dtype != "object"}
    return check_table(table.astype(dtypes), columns)


def check_table(table: pd.DataFrame, columns: tuple[Column, ...]) -> pd.DataFrame:
    """Return the table if it has these columns in this order with these dtypes; otherwise raise `InputError`.

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


def meaning_of(name: str) -> str:
    """The meaning of a column of this name, from the first table that has it; empty for an unknown name.

    >>> meaning_of("f1")
    'Harmonic mean of precision and recall.'
    """
    schemas = (value for value in globals().values() if isinstance(value, tuple))
    columns = (column for schema in schemas for column in schema if isinstance(column, Column))
    return next((column.meaning for column in columns if column.name == name), "")
