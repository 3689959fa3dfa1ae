"""Check a dataset for problems that make probing results misleading, and list them in a table.

Sparse probing is very sensitive to its data: a duplicate in both training and test, a document on both sides or a text
with two labels makes scores misleading. Each check is a function from a dataset to findings; CHECKS
lists them. Cost: linear in tokens and examples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from sparseprobe.datasets.near_duplicates import near_duplicates
from sparseprobe.datasets.probing_dataset import labelled
from sparseprobe.datasets.token_baseline import token_baseline

if TYPE_CHECKING:
    from sparseprobe.datasets.probing_dataset import ProbingDataset

RARE_SHARE = 0.02
"""A class rarer than this makes most scores unsteady."""
TELLING_F1 = 0.9
"""A bag of token ids that reaches this F1 makes a feature one of tokens."""
TELLING_AUC = 0.8
"""A length or position that orders the classes this well (or 1 minus this) gives them away."""
FEW = 30
"""Fewer test examples of a class than this give wide intervals."""
NEEDED = ("test", "train")
"""The parts without which nothing is learnt or scored."""


@dataclass(frozen=True)
class Finding:
    """One problem that a reader of the results should know of."""

    check: str
    """Which check found it."""
    level: Literal["note", "warning", "error"]
    """How bad: an error makes test scores untrue."""
    feature: str
    """The feature it is about; empty for the whole dataset."""
    count: int
    """How many examples, groups or texts."""
    message: str
    """One sentence."""


def check(dataset: ProbingDataset) -> pd.DataFrame:
    """Findings about a dataset, worst first: columns check, level, feature, count, message; empty if all is well.

    >>> from sparseprobe.datasets import load_dataset
    >>> from tokenizers import Tokenizer, models, pre_tokenizers
    >>> words = Tokenizer(models.WordLevel({"?": 0, "le": 1, "the": 2}, unk_token="?"))
    >>> words.pre_tokenizer = pre_tokenizers.Whitespace()
    >>> pairs = [("le", "fr"), ("the", "en")]
    >>> texts = [{"text": word + " ?" * n, "label": label} for n in range(9) for word, label in pairs]
    >>> found = check(load_dataset("custom", source=texts, tokenizer=words, from_position=0))
    >>> sorted(set(found["check"]))
    ['class_balance', 'near_duplicates', 'token_identity']
    """
    findings = [finding for run in CHECKS for finding in run(dataset)]
    order = {"error": 0, "warning": 1, "note": 2}
    findings.sort(key=lambda finding: order[finding.level])
    return pd.DataFrame([asdict(finding) for finding in findings], columns=list(Finding.__dataclass_fields__))


def class_balance(dataset: ProbingDataset) -> Iterator[Finding]:
    """Classes that are rare or missing in a split; of a continuous feature, all labelled examples are one class."""
    split = dataset.examples["split"].to_numpy()
    parts = np.union1d(split, NEEDED)
    for name, kind in zip(dataset.features["name"], dataset.features["kind"], strict=True):
        values = dataset.labels[name].to_numpy()
        classes = {"labelled": np.isfinite(values)}
        if kind == "binary":
            classes = {"positive": values == 1, "negative": values == 0}
        known = sum(int(members.sum()) for members in classes.values())
        for word, members in classes.items():
            n = int(members.sum())
            lacking = [part for part in parts if not members[split == part].any()]
            if lacking:
                yield Finding("class_balance", "error", name, n, f"no {word} example in {' and '.join(lacking)}")
            elif n < RARE_SHARE * known:
                yield Finding("class_balance", "warning", name, n, f"only {n} of {known} examples are {word}")
            elif (few := int(members[split == "test"].sum())) < FEW:
                yield Finding("class_balance", "note", name, few, f"only {few} {word} test examples: wide intervals")


def duplicates(dataset: ProbingDataset) -> Iterator[Finding]:
    """Sequences with the same tokens that are in several splits."""
    table = _sequence_table(dataset)
    copies = table.groupby("tokens", sort=False)["split"].agg(["nunique", "size"])
    shared = copies[copies["nunique"] > 1]
    if len(shared):
        n = int(shared["size"].sum())
        yield Finding(
            "duplicates", "error", "", n, f"{len(shared)} texts stand in more than one part, {n} times in all"
        )


def near_copies(dataset: ProbingDataset) -> Iterator[Finding]:
    """Sequences that share most of their text with one in another split."""
    table = _sequence_table(dataset)
    parts = table["split"].to_numpy()
    pairs = near_duplicates(dataset.sequences)
    across = pairs[parts[pairs[:, 0]] != parts[pairs[:, 1]]]
    exact = table["tokens"].to_numpy()
    across = across[exact[across[:, 0]] != exact[across[:, 1]]]
    if len(across):
        n = len(np.unique(across))
        yield Finding(
            "near_duplicates",
            "warning",
            "",
            n,
            f"{n} texts share at least half of their words with one in another part",
        )


def token_identity(dataset: ProbingDataset) -> Iterator[Finding]:
    """Features that the ids of an example's tokens predict, without any context."""
    for row in token_baseline(dataset).itertuples():
        if float(str(row.f1)) >= TELLING_F1:
            message = f"token ids alone reach F1 {float(str(row.f1)):.2f} on test: it may be a feature of tokens"
            yield Finding("token_identity", "note", str(row.feature), 1, message)


