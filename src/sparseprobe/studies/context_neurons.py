"""Context neurons (the paper's second case study): one neuron per language, programming language or kind of text."""

from __future__ import annotations

from collections.abc import Iterator

from sparseprobe.reports.findings import Sentence, findings
from sparseprobe.studies.study import Study, StudyFigure, Tables


def _findings(tables: Tables) -> Iterator[Sentence]:
    yield from findings({name: tables[name] for name in ("neurons", "ablation")})


CONTEXT_NEURONS = Study(
    name="context-neurons",
    about="Does a single neuron tell which language or kind of text the model reads, and does the model need it there?",
    models=("demo-4.7m",),
    datasets=("natural_language", "programming_language", "data_source"),
    experiments=("neurons", "ablation", "cards"),
    figures=(
        StudyFigure(
            name="models",
            kind="listing",
            caption="The models of the study.",
            table="models",
        ),
        StudyFigure(
            name="loss-by-context",
            kind="loss_by_context",
            caption="Change of the next-token loss on each feature's text without that feature's neurons, with 95 % "
            "intervals; grey: matched random neurons.",
            table="ablation",
            by=("model", "collection"),
        ),
        StudyFigure(
            name="loss-heat-map",
            kind="loss_heat_map",
            caption="Each set of neurons against each context: a diagonal says that neurons matter to their own.",
            table="ablation",
            by=("model", "collection"),
        ),
    ),
    findings=_findings,
)
