"""Your own data: any texts with a label column, or with labelled character spans.

`label_column` (one name, or several): a label per text. A column of 0/1 or true/false is one feature; any other
becomes one feature a value, that value against the rest. An example is the text from `from_position` on; its
activations are averaged. `spans_column`: a list [[start, stop, label], ...] per text (JSON in a CSV), character
positions, half-open. With `unit="span"` each span is an example and the labels stand against each other; with
`unit="token"` each token of the text is an example, positive inside a span. See `labelled_spans` for boundaries that
fall inside a token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparseprobe.datasets.collections.collection import Collection, Request
from sparseprobe.datasets.collections.labelled_spans import find_spans
from sparseprobe.datasets.collections.text_labels import find_labelled_texts
from sparseprobe.errors import InputError

if TYPE_CHECKING:
    from sparseprobe.datasets.candidates import Candidates


def _find(request: Request) -> Candidates:
    spans, labels = request.settings["spans_column"], request.settings["label_column"]
    if spans is not None:
        return find_spans(request, spans)
    columns = [labels] if isinstance(labels, str) else list(labels or [])
    if not columns:
        raise InputError("say which column holds the labels: label_column (a label per text) or spans_column")
    return find_labelled_texts(request, columns=columns, category="custom")


_SETTINGS = {
    "label_column": "label",
    "spans_column": None,
    "unit": "span",
    "partial": "drop",
    "context": 512,
    "from_position": 1,
}

CUSTOM = Collection(
    name="custom",
    description="your own texts, with a label column or labelled character spans",
    unit="sequence",
    aggregate="mean",
    features=(),
    find=_find,
    presets={"default": _SETTINGS, "paper": {**_SETTINGS, "split_by": "example"}},
)
