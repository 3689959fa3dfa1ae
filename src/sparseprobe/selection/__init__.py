"""Choose the k neurons of a probe: rankings, adaptive thresholding, exact selection, and selections of your own."""

from sparseprobe.selection.adaptive import AdaptiveThresholding
from sparseprobe.selection.contract import Certificate, Choice, Ranking, Selection, best_first, choose
from sparseprobe.selection.every_neuron import EveryNeuron
from sparseprobe.selection.f_statistic import FStatistic
from sparseprobe.selection.l1 import L1
from sparseprobe.selection.mean_difference import MeanDifference
from sparseprobe.selection.mutual_information import MutualInformation, NearestNeighbourInformation
from sparseprobe.selection.optimal import Optimal
from sparseprobe.selection.prefiltered import Prefiltered
from sparseprobe.selection.problem import Problem, TrainingLayer
from sparseprobe.selection.random_neurons import Random
from sparseprobe.selection.registry import register_selection, selection_named, selection_names
from sparseprobe.selection.svm import SVM

__all__ = [
    "L1",
    "SVM",
    "AdaptiveThresholding",
    "Certificate",
    "Choice",
    "EveryNeuron",
    "FStatistic",
    "MeanDifference",
    "MutualInformation",
    "NearestNeighbourInformation",
    "Optimal",
    "Prefiltered",
    "Problem",
    "Random",
    "Ranking",
    "Selection",
    "TrainingLayer",
    "best_first",
    "choose",
    "register_selection",
    "selection_named",
    "selection_names",
]
