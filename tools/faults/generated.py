"""Generated inputs for everything that reads what people write, each from its own seed.

A kind is a function of a random generator and a folder; it reads one input, and raises what the reader raises.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import json
import random
import shutil
import tempfile
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path

import yaml

import sparseprobe as sp
from sparseprobe.activations.layer_choice import choose_layers
from sparseprobe.artefacts import parse_yaml
from sparseprobe.byte_sizes import parse_bytes
from sparseprobe.cli import main
from sparseprobe.datasets import latex_marks
from sparseprobe.datasets.labelling.conllu_words import TreebankReader
from sparseprobe.datasets.labelling.label_columns import label_columns, target_columns
from sparseprobe.datasets.labelling.labelled_spans import parse_spans
from sparseprobe.datasets.labelling.labelled_text import LabelledText, TextReader
from sparseprobe.datasets.labelling.word_tags import parse_tags
from sparseprobe.neuron import Neuron
from sparseprobe.neurons.neuron_sets import neuron_sets
from sparseprobe.printable import printable
from tools.faults.attempts import Attempts

CONTROLS = ("\0", "\x1b]0;title\x07", "\x1b[31m", "\x7f", "\x9b31m", "\u202e", "\u2066", "\ud800", "\ufeff")
NUMBERS = ("-1", "0", "1", "1.0", "1e999", "9" * 5000, "²", "٣", "NaN", "Infinity", "1_000", "0x10", "2024-99-99")
MARKS = (
    '"',
    "'",
    "\n",
    "\r\n",
    "\t",
    ",",
    "[",
    "]",
    "{",
    "}",
    ":",
    "-",
    "%",
    "*a",
    "&a",
    "? ",
    "!!python/object ",
    " ",
)
TEXTS = ("null", "true", "text", "label", "a", "é", "e\u0301", "[" * 3000, '{"a":' * 200, "_", "O", "B-PER")
LINES = ('{"text": "a", "label": 1}\n', "text,label\n", "text\tlabel\n", "# newdoc\n", "1-2\t", "1\t")
PIECES = (*CONTROLS, *NUMBERS, *MARKS, *TEXTS, *LINES)
LATEX = (
    *("$", "$$", "\\(", "\\)", "\\[", "\\]", "{", "}", "[", "]", "%", "&", "_", "^", "\\", "\n\n", " ", "x", "é", "*"),
    *("\\begin{equation}", "\\end{equation}", "\\begin {align*}", "\\end{align*}", "\\begin{", "\\end{verbatim}"),
    *("\\begin{verbatim}", "\\begin{lstlisting}", "\\verb|", "\\verb*+", "\\iffalse", "\\fi", "\\newcommand{\\a}[1]{"),
    *(
        "\\def\\a#1{",
        "\\frac",
        "\\sqrt[3]",
        "\\mathbf",
        "\\text{",
        "\\cite{",
        "\\url{",
        "\\label{",
        "\\mbox{$",
        "\\let\\a=",
    ),
    *("{" * 2000, "$" * 501, "^" * 300, "\\left(", "\\right."),
)
NAMES = ("L", "3", ".N", "609", ".D", ".E5", ".S0", ".F", "+", "-", ",", " ", "l", "²", "٣", "9" * 5000, "\ud800", "")
SIZES = ("4", "1.5", "GB", "MB", "KiB", "b", " ", "-", ".", "²", "٣", "9" * 5000, "e9", "inf", "nan", "")
LAYERS = ("all", "0", "3", "-1", ":", ",", " ", "²", "٣", "9" * 5000, "9" * 16, "a", "", "--")
ENDINGS = (".jsonl", ".json", ".csv", ".tsv", ".txt", ".conll", ".parquet", ".jsonl.gz", ".csv.zst", "")


def anything(rng: random.Random, depth: int = 3) -> object:
    """A value of any type that JSON or a table can hold."""
    simple = [None, True, -1, 0, 1.5, float("nan"), float("inf"), 10**400, "", "1.0", "a", "\ud800", "²", "B-PER", "O"]
    kind = rng.randrange(4) if depth else 0
    if kind < 2:
        return rng.choice(simple)
    if kind == 2:
        return [anything(rng, depth - 1) for _ in range(rng.randrange(4))]
    keys = ["start", "stop", "end", "label", "text"]
    return {rng.choice(keys): anything(rng, depth - 1) for _ in range(rng.randrange(4))}


def written(rng: random.Random, pieces: tuple[str, ...] = PIECES, most: int = 25) -> str:
    """Pieces in a row, and once in a thousand texts brackets 100,000 deep."""
    if rng.random() < 0.001:
        return rng.choice("[{(<$") * 100_000
    return "".join(rng.choices(pieces, k=rng.randrange(1, most)))


def a_file(rng: random.Random, folder: Path) -> None:
    path = folder / f"source{rng.choice(ENDINGS)}"
    good = rng.choice(["", *LINES[:3]])
    more = "".join(rng.choice([*LINES[:3], "a,1\n", "b\t0\n", written(rng, most=3)]) for _ in range(rng.randrange(5)))
    path.write_bytes((good + more).encode("utf-8", "surrogatepass") + rng.randbytes(rng.choice([0, 0, 3])))
    list(TextReader(path).read(required=["label"]))


def records(rng: random.Random, folder: Path) -> None:
    text, label, document = (rng.random() < 0.5 for _ in range(3))
    rows = [
        {
            "text": anything(rng, 1) if text else "a text",
            "label": anything(rng) if label else rng.choice(["a", "b", 1, 0.5]),
            "document": anything(rng, 1) if document else f"d{number}",
        }
        for number in range(4)
    ]
    values = [item.fields["label"] for item in TextReader(rows).read(required=["label"])]
    for read in (label_columns, target_columns):
        more = {"descriptions": {}} if read is label_columns else {}
        read(["label"], [values], category="c", **more)  # type: ignore[operator]


def spans(rng: random.Random, folder: Path) -> None:
    given = anything(rng)
    item = LabelledText("Ann ran", {"spans": rng.choice([given, json.dumps(given), written(rng)])}, "d", "record 1")
    parse_spans(item, "spans")


def tags(rng: random.Random, folder: Path) -> None:
    given = anything(rng)
    item = LabelledText("Ann ran", {"tags": rng.choice([given, [given, given], written(rng)])}, "d", "record 1")
    parse_tags(item, "tags")


def conllu(rng: random.Random, folder: Path) -> None:
    cells = ["1", "2", "1-2", "3.1", "_", "a", "", "²", "A=B|C", "SpaceAfter=No", "0"]
    lines = ["\t".join(rng.choices(cells, k=rng.choice([10, 10, 10, 3]))) for _ in range(rng.randrange(6))]
    more = rng.choice(["", written(rng)]).replace("\ud800", "")  # no file decodes to half a pair
    list(TreebankReader().read("\n".join([*lines, more]), source="s"))


def settings(rng: random.Random, folder: Path) -> None:
    parse_yaml(written(rng), "a setting")


def spec_file(rng: random.Random, folder: Path) -> None:
    """The spec.yaml of a run with other values, names or text in it."""
    values: dict[str, object] = {"model": "demo-4.7m", "dataset": "natural_language", "k": [1, 4], "seed": 0}
    for _ in range(rng.randrange(1, 4)):
        name = rng.choice([*sp.RunSpec.__dataclass_fields__, "a", "²"])
        values[name] = rng.choice([anything(rng), written(rng, most=4), written(rng, LAYERS, 4)])
    text = rng.choice([yaml.safe_dump(values), json.dumps(values), written(rng)])
    (folder / "spec.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    sp.RunSpec.from_yaml(folder / "spec.yaml")


def latex(rng: random.Random, folder: Path) -> None:
    latex_marks.mark(written(rng, LATEX, 40))


def neuron_name(rng: random.Random, folder: Path) -> None:
    name = rng.choice([f"L3{written(rng, NAMES, 4)}", written(rng, NAMES, 6), written(rng, most=4), anything(rng)])
    rng.choice([Neuron.parse, neuron_sets])(name)  # type: ignore[operator]


def lists(rng: random.Random, folder: Path) -> None:
    """What `--k`, `--layers` and `--memory` are given, in Python and in a spec."""
    name, pieces = rng.choice([("k", LAYERS), ("layers", LAYERS), ("memory", SIZES), ("keep", LAYERS), ("seed", SIZES)])
    value = rng.choice([written(rng, pieces, 6), written(rng, most=4), anything(rng)])
    spec = sp.RunSpec("m", "d", **{name: value})  # type: ignore[arg-type]
    if name == "layers":
        choose_layers(spec.layers, 6)
        choose_layers(value, 6)  # type: ignore[arg-type]
    if name == "memory" and value is not None:
        parse_bytes(value)  # type: ignore[arg-type]


def command_line(rng: random.Random, folder: Path) -> None:
    """A command with such values: exit code 2, and no control characters for the terminal."""
    absent = str(folder / "absent")
    option, pieces = rng.choice([("--k", LAYERS), ("--layers", LAYERS), ("--memory", SIZES), ("--features", PIECES)])
    value, source = (written(rng, one, 6).replace("\0", "") for one in (pieces, PIECES))
    line = rng.choice(
        [
            ["run", "--model", source, "--dataset", absent, option, value, "--out", absent],
            ["run", "--model", "demo-4.7m", "--dataset", source, option, value, "--out", absent],
            ["sweep", "--activations", absent, "--dataset", absent, f"--k={value}", "--out", absent],
            ["experiment", source, "--activations", absent, "--dataset", absent, "--out", absent],
            ["datasets", "show", source],
            ["resume", source],
        ]
    )
    shown = io.StringIO()
    with contextlib.redirect_stderr(shown), contextlib.redirect_stdout(shown):
        try:
            main(line)
        except SystemExit as end:
            if end.code != 2:
                raise AssertionError(f"{line} ended with {end.code}: {shown.getvalue()[-1000:]}") from end
    if printable(shown.getvalue()) != shown.getvalue():
        raise AssertionError(f"{line} printed controls: {shown.getvalue()!r:.1000}")


def damaged_folder(rng: random.Random, folder: Path) -> None:
    """A saved dataset, activations or settings of a run with a JSON file in them that says something else."""
    whole = _saved()
    place = folder / "damaged"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(whole, place)
    path = rng.choice(sorted(place.rglob("*.json")))
    text = path.read_text("utf-8")
    value = json.loads(text)
    if rng.random() < 0.7 and isinstance(value, dict) and value:
        inner = value
        while (deeper := [key for key, one in inner.items() if isinstance(one, dict) and one]) and rng.random() < 0.7:
            inner = inner[rng.choice(deeper)]
        key = rng.choice(sorted(inner))
        if rng.random() < 0.3:
            del inner[key]
        else:
            inner[key] = anything(rng)
        text = json.dumps(value)
    else:
        text = rng.choice([written(rng), text[: rng.randrange(len(text))], json.dumps(anything(rng)), ""])
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    data = sp.load_dataset(place / "dataset")
    data.hash()
    acts = sp.Activations.open(place / "activations")
    for layer in acts.layers:
        acts.layer(layer)[:]


@cache
def _saved() -> Path:
    """A dataset and activations of it, small, once for the process."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = sp.load_model("demo-0.1m", device="cpu")
        data = sp.load_dataset("natural_language", tokenizer=model.tokenizer, context=32)
    data.save(folder / "dataset")
    sp.extract(model, data, layers=0, out=folder / "activations")
    return folder


Kind = Callable[[random.Random, Path], None]
KINDS: tuple[Kind, ...] = (
    *(a_file, records, spans, tags, conllu, settings),
    *(spec_file, latex, neuron_name, lists),
)
"""The kinds that take about a millisecond."""
SLOW_KINDS: tuple[Kind, ...] = (command_line, damaged_folder)
"""The kinds that take ten, of which there are fewer."""
SLOW_SHARE = 20


def generated_inputs(kind: Kind, seeds: range, folder: Path) -> Attempts:
    """Inputs of one kind, each from its own seed."""
    found = Attempts(f"inputs: {kind.__name__.replace('_', ' ')}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in seeds:
            found.attempt(f"seed {seed}", lambda: kind(random.Random(seed), folder))  # noqa: B023 # called at once
    return found
