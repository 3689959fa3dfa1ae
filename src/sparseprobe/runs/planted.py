"""All selections on planted problems, as an experiment of a run: it needs no model, and its truth is known."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import product

from sparseprobe.experiments.comparison import PAPER_SELECTIONS, PlantedSetting, compare_on_planted
from sparseprobe.runs.experiment import Experiment, Part, Question, Sources, Work
from sparseprobe.selection.optimal import Optimal
from sparseprobe.tables import PLANTED

EXAMPLES, NEURONS, INFORMATIVE = (200, 500, 1000), 100, (2, 5)
TRIALS, TIME_LIMIT = 2, 2.0
"""Problems of each kind, and seconds that the exact search may take."""


def _check(question: Question) -> Work:
    return partial(_parts, question.seed)


def _parts(seed: int, _: Sources) -> Iterator[Part]:
    selections = [Optimal(time_limit=TIME_LIMIT) if name == "optimal" else name for name in PAPER_SELECTIONS]
    for n, informative in product(EXAMPLES, INFORMATIVE):
        setting = PlantedSetting(n=n, d=NEURONS, informative=informative)
        make = partial(compare_on_planted, [setting], selections=selections, trials=TRIALS, seed=seed)
        yield Part("planted", f"{n}-{informative}", make)


SELECTIONS_ON_PLANTED = Experiment(
    name="planted",
    about="the ways to choose neurons where it is known which neurons carry the feature",
    columns=PLANTED,
    takes=(),
    check=_check,
)
