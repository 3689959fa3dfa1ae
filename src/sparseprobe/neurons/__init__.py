"""Neurons: what they do, and whether they matter to the model."""

from sparseprobe.neurons.ablate import ablate
from sparseprobe.neurons.loss_stream import TokenLosses, changed_logits, token_losses
from sparseprobe.neurons.neuron_sets import NeuronSet, name_of, neuron_sets
from sparseprobe.neurons.schema import ABLATION, SPECIFICITY
from sparseprobe.neurons.specificity import specificity
from sparseprobe.neurons.values import ClassMean, Fixed, Mean, Resampled, Scaled, parse_value

__all__ = [
    "ABLATION",
    "SPECIFICITY",
    "ClassMean",
    "Fixed",
    "Mean",
    "NeuronSet",
    "Resampled",
    "Scaled",
    "TokenLosses",
    "ablate",
    "changed_logits",
    "name_of",
    "neuron_sets",
    "parse_value",
    "specificity",
    "token_losses",
]
