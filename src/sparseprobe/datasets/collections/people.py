"""Properties of the person whose name ends a text: sex or gender, occupation, sport, whether alive, party.

Paper (arXiv 2305.01610, appendix on feature datasets): names of Wikidata found in text that ends with the name, 128
tokens of context, the maximum over the tokens of the surname, 3,000 to 10,000 examples, the best-known names first, a
limited number of repeats of a name, and only names with one class of the property.

Three shapes of source. A record is a text with its `name` (and, if they are known, `surname`, `target_start`,
`target_end`) and a column for each property; or it concerns one property, which `feature` names, and `label` is its
class; any other property of the source has one feature per class, or one in all if its classes are truth values. With
`table` (a file or records of `name` and the properties, best known first), the names are looked for in any texts, whole
and as written; `names` is the number of names used from the top of the table. The document of an example is its person
(the surname, where no name is given), so that no person is both trained on and tested.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sparseprobe.datasets.collection import Collection, Request
from sparseprobe.datasets.labelling.alignment import align
from sparseprobe.datasets.labelling.labelled_text import LabelledText, as_index
from sparseprobe.datasets.labelling.person_properties import PersonProperties, classes_of
from sparseprobe.datasets.labelling.text_endings import TextEndings
from sparseprobe.datasets.readers import is_missing, read_records
from sparseprobe.errors import DataError

if TYPE_CHECKING:
    from sparseprobe.datasets.labelling.candidates import Candidates

PROPERTIES: Mapping[str, tuple[str, ...]] = {
    "sex_or_gender": ("female", "male"),
    "occupation": ("politician", "actor", "researcher", "singer", "journalist", "athlete"),
    "sport": ("association football", "basketball", "American football", "baseball", "ice hockey"),
    "is_alive": ("true", "false"),
    "political_party": ("Democratic Party", "Republican Party"),
}
WORD = re.compile(r"\w+")
LAST_WORD = "last word"
"""Where a row of the table keeps what a text must hold before the name is looked for."""
FEATURES = tuple(f"{name}={value}" for name, values in PROPERTIES.items() for value in values)


def surname_span(name: str) -> tuple[int, int]:
    """Characters of the last word of a name.

    >>> surname_span("Ludwig van Beethoven")
    (11, 20)
    """
    start = len(name) - len(name.rsplit(maxsplit=1)[-1])
    return start, len(name)


def _find(request: Request) -> Candidates:
    endings = TextEndings(request.encoder, request.number("context", least=2))
    most = request.number("repeats", least=1)
    seen: Counter[tuple[str, tuple[str, ...]]] = Counter()
    repeated = 0
    properties = PersonProperties(request.settings["properties"])
    table = _table(request)
    for item, encoded in request.encoded():
        for name, start, stop, record in _mentions(item, table):
            classes = properties.classes(record)
            if seen[name, properties.named(classes)] >= most:
                repeated += 1
                continue
            aligned = align(item.text, encoded, [[start, stop]])
            if not aligned.exact[0]:
                endings.counts["spans_inside_a_token"] += 1
                continue
            seen[name, properties.named(classes)] += 1
            span = int(aligned.start[0]), int(aligned.stop[0])
            labels = dict.fromkeys(classes, 1)
            endings.add(encoded.ids, *span, document=_group(request, item, name), labels=labels)
    endings.labels = properties.labels(endings.labels)
    names = len({name for name, _ in seen})
    counts = {"names": names, "mentions_beyond_repeats": repeated}
    missing = "no name of the table is in the texts; look at the column name"
    return endings.candidates(properties.features(), counts, missing)


def _table(request: Request) -> dict[str, Mapping[str, Any]]:
    given = request.settings["table"]
    if given is None:
        return {}
    most = None if request.settings["names"] is None else request.number("names", least=1)
    table: dict[str, Mapping[str, Any]] = {}
    for where, record in read_records(given):
        if not isinstance(record.get("name"), str) or not str(record["name"]).strip():
            raise DataError(f"{where} has no name; a table of people needs the column 'name' and their properties")
        name = str(record["name"]).strip()
        if name in table:
            table[name] = _merged(table[name], record)
        elif most is None or len(table) < most:
            table[name] = {**record, LAST_WORD: (WORD.findall(name) or [name])[-1]}
    return table


def _merged(known: Mapping[str, Any], record: Mapping[str, Any]) -> Mapping[str, Any]:
    """The merged rows of a person: the classes of both, so that a property with two has none."""
    said = {name: [*classes_of(known.get(name)), *classes_of(record.get(name))] for name in {**known, **record}}
    return {**said, LAST_WORD: known[LAST_WORD]}


def _mentions(
    item: LabelledText, table: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, int, int, Mapping[str, Any]]]:
    """Each name in a text: the name, first and last character of its surname, the record with its properties."""
    if not table:
        yield _own_mention(item)
        return
    words = set(WORD.findall(item.text))
    for name, record in table.items():
        if record[LAST_WORD] not in words:
            continue
        for match in _whole(name, item.text):
            start, stop = surname_span(name)
            yield name, match.start() + start, match.start() + stop, record


def _whole(name: str, text: str) -> list[re.Match[str]]:
    """Where a name occurs in a text, not inside another word."""
    return list(re.finditer(rf"(?<!\w){re.escape(name)}(?!\w)", text))


def _own_mention(item: LabelledText) -> tuple[str, int, int, Mapping[str, Any]]:
    given = item.fields.get("name", item.fields.get("surname"))
    if given is None:
        raise DataError(f"{item.where} has no column 'name'; its columns are: {', '.join(map(str, item.fields))}")
    name = str(given).strip()
    places = [_character(item, column) for column in ("target_start", "target_end")]
    if None not in places:
        start, stop = (place - item.skipped for place in places if place is not None)
    else:
        mentions = _whole(name, item.text) if name else []
        if not mentions:
            raise DataError(f"{item.where}: the name {name!r} is not in the text; write it as the text does")
        start, stop = (mentions[-1].start() + place for place in surname_span(name))
    if not 0 <= start < stop <= len(item.text):
        raise DataError(
            f"{item.where}: the surname at [{start}, {stop}) is outside a text of {len(item.text)} characters"
        )
    return name, start, stop, item.fields


def _character(item: LabelledText, column: str) -> int | None:
    value = item.fields.get(column)
    if is_missing(value):
        return None
    try:
        return as_index(value)
    except (ValueError, OverflowError) as error:
        raise DataError(f"{item.where}: {column} is {value!r}; it must be a character index") from error


def _group(request: Request, item: LabelledText, name: str) -> str:
    by_text = request.settings["document_column"] or request.settings["split_column"]
    return item.document if by_text else name


_SETTINGS = {
    "context": 128,
    "properties": {name: list(values) for name, values in PROPERTIES.items()},
    "table": None,
    "names": None,
    "repeats": 5,
    "n_examples": 10_000,
}

PEOPLE = Collection(
    name="people",
    description="what is true of the person named at the end of a text: occupation, sport, party, alive, gender",
    unit="span",
    aggregate="max",
    features=FEATURES,
    find=_find,
    presets={"default": _SETTINGS, "paper": {**_SETTINGS, "split_by": "example"}},
    texts=("people",),
)
