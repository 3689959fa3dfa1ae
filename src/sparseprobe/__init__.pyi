from .activations import Activations, extract
from .datasets import ProbingDataset, load_dataset
from .errors import SparseProbeError
from .experiments import PAPER_K, best_neurons, single_neurons, sweep
from .models import LanguageModel, Neuron, load_model
from .runs import Run, RunSpec, resume, run

__all__ = [
    "PAPER_K",
    "Activations",
    "LanguageModel",
    "Neuron",
    "ProbingDataset",
    "Run",
    "RunSpec",
    "SparseProbeError",
    "best_neurons",
    "extract",
    "load_dataset",
    "load_model",
    "resume",
    "run",
    "single_neurons",
    "sweep",
]
