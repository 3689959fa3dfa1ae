"""The ablation of a run: each feature's few best neurons are removed on test text, one by one and together."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from functools import partial

import pandas as pd

from sparseprobe.errors import InputError
from sparseprobe.experiments.summary import candidate_neurons
from sparseprobe.models import LanguageModel
from sparseprobe.neurons.interventions.ablate import ablate
from sparseprobe.neurons.on_text.followed_spans import measured_features
from sparseprobe.runs.experiment import Experiment, Part, Question, Sources, Work
from sparseprobe.tables import ABLATION

ABLATED, KEPT = 3, 100
"""Defaults: neurons ablated per feature, and neurons kept per layer."""


def few_best_neurons(neurons: pd.DataFrame, n: int) -> pd.DataFrame:
    """The neurons of each feature that a run ablates: `candidate_neurons`, by training and validation examples.

    The paper's single split has no validation split; there they are chosen by test scores, as the paper does.
    """
    by_paper = neurons["log_loss_choosing"].isna().all()
    return candidate_neurons(neurons, n, choose_by="f1" if by_paper else "log_loss_choosing")


def _check(question: Question) -> Work:
    if question.model is None:
        raise InputError("the ablation runs the model itself: ask for it in a run")
    if question.site != "mlp":
        raise InputError(f"the ablation changes neurons of the site mlp, and the site asked for is {question.site}")
    named = None if question.features is None else question.named("binary", asking="the experiment 'ablation'")
    return partial(_parts, question, question.model, measured_features(question.data, named))


def _parts(question: Question, model: LanguageModel, features: Sequence[str], sources: Sources) -> Iterator[Part]:
    neurons = sources.tables["neurons"]
    few = few_best_neurons(neurons, question.settings.get("ablated") or ABLATED)
    if few.empty:
        keep = question.settings.get("keep") or KEPT
        raise InputError(
            f"none of the neurons kept (keep={keep}) fires on its feature, so there is nothing to ablate: "
            "start a run with a larger keep, or omit the ablation"
        )
    silent = sorted(set(neurons["feature"]) - set(few["feature"]))
    if silent:
        warnings.warn(f"no neuron kept fires on {', '.join(silent)}: the ablation leaves them out", stacklevel=2)
    cache = None if sources.folder is None else sources.folder / "reference"
    for number, (_, chosen) in enumerate(few.groupby("feature", sort=False)):
        alone = chosen["neuron"].tolist()
        sets = [*alone, alone] if len(alone) > 1 else alone
        made = partial(
            ablate, model, question.data, sets, together=False, features=list(features), seed=question.seed, cache=cache
        )
        yield Part("ablation", f"feature-{number}", made)


ABLATION_OF_NEURONS = Experiment(
    name="ablation",
    about="what the model loses without the best neurons of each feature",
    columns=ABLATION,
    takes=("ablated",),
    check=_check,
    needs_model=True,
    needs_tables=("neurons",),
)
