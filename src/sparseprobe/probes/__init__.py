"""Read a feature from chosen neurons: scaling, scores with intervals, controls, and scikit-learn estimators."""

from sparseprobe.probes.group_bootstrap import GroupBootstrap
from sparseprobe.probes.metrics import METRICS, scores
from sparseprobe.probes.neuron_selector import NeuronSelector
from sparseprobe.probes.ranking_scores import precision_recall_curve
from sparseprobe.probes.sparse_path import SparsePath
from sparseprobe.probes.sparse_probe import SparseProbe
from sparseprobe.probes.sparse_regressor import SparseRegressor

__all__ = [
    "METRICS",
    "GroupBootstrap",
    "NeuronSelector",
    "SparsePath",
    "SparseProbe",
    "SparseRegressor",
    "precision_recall_curve",
    "scores",
]
