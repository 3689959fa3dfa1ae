"""Probes on chosen neurons: scikit-learn estimators, and scores with intervals."""

from sparseprobe.probes.neuron_selector import NeuronSelector
from sparseprobe.probes.sparse_path import SparsePath
from sparseprobe.probes.sparse_probe import SparseProbe
from sparseprobe.probes.sparse_regressor import SparseRegressor
from sparseprobe.statistics.group_bootstrap import GroupBootstrap
from sparseprobe.statistics.metrics import METRICS, scores
from sparseprobe.statistics.ranking_scores import precision_recall_curve

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
