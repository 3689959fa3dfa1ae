"""The studies by name: the paper's four case studies and its appendix. A new study is one more entry here."""

from __future__ import annotations

from collections.abc import Mapping

from sparseprobe.studies.compound_words import COMPOUND_WORDS
from sparseprobe.studies.context_neurons import CONTEXT_NEURONS
from sparseprobe.studies.reading_probes import READING_PROBES
from sparseprobe.studies.scale import SCALE
from sparseprobe.studies.selection import SELECTION
from sparseprobe.studies.study import Study

STUDIES: Mapping[str, Study] = {
    study.name: study for study in (COMPOUND_WORDS, CONTEXT_NEURONS, SCALE, READING_PROBES, SELECTION)
}
"""Every study by its name."""
