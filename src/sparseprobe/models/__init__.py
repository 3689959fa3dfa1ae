"""Language models, and where their neurons and the weights of these are."""

from sparseprobe.choices import SITES, Site
from sparseprobe.demo.shipped_models import shipped_models, shipped_origin, shipped_path
from sparseprobe.models.forward_pass import Batch, pad
from sparseprobe.models.gguf import gguf_file
from sparseprobe.models.language_model import LanguageModel
from sparseprobe.models.layer import Layer
from sparseprobe.models.loading import as_model, checkpoint_folder, load_model
from sparseprobe.models.neuron_weights import NeuronWeights

__all__ = [
    "SITES",
    "Batch",
    "LanguageModel",
    "Layer",
    "NeuronWeights",
    "Site",
    "as_model",
    "checkpoint_folder",
    "gguf_file",
    "load_model",
    "pad",
    "shipped_models",
    "shipped_origin",
    "shipped_path",
]
