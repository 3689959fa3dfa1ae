"""Run a model and keep its activations at labelled tokens; read them back; compute class statistics in one pass."""

from sparseprobe.activations.activations import Activations
from sparseprobe.activations.extract import extract
from sparseprobe.activations.layer_activations import LayerActivations
from sparseprobe.activations.stream_statistics import stream_class_statistics
from sparseprobe.statistics.class_statistics import ClassStatistics, class_statistics

__all__ = [
    "Activations",
    "ClassStatistics",
    "LayerActivations",
    "class_statistics",
    "extract",
    "stream_class_statistics",
]
