"""The experiments by name, as settings of a run and the command line refer to them.

A run makes one layer after another and all experiments of a layer together; an experiment that compares all layers is
one part. A new experiment or study is one more entry here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from sparseprobe.activations import Activations
from sparseprobe.datasets import ProbingDataset
from sparseprobe.errors import InputError, UnknownNameError
from sparseprobe.experiments.baselines import plan_baselines
from sparseprobe.experiments.comparison import plan_comparison
from sparseprobe.experiments.dense import plan_dense
from sparseprobe.experiments.labelled_examples import LabelledExamples
from sparseprobe.experiments.optimum import plan_optimum
from sparseprobe.experiments.probed_layer import Plan, ProbedLayer, chosen_layers
from sparseprobe.experiments.pruning import plan_pruning
from sparseprobe.experiments.regression import plan_regression
from sparseprobe.experiments.significance import plan_significance
from sparseprobe.experiments.single_neurons import plan_neurons
from sparseprobe.experiments.stability import plan_stability
from sparseprobe.experiments.sweep import plan_sweep
from sparseprobe.progress import SILENT, Progress
from sparseprobe.runs.ablation import ABLATION_OF_NEURONS
from sparseprobe.runs.cards import CARDS_OF_NEURONS
from sparseprobe.runs.compound_parts import PARTS_OF_COMPOUNDS
from sparseprobe.runs.experiment import Experiment, Part, Question, Sources, Work, run_parts
from sparseprobe.runs.mean_and_maximum import MEAN_AND_MAXIMUM_OF_TEXTS
from sparseprobe.runs.neuron_weights import LOGITS_OF_NEURONS, WEIGHTS_OF_NEURONS
from sparseprobe.runs.on_text import NEURONS_ON_TEXT
from sparseprobe.runs.planted import SELECTIONS_ON_PLANTED
from sparseprobe.runs.readings import READINGS
from sparseprobe.runs.same_token import SAME_TOKEN_IN_AND_OUT
from sparseprobe.tables import (
    BASELINES,
    DENSE,
    NEURONS,
    OPTIMUM,
    PRUNING,
    REGRESSION,
    SIGNIFICANCE,
    STABILITY,
    SWEEP,
    Column,
)


def _probing(
    name: str,
    about: str,
    columns: tuple[Column, ...],
    plan: Callable[..., Plan],
    takes: str,
    *,
    kind: Literal["binary", "continuous"] = "binary",
    by_layer: bool = True,
) -> Experiment:
    """The entry of an experiment that reads layers of activations."""
    settings = tuple(takes.split())

    def check(question: Question) -> Work:
        question.named(kind, asking=f"the experiment {name!r}")
        examples = question.binary if kind == "binary" else question.continuous
        asked = question.given(one for one in settings if one != "preset")
        checked = plan(examples, question.widths, **asked)

        def work(sources: Sources) -> Iterator[Part]:
            if not by_layer:
                layers = (sources.layer(one, examples) for one in question.widths)
                yield Part(name, "all-layers", lambda: checked.table(layers))
                return
            for layer in question.widths:
                yield Part(name, f"layer-{layer}", partial(_one_layer, checked, sources, layer, examples), layer)

        return work

    return Experiment(name, about, columns, settings, check, kind)


def _one_layer(plan: Plan, sources: Sources, layer: int, examples: LabelledExamples) -> pd.DataFrame:
    return plan.table([sources.layer(layer, examples)])


EXPERIMENTS: Mapping[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
        _probing("sweep", "k-sparse probes for each k", SWEEP, plan_sweep, "selection k preset"),
        _probing("neurons", "every single neuron", NEURONS, plan_neurons, "keep preset"),
        _probing("dense", "one probe on all neurons of a layer", DENSE, plan_dense, "preset"),
        _probing("pruning", "remove the best neuron again and again", PRUNING, plan_pruning, "selection k preset"),
        _probing(
            "baselines",
            "the sweep beside permuted labels, random neurons and random bases",
            BASELINES,
            plan_baselines,
            "selection k preset",
        ),
        _probing("comparison", "the ways to choose neurons, side by side", SWEEP, plan_comparison, "k preset"),
        _probing("optimum", "the ways to choose neurons against the proven optimum", OPTIMUM, plan_optimum, "k"),
        SELECTIONS_ON_PLANTED,
        _probing(
            "stability",
            "how often a neuron is chosen over resamples",
            STABILITY,
            plan_stability,
            "selection k preset",
        ),
        _probing(
            "significance",
            "which neurons stand out by more than chance",
            SIGNIFICANCE,
            plan_significance,
            "",
            by_layer=False,
        ),
        _probing(
            "regression",
            "k-sparse regression of continuous features",
            REGRESSION,
            plan_regression,
            "selection k",
            kind="continuous",
        ),
        ABLATION_OF_NEURONS,
        CARDS_OF_NEURONS,
        PARTS_OF_COMPOUNDS,
        *NEURONS_ON_TEXT,
        WEIGHTS_OF_NEURONS,
        LOGITS_OF_NEURONS,
        *READINGS,
        MEAN_AND_MAXIMUM_OF_TEXTS,
        SAME_TOKEN_IN_AND_OUT,
    )
}


def experiment_named(name: str) -> Experiment:
    """The experiment of a name; raises `UnknownNameError`.

    >>> experiment_named("dense").about
    'one probe on all neurons of a layer'
    """
    if name not in EXPERIMENTS:
        raise UnknownNameError("experiment", name, EXPERIMENTS)
    return EXPERIMENTS[name]


def usual_experiments(data: ProbingDataset) -> tuple[str, ...]:
    """The default experiments: sweep and single neurons for binary features, regression for continuous ones.

    >>> from sparseprobe.experiments import planted_experiment
    >>> usual_experiments(planted_experiment(n=100, width=5)[1])
    ('sweep', 'neurons')
    """
    kinds = set(data.features["kind"])
    return (("sweep", "neurons") if "binary" in kinds else ()) + (("regression",) if "continuous" in kinds else ())


def checked_work(names: Iterable[str], question: Question) -> dict[str, Work]:
    """The work of these experiments; raises `InputError` for what cannot be done, before any of it begins."""
    asked = {name: experiment_named(name) for name in names}
    for name, experiment in asked.items():
        for table in experiment.needs_tables:
            if table not in asked:
                raise InputError(
                    f"the experiment {name!r} takes neurons from the experiment {table!r}: add it to the experiments"
                )
    return {name: experiment.check(question) for name, experiment in asked.items()}


def sources_of(activations: Activations, tables: Mapping[str, pd.DataFrame], folder: Path | None = None) -> Sources:
    """The inputs of parts; the layer that was read last is kept for the next part."""
    return Sources(activations, lru_cache(maxsize=1)(partial(ProbedLayer.read, activations)), tables, folder)


def do_experiment(
    name: str,
    acts: Activations,
    data: ProbingDataset,
    *,
    layers: Iterable[int] | int | None = None,
    features: Sequence[str] | None = None,
    seed: int = 0,
    preset: str = "default",
    progress: Progress = SILENT,
    **settings: Any,
) -> pd.DataFrame:
    """The table of one experiment on stored activations, the same as a run would write.

    Raises `InputError` for a setting that it does not accept, an experiment that needs more than activations, and what
    the experiment cannot do.

    >>> from sparseprobe.experiments import planted_experiment
    >>> acts, data = planted_experiment(n=300, width=20, informative=2)
    >>> do_experiment("dense", acts, data)["k"].tolist()
    [20]
    """
    experiment = experiment_named(name)
    if experiment.needs_model or experiment.needs_tables:
        raise InputError(f"the experiment {name!r} needs more than activations: ask for it with `sparseprobe run`")
    said = [name for name, value in settings.items() if value is not None]
    said += [] if preset == "default" else ["preset"]
    unused = sorted(set(said) - set(experiment.takes))
    if unused:
        raise InputError(f"the experiment {name!r} does not accept {' or '.join(unused)}: omit {_it(unused)}")
    question = Question(data, chosen_layers(acts, data, layers), acts.site, features, seed, preset, settings)
    parts = list(experiment.check(question)(sources_of(acts, {})))
    tables: list[pd.DataFrame] = []
    with progress.task(name, total=len(parts), unit="parts") as step:

        def done(_: Part, table: pd.DataFrame) -> None:
            tables.append(table)
            step(1)

        run_parts(parts, done)
    return pd.concat(tables, ignore_index=True)


def _it(names: Sequence[str]) -> str:
    return "it" if len(names) == 1 else "them"
