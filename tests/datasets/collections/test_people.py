from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from sparseprobe.datasets import ProbingDataset, load_dataset
from sparseprobe.datasets.collections.people import FEATURES
from sparseprobe.datasets.labelling.person_properties import one_class
from sparseprobe.datasets.readers import read_records
from sparseprobe.errors import DataError, InputError

if TYPE_CHECKING:
    from pathlib import Path

    from tokenizers import Tokenizer

NAMES = [f"{first} {last}" for first in ("Ann", "Bob", "Cleo") for last in ("school", "table", "side", "room", "car")]
TABLE = [{"name": name, "occupation": "actor" if name[0] == "A" else "singer"} for name in NAMES]
TEXT = "Then {name} said that the {other} is here. " * 2


def spans(data: ProbingDataset) -> list[str]:
    ids = [(data.sequences[row.sequence], row.start, row.stop) for row in data.examples.itertuples()]
    return [data.tokenizer.decode(every[start:stop].tolist()).strip() for every, start, stop in ids]


def test_the_shipped_texts_have_all_17_and_the_surname_ends_the_sequence() -> None:
    data = load_dataset("people", tokenizer="demo-4.7m")
    assert data.features["name"].tolist() == list(FEATURES)
    assert len(FEATURES) == 17
    assert data.settings["aggregate"] == "max"
    assert (data.examples["stop"] == data.sequences.lengths[data.examples["sequence"]]).all()
    surnames = dict(zip(data.examples["group"], spans(data), strict=True))
    assert surnames["Kamala Harris"] == "Harris"
    assert surnames["Barack Obama"] == "Obama"
    rows = data.labels[data.examples["group"] == "Kamala Harris"]
    assert (rows["sex_or_gender=female"] == 1).all()
    assert (rows["occupation=actor"] == 0).all()
    assert (rows["sport=baseball"] == -1).all()


def test_names_are_found_in_raw_text_whole_with_their_surname(tokenizer: Tokenizer) -> None:
    source = [{"text": TEXT.format(name=name, other=NAMES[0] + "house")} for name in NAMES]
    data = load_dataset("people", source=source, tokenizer=tokenizer, table=TABLE)
    assert sorted(set(data.examples["group"])) == sorted(NAMES)
    assert set(spans(data)) == {name.split()[-1] for name in NAMES}
    assert data.n_examples == 2 * len(NAMES)
    for row in data.examples.itertuples():
        text = data.tokenizer.decode(data.sequences[row.sequence].tolist())
        assert text.endswith(str(row.group))
        assert data.labels["occupation=actor"][row.Index] == int(str(row.group).startswith("Ann"))
    assert data.examples.groupby("group")["split"].nunique().max() == 1


def test_repeats_are_limited_and_the_best_known_come_first(tokenizer: Tokenizer) -> None:
    source = [{"text": TEXT.format(name=name, other="x")} for name in NAMES]
    once = load_dataset("people", source=source, tokenizer=tokenizer, table=TABLE, repeats=1)
    assert once.n_examples == len(NAMES)
    assert once.settings["counts"]["mentions_beyond_repeats"] == len(NAMES)
    few = load_dataset("people", source=source, tokenizer=tokenizer, table=TABLE, names=9)
    assert set(few.examples["group"]) == set(NAMES[:9])


def test_a_name_with_several_classes_has_no_label(tokenizer: Tokenizer) -> None:
    assert [one_class(value) for value in (["a", "b"], "a|b", float("nan"), "", False)] == [
        None,
        None,
        None,
        None,
        "false",
    ]
    records = [{"text": f"it is {row['name']}", **row} for row in TABLE]
    records[0]["occupation"] = "actor; singer"
    data = load_dataset("people", source=records, tokenizer=tokenizer)
    assert NAMES[0] not in set(data.examples["group"])


def test_a_name_with_several_rows_has_the_classes_of_all(tokenizer: Tokenizer) -> None:
    source = [{"text": f"it is {name}"} for name in NAMES]
    second = [{"name": name, "occupation": "politician"} for name in NAMES[:2]]
    same = [{"name": row["name"], "occupation": row["occupation"]} for row in TABLE[2:4]]
    data = load_dataset("people", source=source, tokenizer=tokenizer, table=[*TABLE, *second, *same])
    alone = load_dataset("people", source=source, tokenizer=tokenizer, table=TABLE)
    known = data.labels.filter(like="occupation=").ne(-1).any(axis=1).groupby(data.examples["group"].to_numpy()).any()
    before = (
        alone.labels.filter(like="occupation=").ne(-1).any(axis=1).groupby(alone.examples["group"].to_numpy()).any()
    )
    assert before[NAMES[:4]].all()
    assert not known.reindex(NAMES[:2], fill_value=False).any()
    assert known[NAMES[2:4]].all()


