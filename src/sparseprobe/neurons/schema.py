"""The columns of the tables about neurons: name, dtype, and one sentence each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from sparseprobe.experiments.schema import Column, check_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def make_table(rows: pd.DataFrame | Iterable[Mapping[str, Any]], columns: tuple[Column, ...]) -> pd.DataFrame:
    """Rows as a table with exactly these columns and dtypes, also when there are none.

    >>> make_table([], SPECIFICITY).shape
    (0, 11)
    """
    names = [column.name for column in columns]
    table = rows[names] if isinstance(rows, pd.DataFrame) else pd.DataFrame(list(rows), columns=names)
    dtypes = {column.name: column.dtype for column in columns if column.dtype != "object"}
    return check_table(table.astype(dtypes), columns)


ABLATION = (
    Column("model", "str", "The model that was run."),
    Column("collection", "str", "The dataset whose text it was run on."),
    Column("neurons", "object", "The neurons changed together (list of names such as L3.N609)."),
    Column("value", "str", "What they were set to: a number, mean, mean(feature=label), resampled, or x and a factor."),
    Column("feature", "str", "The feature whose label chooses the text; null for all text."),
    Column("label", "Int8", "Text of examples with this label, 1 or 0; null for all text."),
    Column("seed", "int64", "Seed of every random draw behind the row."),
    Column("n_groups", "int64", "Groups (documents) with such text."),
    Column("n_tokens", "int64", "Positions with a loss; one that lies in two examples counts twice."),
    Column("loss", "float64", "Next-token loss of the model as it is, nats per token, mean over groups."),
    Column("loss_ablated", "float64", "The same with the neurons changed."),
    Column("change", "float64", "loss_ablated - loss; above zero the neurons helped."),
    Column("change_low", "float64", "Lower end of its 95 % interval, from paired resamples of whole groups."),
    Column("change_high", "float64", "Upper end of that interval."),
    Column("n_controls", "int64", "Random sets of the same layers and similar mean activation, changed alike."),
    Column("control_change", "float64", "Mean change over these sets; NaN without any."),
    Column("control_low", "float64", "Lower end of the 95 % interval of control_change."),
    Column("control_high", "float64", "Upper end of that interval."),
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
    Column("control_change", "float64", "What matched random neurons change on text with the feature."),
    Column("control_low", "float64", "Lower end of its 95 % interval."),
    Column("specific", "bool", "change_low above 0, ratio at least 3, and not so for the matched random neurons."),
)
WEIGHTS = (
    Column("layer", "int64", "The layer, counted from 0."),
    Column("neuron", "int64", "The neuron, counted from 0 in its layer."),
    Column("norm_in", "float64", "Length of its input weights; in a gated MLP of the linear factor's."),
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
    Column("neuron", "int64", "The neuron, counted from 0 in its layer."),
    Column("mean", "float64", "Mean over the vocabulary of its direct effect, logits per unit at norm scale 1."),
    Column("variance", "float64", "Variance of the effect over the vocabulary."),
    Column("skewness", "float64", "Third standardised moment: above zero if a few tokens are promoted."),
    Column("kurtosis", "float64", "Fourth standardised moment less 3: large if a few tokens stand out."),
)
PROMOTED = (
    Column("neuron", "str", "The neuron's name."),
    Column("direction", "str", "promoted or suppressed."),
    Column("rank", "int64", "0 for the most extreme."),
    Column("token", "int64", "The token's id."),
    Column("text", "str", "Its text, or its id where the tokenizer is not known."),
    Column("effect", "float64", "Logits per unit of activation."),
)
TOKEN_CLASSES = (
    Column("neuron", "str", "The neuron's name."),
    Column("token_class", "str", "A kind of token, see `token_classes`."),
    Column("n_tokens", "int64", "Tokens of the kind."),
    Column("mean", "float64", "Mean effect on them, logits per unit of activation."),
    Column("mean_elsewhere", "float64", "Mean effect on the other tokens."),
    Column("separation", "float64", "Difference of the means in standard deviations over the vocabulary."),
)
SUMMARY = (
    Column("layer", "int64", "The layer, counted from 0."),
    Column("neuron", "int64", "The neuron, counted from 0 in its layer."),
    Column("n_tokens", "int64", "Tokens that were read, special ones left out."),
    Column("mean", "float64", "Mean activation."),
    Column("std", "float64", "Standard deviation."),
    Column("skewness", "float64", "Third standardised moment; NaN for a neuron that never changes."),
    Column("kurtosis", "float64", "Fourth standardised moment less 3."),
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
    Column("text", "str", "Its text, or its id where the tokenizer is not known."),
    Column("count", "int64", "How often it occurs."),
    Column("mean", "float64", "Mean activation on it."),
    Column("std", "float64", "Standard deviation of the population."),
    Column("min", "float64", "Least activation."),
    Column("q25", "float64", "Lower quartile."),
    Column("q50", "float64", "Median."),
    Column("q75", "float64", "Upper quartile."),
    Column("max", "float64", "Largest activation."),
)
BY_CLASS = (
    Column("neuron", "str", "The neuron's name."),
    Column("feature", "str", "A binary feature."),
    Column("label", "int64", "1: tokens in its positive examples; 0: tokens in its negative ones."),
    Column("count", "int64", "Tokens."),
    Column("mean", "float64", "Mean activation."),
    Column("std", "float64", "Standard deviation of the population."),
    Column("above_zero", "float64", "Share of activations above zero."),
    Column("q25", "float64", "Lower quartile."),
    Column("q50", "float64", "Median."),
    Column("q75", "float64", "Upper quartile."),
    Column("max", "float64", "Largest activation."),
)
DISAMBIGUATION = (
    Column("neuron", "str", "The neuron's name."),
    Column("token", "int64", "A token that occurs on both sides."),
    Column("text", "str", "Its text, or its id where the tokenizer is not known."),
    Column("n_inside", "int64", "Occurrences in positive examples of the feature."),
    Column("n_outside", "int64", "Occurrences in negative ones."),
    Column("mean_inside", "float64", "Mean activation there."),
    Column("mean_outside", "float64", "Mean activation there."),
    Column("difference", "float64", "mean_inside - mean_outside: context, since the token is the same."),
)
STIMULI = (
    Column("neuron", "str", "The neuron's name."),
    Column("tokens", "object", "The n-gram, ending in the token at which the neuron fires (list of ids)."),
    Column("text", "str", "Its tokens with | between."),
    Column("prefix", "int64", "Tokens before the last one, 0 to 3."),
    Column("count", "int64", "How often it occurs in the text."),
    Column("median", "float64", "Median activation at its last token."),
    Column("max", "float64", "Largest activation there."),
    Column("meaning", "int64", "N-grams that share a token, up to case and spaces, have the same number."),
)
