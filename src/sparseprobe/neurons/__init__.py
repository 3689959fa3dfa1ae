"""Neurons: what they do, and whether they matter to the model."""

from sparseprobe.neurons.describe_neuron import describe_neuron
from sparseprobe.neurons.interventions.ablate import ablate
from sparseprobe.neurons.interventions.loss_stream import TokenLosses, changed_logits, token_losses
from sparseprobe.neurons.interventions.replacement import ClassMean, Fixed, Mean, Resampled, Scaled, parse_value
from sparseprobe.neurons.interventions.specificity import own_features, specificity
from sparseprobe.neurons.neuron_card import NeuronCard
from sparseprobe.neurons.neuron_sets import NeuronSet, name_of, neuron_sets
from sparseprobe.neurons.on_text.activation_summary import ActivationSummary, LayerSummary, summarise
from sparseprobe.neurons.on_text.label_relation import LabelRelation, label_relation
from sparseprobe.neurons.on_text.mean_activation_by_token import (
    TokenActivations,
    by_class,
    by_token,
    disambiguation,
    read_tokens,
)
from sparseprobe.neurons.on_text.stimuli import Stimuli, stimuli
from sparseprobe.neurons.on_text.union_or_superposition import UnionTest, union_test
from sparseprobe.neurons.weights.checkpoint_weights import Checkpoint
from sparseprobe.neurons.weights.direct_logit_effect import (
    effect_by_token_class,
    input_tokens,
    logit_effect,
    logit_moments,
    promoted_tokens,
)
from sparseprobe.neurons.weights.folded_norm import folded_norm, mean_inverse_scale
from sparseprobe.neurons.weights.weight_statistics import layer_profile, weight_statistics
from sparseprobe.tables import ABLATION, SPECIFICITY

__all__ = [
    "ABLATION",
    "SPECIFICITY",
    "ActivationSummary",
    "Checkpoint",
    "ClassMean",
    "Fixed",
    "LabelRelation",
    "LayerSummary",
    "Mean",
    "NeuronCard",
    "NeuronSet",
    "Resampled",
    "Scaled",
    "Stimuli",
    "TokenActivations",
    "TokenLosses",
    "UnionTest",
    "ablate",
    "by_class",
    "by_token",
    "changed_logits",
    "describe_neuron",
    "disambiguation",
    "effect_by_token_class",
    "folded_norm",
    "input_tokens",
    "label_relation",
    "layer_profile",
    "logit_effect",
    "logit_moments",
    "mean_inverse_scale",
    "name_of",
    "neuron_sets",
    "own_features",
    "parse_value",
    "promoted_tokens",
    "read_tokens",
    "specificity",
    "stimuli",
    "summarise",
    "token_losses",
    "union_test",
    "weight_statistics",
]
