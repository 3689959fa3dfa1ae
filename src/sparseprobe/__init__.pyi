from .activations import Activations, extract
from .datasets import ProbingDataset, load_dataset
from .errors import SparseProbeError
from .experiments import PAPER_K, best_neurons, single_neurons, sweep, transfer
from .models import LanguageModel, load_model
from .neuron import Neuron
from .neurons import ablate, describe_neuron
from .probes import NeuronSelector, SparsePath, SparseProbe, SparseRegressor
from .reports.page import write_report
from .runs.run import Run, open_run, resume, run
from .runs.spec import RunSpec
from .solvers import OptimalSupport, optimal_path, optimal_support
from .studies import StudyResult, study

__all__ = [
    "PAPER_K",
    "Activations",
    "LanguageModel",
    "Neuron",
    "NeuronSelector",
    "OptimalSupport",
    "ProbingDataset",
    "Run",
    "RunSpec",
    "SparsePath",
    "SparseProbe",
    "SparseProbeError",
    "SparseRegressor",
    "StudyResult",
    "ablate",
    "best_neurons",
    "describe_neuron",
    "extract",
    "load_dataset",
    "load_model",
    "open_run",
    "optimal_path",
    "optimal_support",
    "resume",
    "run",
    "single_neurons",
    "study",
    "sweep",
    "transfer",
    "write_report",
]
