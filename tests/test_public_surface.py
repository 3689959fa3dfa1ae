"""What is promised is what is there: nothing becomes public, or goes missing, by accident."""

from __future__ import annotations

import subprocess
import sys

import sparseprobe as sp

PROMISED = [
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


def test_the_public_names_are_these_and_each_can_be_had() -> None:
    assert sorted(sp.__all__) == sorted(PROMISED)
    assert all(getattr(sp, name) is not None for name in PROMISED)


def test_importing_the_package_imports_nothing_heavy() -> None:
    program = "import sys, sparseprobe, sparseprobe.cli; print(*(m for m in ('torch', 'sklearn') if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
