"""Labelled text: read it, tokenise it, align labels to tokens, split it by document, and look at it."""

from sparseprobe.datasets.check import check
from sparseprobe.datasets.loading import build, list_collections, load_dataset
from sparseprobe.datasets.probing_dataset import ProbingDataset
from sparseprobe.datasets.sequences import Sequences
from sparseprobe.datasets.tokenizer_record import TokenizerRecord

__all__ = [
    "ProbingDataset",
    "Sequences",
    "TokenizerRecord",
    "build",
    "check",
    "list_collections",
    "load_dataset",
]
