"""Check the texts that ship with the package: `python tools/check_demo_texts.py`; exits with 1 if anything is wrong.

Looked at: classes of equal size, texts that stand twice (but for case and white space), the language of each paragraph
(by the character trigrams of all the other paragraphs), sentences of the treebank that are no trees or whose labels are
none of Universal Dependencies, surnames that are not where their record says, words that a compound's context does not
end in, statements called true and false.
"""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from math import log
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sparseprobe.demo
from sparseprobe.datasets.collections.compound_words import FIRST_ONLY, SECOND_ONLY, CompoundFinder
from sparseprobe.datasets.collections.treebank import RELATIONS, UPOS
from sparseprobe.datasets.labelling.conllu_words import TreebankReader
from sparseprobe.datasets.latex_marks import MARKS, mark

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXTS = Path(sparseprobe.demo.__file__).parent / "texts"
LABELLED = ("natural_language", "programming_language", "data_source")
PARTS_OF_SPEECH = {*UPOS, "X"}
ALL_RELATIONS = {
    *RELATIONS,
    *("clf", "csubj", "dep", "dislocated", "goeswith", "orphan", "reparandum", "vocative"),
}
FEATURES = {
    *("Abbr", "Case", "Definite", "Degree", "Foreign", "Gender", "Mood", "Number", "NumType", "Person", "Polarity"),
    *("Poss", "PronType", "Reflex", "Tense", "VerbForm", "Voice"),
}
KINDS = {"compound": (1, 0), "second_only": (0, SECOND_ONLY), "first_only": (0, FIRST_ONLY)}


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def balance(folder: str) -> Iterator[str]:
    sizes = {path.stem: len(records(path)) for path in sorted((TEXTS / folder).glob("*.jsonl"))}
    if len(set(sizes.values())) != 1:
        yield f"{folder}: classes differ in size: {sizes}"
    for path in (TEXTS / folder).glob("*.jsonl"):
        wrong = {record["label"] for record in records(path)} - {path.stem}
        if wrong:
            yield f"{path.name}: holds texts labelled {sorted(wrong)}"


def repeated() -> Iterator[str]:
    for folder in sorted(path for path in TEXTS.iterdir() if path.is_dir()):
        seen: dict[str, str] = {}
        for path in sorted(folder.glob("*.jsonl")):
            for number, record in enumerate(records(path), start=1):
                text = record.get("text") or f"{record['prompt']} {record['true']} {record['false']}"
                key = " ".join(str(text).casefold().split())
                place = f"{folder.name}/{path.name}, line {number}"
                if key in seen:
                    yield f"{place}: the text stands in {seen[key]} already"
                seen.setdefault(key, place)


def trigrams(text: str) -> list[str]:
    folded = f" {' '.join(text.casefold().split())} "
    return [folded[start : start + 3] for start in range(len(folded) - 2)]


def languages() -> Iterator[str]:
    """Paragraphs that the trigrams of all others call by another language."""
    texts = {path.stem: [record["text"] for record in records(path)] for path in (TEXTS / LABELLED[0]).glob("*.jsonl")}
    counts = {label: Counter(sign for text in several for sign in trigrams(text)) for label, several in texts.items()}
    totals = {label: sum(found.values()) for label, found in counts.items()}
    kinds = len(set().union(*counts.values()))
    for label, several in texts.items():
        for number, text in enumerate(several, start=1):
            own = Counter(trigrams(text))
            size = sum(own.values())
            score = {
                other: sum(
                    n
                    * log(
                        (counts[other][sign] - n * (other == label) + 0.5)
                        / (totals[other] - size * (other == label) + kinds / 2)
                    )
                    for sign, n in own.items()
                )
                for other in texts
            }
            best = max(score, key=score.__getitem__)
            if best != label:
                yield f"natural_language/{label}.jsonl, line {number}: reads like {best}: {text[:60]!r}"


def treebank() -> Iterator[str]:
    for path in sorted((TEXTS / "treebank").glob("*.conllu")):
        content = path.read_text(encoding="utf-8")
        stated = [line.removeprefix("# text = ") for line in content.splitlines() if line.startswith("# text = ")]
        documents = TreebankReader().read(content, source=path.name)
        sentences = [sentence for document in documents for sentence in document.sentences]
        if len(stated) != len(sentences):
            yield f"{path.name}: {len(sentences)} sentences, but {len(stated)} lines '# text'"
        for sentence, text in zip(sentences, stated, strict=False):
            if sentence != text:
                yield f"{path.name}: the words give {sentence!r}, the text says {text!r}"
        for block in content.strip().split("\n\n"):
            yield from tree(path.name, [line.split("\t") for line in block.splitlines() if line[:1].isdigit()])


