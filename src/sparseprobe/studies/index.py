"""All studies into one folder, and the page that leads to their reports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sparseprobe.artefacts import whole_file
from sparseprobe.printable import printable_html
from sparseprobe.progress import SILENT, Progress
from sparseprobe.studies.catalogue import STUDIES
from sparseprobe.studies.run_study import StudyResult, study

_SENTENCES = 8
"""Findings of a study that the index repeats."""


def all_studies(out: str | Path, *, progress: Progress = SILENT, **asked: Any) -> Path:
    """Run every study into `out`/NAME, and write and return `out`/index.html; what is done is not done again.

    `asked` are arguments of `study`, such as model; a dataset or a setting that is named goes to all of them.
    """
    folder = Path(out)
    found = [study(name, folder / name, progress=progress, **asked) for name in STUDIES]
    path = folder / "index.html"
    with whole_file(path) as partial:
        partial.write_text(_page(found), encoding="utf-8")
    return path


def _page(found: list[StudyResult]) -> str:
    return "".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            '<meta name="color-scheme" content="light dark">\n<title>sparseprobe studies</title>\n',
            "<style>body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; ",
            "padding: 0 1rem }</style>\n</head>\n<body>\n<h1>Studies of sparse probing</h1>\n<main>\n",
            *map(_entry, found),
            "</main>\n</body>\n</html>\n",
        ]
    )


def _entry(one: StudyResult) -> str:
    link = f"{one.folder.name}/{one.report.name}"
    said = "".join(f"<li>{printable_html(sentence)}</li>\n" for sentence in one.findings[:_SENTENCES])
    more = len(one.findings) - _SENTENCES
    rest = f"<p>The report has {more} more findings.</p>\n" if more > 0 else ""
    return (
        f'<section>\n<h2><a href="{printable_html(link)}">{printable_html(one.study.name)}</a></h2>\n'
        f"<p>{printable_html(one.study.about)}</p>\n<ul>\n{said}</ul>\n{rest}</section>\n"
    )
