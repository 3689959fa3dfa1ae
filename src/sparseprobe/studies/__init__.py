"""The paper's case studies, each a plan of runs, tables, figures and sentences that works on any model and dataset."""

from sparseprobe.studies.catalogue import STUDIES
from sparseprobe.studies.run_study import StudyResult, study
from sparseprobe.studies.study import Study, StudyFigure

__all__ = ["STUDIES", "Study", "StudyFigure", "StudyResult", "study"]