def tree(name: str, rows: list[list[str]]) -> Iterator[str]:
    words = [row for row in rows if row[0].isdigit()]
    sentence = " ".join(row[1] for row in words)
    if any(len(row) != 10 for row in rows) or [row[0] for row in words] != [str(n + 1) for n in range(len(words))]:
        yield f"{name}: broken columns or numbers in {sentence!r}"
        return
    yield from (f"{name}: {wrong} in {sentence!r}" for row in words for wrong in labels(row))
    head = {row[0]: row[6] for row in words}
    if sum(value == "0" for value in head.values()) != 1:
        yield f"{name}: not one root in {sentence!r}"
    for start in head:
        at, steps = start, 0
        while at != "0" and steps <= len(words):
            at, steps = head.get(at, "missing"), steps + 1
            if at == "missing":
                break
        if at != "0":
            yield f"{name}: word {start} does not hang from the root in {sentence!r}"


def labels(row: list[str]) -> Iterator[str]:
    """What is no part of speech, relation or feature of Universal Dependencies; features are sorted by name."""
    form, upos, features, relation = row[1], row[3], row[5], row[7]
    if upos not in PARTS_OF_SPEECH:
        yield f"{form!r} has the part of speech {upos!r}"
    if relation.split(":")[0] not in ALL_RELATIONS or (relation == "root") != (row[6] == "0"):
        yield f"{form!r} has the relation {relation!r} to {row[6]}"
    pairs = [] if features == "_" else [pair.partition("=") for pair in features.split("|")]
    names = [category for category, _, _ in pairs]
    if not all(category in FEATURES and value for category, _, value in pairs) or names != sorted(set(names)):
        yield f"{form!r} has the features {features!r}"


def people() -> Iterator[str]:
    for number, record in enumerate(records(TEXTS / "people" / "sentences.jsonl"), start=1):
        text, start, stop = record["text"], record["target_start"], record["target_end"]
        if text[start:stop] != record["surname"] or stop != len(text) or not text.endswith(record["name"]):
            yield f"people, line {number}: {record['surname']!r} is not at [{start}, {stop}), the end of {text!r}"


def compounds() -> Iterator[str]:
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for number, record in enumerate(records(TEXTS / "compound_words" / "contexts.jsonl"), start=1):
        kinds[record["compound"]][record["kind"]] += 1
        found = CompoundFinder([record["compound"]]).find(record["text"])
        last = [(label, kind) for _, stop, _, label, kind in found if stop == len(record["text"])]
        if last != [KINDS[record["kind"]]]:
            yield f"compound_words, line {number}: does not end as {record['kind']}: {record['text']!r}"
    for compound, sizes in kinds.items():
        if set(sizes) != set(KINDS) or sizes["second_only"] != sizes["first_only"]:
            yield f"compound_words: {compound!r} has {dict(sizes)}"


def statements() -> Iterator[str]:
    truth: dict[str, bool] = {}
    for number, record in enumerate(records(TEXTS / "counterfact" / "pairs.jsonl"), start=1):
        for side in ("true", "false"):
            statement = f"{record['prompt']} {record[side]}"
            if truth.setdefault(statement, side == "true") != (side == "true"):
                yield f"counterfact, line {number}: called true and false: {statement!r}"


def latex() -> Iterator[str]:
    texts = [record["text"] for record in records(TEXTS / "latex" / "fragments.jsonl")]
    having = sum(mark(text).any(axis=1).astype(int) for text in texts)
    for name, n in zip(MARKS, having, strict=True):
        if n < 6:
            yield f"latex: only {n} texts have {name}"


def main() -> int:
    checks = [*(balance(folder) for folder in LABELLED), repeated(), languages(), treebank(), people()]
    found = [line for check in [*checks, compounds(), statements(), latex()] for line in check]
    sys.stdout.write("\n".join([*found, f"{len(found)} findings"]) + "\n")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
