"""Experiments: tables of probes over features, layers and k, and what they are to be compared with."""

from sparseprobe.experiments.baselines import ARMS, baselines, selectivity
from sparseprobe.experiments.comparison import (
    PAPER_SELECTIONS,
    PlantedSetting,
    compare_on_planted,
    compare_selections,
    paper_grid,
)
from sparseprobe.experiments.dense import dense
from sparseprobe.experiments.planted import Planted, planted_experiment, planted_problem
from sparseprobe.experiments.pruning import pruning
from sparseprobe.experiments.regression import regression
from sparseprobe.experiments.significance import confirm, neuron_significance
from sparseprobe.experiments.single_neurons import single_neurons
from sparseprobe.experiments.stability import selection_stability
from sparseprobe.experiments.summary import best_neurons, candidate_neurons
from sparseprobe.experiments.sweep import sweep
from sparseprobe.experiments.transfer import transfer
from sparseprobe.paper import K as PAPER_K
from sparseprobe.tables import (
    BASELINES,
    CERTIFICATE,
    DENSE,
    NEURONS,
    PLANTED,
    PRUNING,
    REGRESSION,
    SIGNIFICANCE,
    STABILITY,
    SWEEP,
    TRANSFER,
    Column,
    check_table,
)

__all__ = [
    "ARMS",
    "BASELINES",
    "CERTIFICATE",
    "DENSE",
    "NEURONS",
    "PAPER_K",
    "PAPER_SELECTIONS",
    "PLANTED",
    "PRUNING",
    "REGRESSION",
    "SIGNIFICANCE",
    "STABILITY",
    "SWEEP",
    "TRANSFER",
    "Column",
    "Planted",
    "PlantedSetting",
    "baselines",
    "best_neurons",
    "candidate_neurons",
    "check_table",
    "compare_on_planted",
    "compare_selections",
    "confirm",
    "dense",
    "neuron_significance",
    "paper_grid",
    "planted_experiment",
    "planted_problem",
    "pruning",
    "regression",
    "selection_stability",
    "selectivity",
    "single_neurons",
    "sweep",
    "transfer",
]
