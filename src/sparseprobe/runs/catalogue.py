"""The experiments by name, for whoever is given a name: a run's settings, the command line.

Each is a function of activations and a dataset that returns one table. `Asked` holds what the settings of a run can say
to it; what an experiment has no use for, it leaves. An experiment `by_layer` gives the same rows for a layer whether it
is asked for one layer or for all, so that a run can do one layer after another and go on after a stop.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from sparseprobe.errors import InputError, UnknownNameError
from sparseprobe.experiments.baselines import baselines
from sparseprobe.experiments.comparison import compare_selections
from sparseprobe.experiments.dense import dense
from sparseprobe.experiments.pruning import pruning
from sparseprobe.experiments.regression import regression
from sparseprobe.experiments.significance import neuron_significance
from sparseprobe.experiments.single_neurons import single_neurons
from sparseprobe.experiments.stability import selection_stability
from sparseprobe.experiments.sweep import sweep
from sparseprobe.selection.registry import selection_named
from sparseprobe.selection.regression_selection import REGRESSION_SELECTIONS
from collections.abc import Callable, Iterable, Mapping, Sequence
import pandas as pd
from sparseprobe.activations import Activations
from sparseprobe.datasets.probing_dataset import ProbingDataset


@dataclass(frozen=True)
class Asked:
    """What is asked of an experiment; None leaves it the experiment's own default."""

    features: Sequence[str] | None = None
    layers: Sequence[int] | None = None
    selection: str | None = None
    k: Sequence[int] | None = None
    keep: int | None = None
    preset: str = "default"
    seed: int = 0


@dataclass(frozen=True)
class Experiment:
    """One experiment: what it tells, what it takes, and the function that makes its table."""

    about: str
    function: Callable[..., pd.DataFrame]
    takes: frozenset[str]
    """Which settings of `Asked` it has a use for."""
    kind: str = "binary"
    """The features that it is about: binary or continuous."""
    by_layer: bool = True


def _experiment(about: str, function: Callable[..., pd.DataFrame], takes: str, **more: Any) -> Experiment:
    return Experiment(about, function, frozenset(takes.split()) | {"features", "layers", "seed"}, **more)


EXPERIMENTS: Mapping[str, Experiment] = {
    "sweep": _experiment("k-sparse probes for each k", sweep, "selection k preset"),
    "neurons": _experiment("every single neuron", single_neurons, "keep preset"),
    "dense": _experiment("one probe on all neurons of a layer", dense, "preset"),
    "pruning": _experiment("take the best neuron away, again and again", pruning, "selection k preset"),
    "baselines": _experiment(
        "permuted labels, random neurons, random bases beside the sweep", baselines, "selection k preset"
    ),
    "comparison": _experiment("the ways to choose neurons, side by side", compare_selections, "k preset"),
    "stability": _experiment("how often a neuron is chosen over resamples", selection_stability, "selection k preset"),
    "significance": _experiment("which neurons are more than luck", neuron_significance, "", by_layer=False),
    "regression": _experiment(
        "k-sparse regression of continuous features", regression, "selection k", kind="continuous"
    ),
}


def experiment_named(name: str) -> Experiment:
    """The experiment of a name; raises `UnknownNameError`.

    >>> experiment_named("dense").about
    'one probe on all neurons of a layer'
    """
    if name not in EXPERIMENTS:
        raise UnknownNameError("experiment", name, EXPERIMENTS)
    return EXPERIMENTS[name]


def refuse_selection(name: str, selection: str, *, preset: str = "default") -> None:
    """See that an experiment can choose its neurons in the way of this name, where it chooses any at all.

    Raises `UnknownNameError` with the names that it knows.

    >>> refuse_selection("regression", "correlation")
    """
    experiment = experiment_named(name)
    if "selection" not in experiment.takes:
        return
    if experiment.kind == "binary":
        selection_named(selection, preset=preset)
    elif selection not in REGRESSION_SELECTIONS:
        raise UnknownNameError(f"selection of the experiment {name!r}:", selection, REGRESSION_SELECTIONS)


def refuse_unused(name: str, asked: Asked) -> None:
    """See that an experiment asked for by itself has a use for everything that is said to it.

    >>> refuse_unused("dense", Asked(k=[2]))
    Traceback (most recent call last):
        ...
    sparseprobe.errors.InputError: the experiment 'dense' takes no k: leave it away
    """
    plain, takes = Asked(), experiment_named(name).takes
    unused = [
        field.name
        for field in fields(Asked)
        if field.name not in takes and getattr(asked, field.name) != getattr(plain, field.name)
    ]
    if unused:
        raise InputError(f"the experiment {name!r} takes no {' and no '.join(unused)}: leave it away")


def usual_experiments(data: ProbingDataset) -> tuple[str, ...]:
    """What one would do first: sweep and single neurons for binary features, regression for continuous ones.

    >>> from sparseprobe.experiments import planted_experiment
    >>> usual_experiments(planted_experiment(n=100, width=5)[1])
    ('sweep', 'neurons')
    """
    kinds = set(data.features["kind"])
    return (("sweep", "neurons") if "binary" in kinds else ()) + (("regression",) if "continuous" in kinds else ())


def features_for(name: str, data: ProbingDataset, features: Iterable[str] | None) -> list[str]:
    """The features among those named (all by default) that an experiment is about.

    Raises `UnknownNameError` for a feature that the dataset does not have, `InputError` if none is left.
    """
    kinds = dict(zip(data.features["name"], data.features["kind"], strict=True))
    for feature in features or ():
        if feature not in kinds:
            raise UnknownNameError("feature", feature, kinds)
    wanted = experiment_named(name).kind
    chosen = [feature for feature in (features or kinds) if kinds[feature] == wanted]
    if not chosen:
        raise InputError(
            f"the experiment {name!r} is about {wanted} features, and {data.name} has none of those asked for"
        )
    return chosen


def do_experiment(name: str, acts: Activations, data: ProbingDataset, asked: Asked, **more: Any) -> pd.DataFrame:
    """The table of an experiment; `more` goes to its function as it is. Raises what the function raises.

    >>> from sparseprobe.experiments import planted_experiment
    >>> acts, data = planted_experiment(n=300, width=20, informative=2)
    >>> do_experiment("dense", acts, data, Asked())["k"].tolist()
    [20]
    """
    experiment = experiment_named(name)
    said = {field: getattr(asked, field) for field in experiment.takes}
    said["features"] = features_for(name, data, asked.features)
    given = {field: value for field, value in said.items() if value is not None}
    return experiment.function(acts, data, **given, **more)