def test_a_name_inside_another_word_is_not_the_person(tokenizer: Tokenizer) -> None:
    records = [{"text": f"once {row['name']} met {row['name']}smith", **row} for row in TABLE]
    data = load_dataset("people", source=records, tokenizer=tokenizer)
    ends = {data.tokenizer.decode(ids.tolist()).strip() for ids in data.sequences}
    assert ends == {f"once {name}" for name in NAMES}
    with pytest.raises(DataError, match="the name 'Lee' is not in the text"):
        load_dataset("people", source=[{"text": "he is in Leeds", "name": "Lee"}], tokenizer=tokenizer)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"properties": "occupation"}, "properties is 'occupation'; give the classes"),
        ({"names": "many"}, "names is 'many'"),
    ],
)
def test_a_wrong_setting_is_said(tokenizer: Tokenizer, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_dataset("people", source=[{"text": "it is Ann"}], tokenizer=tokenizer, table=TABLE, **settings)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (
            {"text": "Bob", "name": "Bob", "target_start": "x", "target_end": 3},
            "target_start is 'x'; it must be a char",
        ),
        (
            {"text": "it is Bob", "name": "Ann", "target_start": "", "target_end": ""},
            "the name 'Ann' is not in the text",
        ),
        ({"text": "it is Bob", "name": "Ann"}, "the name 'Ann' is not in the text"),
        ({"text": "it is Bob"}, "has no column 'name'"),
        ({"text": "Bob", "name": "Bob", "target_start": 2, "target_end": 9}, r"the surname at \[2, 9\) is outside"),
    ],
)
def test_broken_records_are_said(tokenizer: Tokenizer, record: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_dataset("people", source=[record], tokenizer=tokenizer)


def test_a_table_without_names_or_matches_is_said(tokenizer: Tokenizer) -> None:
    with pytest.raises(DataError, match="record 1 has no name"):
        load_dataset("people", source=[{"text": "a"}], tokenizer=tokenizer, table=[{"occupation": "actor"}])
    with pytest.raises(DataError, match="no name of the table is in the texts"):
        load_dataset("people", source=[{"text": "a"}], tokenizer=tokenizer, table=TABLE)


def test_records_of_one_property_each(tokenizer: Tokenizer) -> None:
    """A property of classes has a feature a class, one of truth values a feature, one of the paper's its own two."""
    records = [
        {"prompt": f"it is {name}", "surname": name.split()[-1], "feature": feature, "label": label}
        for number, name in enumerate(NAMES)
        for feature, label in (("team", "red" if number % 2 else "blue"), ("is_tall", number % 3), ("is_alive", "True"))
        if label != 2
    ]
    records.append({"prompt": "it is Zed", "surname": "Zed", "feature": "is_alive", "label": "False"})
    data = load_dataset("people", source=records, tokenizer=tokenizer, min_positives=1, split_by="example")
    assert data.features["name"].tolist() == ["is_alive=true", "is_alive=false", "team=blue", "team=red", "is_tall"]
    labels = data.labels
    assert len(data.labels) == len(records)
    assert ((labels["team=red"] == 1) == (labels["team=blue"] == 0)).all()
    assert ((labels["is_alive=true"] == 1) == (labels["is_alive=false"] == 0)).all()
    wanted = {(record["surname"], record["label"]) for record in records if record["feature"] == "is_tall"}
    tall = data.examples.assign(label=labels["is_tall"])[labels["is_tall"] != -1]
    assert set(zip(tall["group"], tall["label"], strict=True)) == wanted
    assert (
        (labels != -1).sum(axis=1) == [2 if "team" in r["feature"] or "alive" in r["feature"] else 1 for r in records]
    ).all()


def from_web(record: dict[str, Any]) -> dict[str, Any] | None:
    """A record of the real texts with its label as a property."""
    sports = {"football": "American football"}
    kept = {name: record[name] for name in ("surname", "target_start", "target_end")}
    kept |= {"text": record["prompt"], "name": record["prompt"][-len(record["surname"]) - 12 :].strip()}
    kept["name"] = re.split(r"\s", kept["name"], maxsplit=1)[-1]
    feature, label = record["feature"], str(record["label"])
    if feature.startswith("occupation_is"):
        return kept | {"occupation": feature.removeprefix("occupation_is")} if label == "1" else None
    if feature == "athlete_sport":
        return kept | {"sport": sports.get(label, label)}
    if feature in ("sex_or_gender", "political_party", "is_alive"):
        return kept | {feature: label.lower() if feature == "is_alive" else label}
    return None


@pytest.mark.shared_data
def test_people_of_the_web_and_the_sports_that_they_lack(shared_data: Path) -> None:
    real = [kept for _, record in read_records(shared_data / "people.jsonl.zst") if (kept := from_web(dict(record)))]
    data = load_dataset("people", source=[*real[::4], "shipped"], tokenizer="demo-4.7m")
    assert len(data.features) == 17
    assert data.n_examples > 1500
    known = data.labels != -1
    assert max(known[name].groupby(data.examples["group"]).sum().max() for name in known) <= 5
