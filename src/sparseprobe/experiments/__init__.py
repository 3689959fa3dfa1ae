"""Experiments: tables of probes over features, layers and k."""

from sparseprobe.experiments.planted import Planted, planted_experiment, planted_problem
from sparseprobe.experiments.schema import CERTIFICATE, NEURONS, SWEEP, Column, check_table
from sparseprobe.experiments.single_neurons import single_neurons
from sparseprobe.experiments.summary import best_neurons
from sparseprobe.experiments.sweep import PAPER_K, sweep

__all__ = [
    "CERTIFICATE",
    "NEURONS",
    "PAPER_K",
    "SWEEP",
    "Column",
    "Planted",
    "best_neurons",
    "check_table",
    "planted_experiment",
    "planted_problem",
    "single_neurons",
    "sweep",
]