def length_confounds(dataset: ProbingDataset) -> Iterator[Finding]:
    """Features whose classes differ in length, or in their position."""
    spans = dataset.examples
    measures = {
        "length of the sequence": dataset.sequences.lengths[spans["sequence"].to_numpy()],
        "length of the span": (spans["stop"] - spans["start"]).to_numpy(),
        "position of the span": spans["start"].to_numpy(),
    }
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415 (a second to import, which no mistyped option waits for)

    for name, kind in zip(dataset.features["name"], dataset.features["kind"], strict=True):
        values = dataset.labels[name].to_numpy()
        known = values != -1
        if kind != "binary" or len(np.unique(values[known])) < 2:
            continue
        for what, measure in measures.items():
            auc = float(roc_auc_score(values[known] == 1, measure[known]))
            if max(auc, 1 - auc) >= TELLING_AUC:
                message = f"the {what} alone tells the classes apart (area under the ROC curve {auc:.2f})"
                yield Finding("length_confound", "warning", name, int(known.sum()), message)


def group_leakage(dataset: ProbingDataset) -> Iterator[Finding]:
    """Documents whose examples are in several parts."""
    parts = dataset.examples.groupby("group", sort=False)["split"].nunique()
    if n := int((parts > 1).sum()):
        yield Finding(
            "group_leakage",
            "error",
            "",
            n,
            f"{n} documents stand in more than one part; test text was seen in training",
        )


def label_conflicts(dataset: ProbingDataset) -> Iterator[Finding]:
    """Spans at the same place of identical text that are labelled both 1 and 0."""
    tokens = _sequence_table(dataset)["tokens"]
    place = dataset.examples[["sequence", "start", "stop"]].assign(tokens=dataset.examples["sequence"].map(tokens))
    known = labelled(dataset.labels)
    for column, name in enumerate(dataset.labels.columns):
        rows = place[known[:, column]].assign(label=dataset.labels[name].to_numpy()[known[:, column]])
        values = rows.groupby(["tokens", "start", "stop"], sort=False)["label"].nunique()
        if n := int((values > 1).sum()):
            yield Finding("label_conflicts", "error", name, n, f"{n} identical spans are labelled in two ways")


def left_out(dataset: ProbingDataset) -> Iterator[Finding]:
    """What building left out: texts too short, spans cut or inside a token, features that could not be used."""
    counts: dict[str, int] = dataset.settings.get("counts", {})
    for name, message in LEFT_OUT.items():
        if n := int(counts.get(name, 0)):
            yield Finding("left_out", "note", "", n, f"{n} {message}")
    for feature, reason in dataset.settings.get("dropped_features", {}).items():
        yield Finding("left_out", "warning", feature, 1, f"feature dropped: {reason}")


LEFT_OUT = {
    "lines_within_quotes": "lines were read as the continuation of a quoted field",
    "texts_empty": "texts were left out because they are empty",
    "texts_of_other_splits": "texts were left out because they are in no train, validation or test part",
    "texts_of_documents_in_several_splits": "texts are of documents that other parts of the split have too",
    "texts_too_short": "texts were left out because they end before the first position used",
    "texts_repeated": "texts were left out because an earlier one has the same tokens and labels",
    "texts_without_a_label": "texts have no label, so no example is made of them",
    "texts_cut_at_context": "texts were cut at the context",
    "spans_inside_a_token": "spans were left out because a boundary falls inside a token",
    "spans_cut_by_the_context": "spans were left out because the context ends inside them",
    "spans_without_a_token": "spans were left out because the tokenizer keeps none of their characters",
}

CHECKS: tuple[Callable[[ProbingDataset], Iterator[Finding]], ...] = (
    class_balance,
    duplicates,
    near_copies,
    token_identity,
    length_confounds,
    group_leakage,
    label_conflicts,
    left_out,
)


def _sequence_table(dataset: ProbingDataset) -> pd.DataFrame:
    """The token ids (as bytes) and the part of each sequence, (n_sequences, 2)."""
    first = dataset.examples.drop_duplicates("sequence").set_index("sequence")["split"]
    table = pd.DataFrame({"tokens": [ids.tobytes() for ids in dataset.sequences]})
    return table.assign(split=first)
