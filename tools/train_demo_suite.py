"""Train the demo models that ship with sparseprobe, from nothing, with one command.

    python tools/train_demo_suite.py prepare --data TEXTS --work training
    python tools/train_demo_suite.py train   --work training --size 4.7m
    python tools/train_demo_suite.py export  --work training --size 4.7m --out src/sparseprobe/demo/models

`prepare` trains one byte-level BPE tokenizer of 4,096 tokens, sets a held-out part aside (by source file, so that no
chapter of a held-out novel was trained on) and writes the tokens that every size reads in the same order. The first
part has as many as the text has, in whole documents; the others are in pieces of at most a row, more than half of them
code, so that a batch holds many documents and kinds. `train` reads the first and the second part, then from there three
branches, each a draw of text of its own, in which few neurons are to fire at a time (see `density`); every part has a
cosine schedule, and training goes on from its last checkpoint after a stop. `export` takes the mean of the weights of
the branches, which is better than each of them (Wortsman et al. 2022), and writes float16 safetensors, config and
tokenizer as a standard Hugging Face folder, with the held-out loss of every kind of text.

TEXTS is a folder with natural_lang, programming_lang, latex and english_prose as .jsonl.zst (fields text, label,
source) and ewt/*.conllu.zst. Only text that may be redistributed is read (see KINDS).
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import logging
import math
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import zstandard
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch.nn import LinearCrossEntropyOptions
from torch.nn.functional import linear_cross_entropy
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM, PreTrainedTokenizerFast

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger("train_demo_suite")

VOCABULARY = 4096
END_OF_TEXT = "<|endoftext|>"
CONTEXT = 512
SEED = 20230502

LANGUAGES = ("es", "en", "fr", "nl", "it", "el", "de", "pt", "sv")
CODE = ("C", "C++", "Go", "HTML", "Java", "JavaScript", "PHP", "Python", "XML")

#: Share of each kind of text in the first part of training. Dutch and Greek are small, and so are read more often.
KINDS: dict[str, float] = {
    **{f"language/{name}": 0.055 for name in LANGUAGES},
    **{f"code/{name}": 0.034 for name in CODE},
    "english/fiction": 0.065,
    "english/presidential_speech": 0.03,
    "english/web": 0.034,
    "latex": 0.07,
}
#: Share of each kind of text in the parts after the first, which are for telling programming languages apart.
LATER_KINDS: dict[str, float] = {
    **{f"language/{name}": 0.035 for name in LANGUAGES},
    **{f"code/{name}": 0.06 for name in CODE},
    "english/fiction": 0.04,
    "english/presidential_speech": 0.02,
    "english/web": 0.02,
    "latex": 0.065,
}


@dataclass(frozen=True)
class Size:
    """The shape of one model and its peak learning rate; batches are 2,048 tokens for every size."""

    n_layers: int
    d_model: int
    n_heads: int
    learning_rate: float


SIZES = {
    "0.1m": Size(2, 64, 2, 4e-3),
    "0.6m": Size(3, 128, 4, 3e-3),
    "1.8m": Size(4, 192, 6, 2.5e-3),
    "4.7m": Size(6, 256, 8, 2e-3),
}


@dataclass(frozen=True)
class Part:
    """A part of training: its steps, its peak as a share of the size's learning rate, and the weight of `density`."""

    steps: int
    peak: float
    density: float


SECOND = Part(4600, 0.5, 0.0)
BRANCH = Part(1500, 0.5, 2.0)
N_BRANCHES = 3
TOKENS_PER_STEP = 2048
LONG_ROWS = 0.2  # of a part, at its end, is read in rows of the full context, the rest in rows of half of it
EVALUATE_AT = (125_000, 250_000, 500_000, 1_000_000, 2_000_000, 4_000_000, 8_000_000, 16_000_000)  # and after each part
HELD_OUT_SHARE = 1 / 12  # of the source files of each kind, at least one
HELD_OUT_DOCUMENTS = 24  # of each kind are scored


# ---------------------------------------------------------------- text


@dataclass(frozen=True)
class Document:
    kind: str
    source: str
    text: str


def held_out_sources(documents: list[Document]) -> frozenset[str]:
    """One source file in twelve of each kind, chosen by the hash of its name; none of them is ever trained on."""
    by_kind: dict[str, set[str]] = {kind: set() for kind in KINDS}
    for document in documents:
        by_kind[document.kind].add(document.source)
    chosen = set[str]()
    for sources in by_kind.values():
        ordered = sorted(sources, key=lambda source: hashlib.sha256(source.encode()).hexdigest())
        chosen.update(ordered[: max(1, round(HELD_OUT_SHARE * len(ordered)))])
    return frozenset(chosen)


def read_lines(path: Path) -> Iterator[str]:
    with path.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as stream:
        yield from io.TextIOWrapper(stream, encoding="utf-8")


def read_documents(data: Path) -> Iterator[Document]:
    for line in read_lines(data / "natural_lang.jsonl.zst"):
        row = json.loads(line)
        yield Document(f"language/{row['label']}", row["source"], row["text"])
    for line in read_lines(data / "programming_lang.jsonl.zst"):
        row = json.loads(line)
        yield Document(f"code/{row['label']}", row["source"], row["text"][row["body_start"] :])
    for line in read_lines(data / "latex.jsonl.zst"):
        row = json.loads(line)
        yield Document("latex", f"{row['source']}#{row['section']}", row["text"])
    for line in read_lines(data / "english_prose.jsonl.zst"):
        row = json.loads(line)
        if row["label"] in ("fiction", "presidential_speech"):
            yield Document(f"english/{row['label']}", row["source"], row["text"])
    for split in ("train", "dev", "test"):
        yield from read_treebank(data / "ewt" / f"en_ewt-ud-{split}.conllu.zst")


def read_treebank(path: Path) -> Iterator[Document]:
    """The running text of every document of a CoNLL-U file, one sentence a line."""
    name, sentences = "", list[str]()
    for line in read_lines(path):
        if line.startswith("# newdoc id = "):
            if sentences:
                yield Document("english/web", name, "\n".join(sentences))
            name, sentences = line.removeprefix("# newdoc id = ").strip(), []
        elif line.startswith("# text = "):
            sentences.append(line.removeprefix("# text = ").strip())
    if sentences:
        yield Document("english/web", name, "\n".join(sentences))


# ---------------------------------------------------------------- tokens


def train_tokenizer(documents: list[Document], generator: np.random.Generator) -> Tokenizer:
    """A byte-level BPE trained on a sample in which every kind of text has its stated share."""
    budget = {kind: int(12_000_000 * share) for kind, share in KINDS.items()}
    sample = list[str]()
    for index in generator.permutation(len(documents)):
        document = documents[index]
        if budget[document.kind] > 0:
            sample.append(document.text)
            budget[document.kind] -= len(document.text)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(sample, trainer)
    return tokenizer


def interleave(encoded: dict[str, list[list[int]]], shares: dict[str, float], end: int, length: int) -> np.ndarray:
    """Whole documents one after the other, in which the kind that is furthest behind its share comes next."""
    written = dict.fromkeys(shares, 0)
    position = dict.fromkeys(shares, 0)
    stream = np.empty(length, np.uint16)
    filled = 0
    while filled < length:
        kind = min(shares, key=lambda name: written[name] / shares[name])
        tokens = [end, *encoded[kind][position[kind] % len(encoded[kind])]][: length - filled]
        stream[filled : filled + len(tokens)] = tokens
        filled += len(tokens)
        written[kind] += len(tokens)
        position[kind] += 1
    return stream


def pieces(
    encoded: dict[str, list[list[int]]], longest: int, generator: np.random.Generator
) -> dict[str, list[list[int]]]:
    """Every document cut into pieces of at most `longest` tokens, those of a kind in an order of their own."""
    cut = {
        kind: [ids[at : at + longest] for ids in rows for at in range(0, len(ids), longest)]
        for kind, rows in encoded.items()
    }
    return {kind: [rows[index] for index in generator.permutation(len(rows))] for kind, rows in cut.items()}


def later_part(encoded: dict[str, list[list[int]]], steps: int, end: int, generator: np.random.Generator) -> np.ndarray:
    """The tokens of a later part, in pieces that fill a row with the end-of-text token before them."""
    steps_of_row = {CONTEXT // 2: first_long_row(steps), CONTEXT: steps - first_long_row(steps)}
    return np.concatenate(
        [
            interleave(pieces(encoded, row - 1, generator), LATER_KINDS, end, count * TOKENS_PER_STEP)
            for row, count in steps_of_row.items()
        ]
    )


def first_long_row(steps: int) -> int:
    """The first of a part's steps that is read in rows of the full context."""
    return math.ceil((1 - LONG_ROWS) * steps)


def prepare(data: Path, work: Path) -> None:
    work.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(SEED)
    documents = [d for d in read_documents(data) if d.text.strip()]
    held_out = held_out_sources(documents)
    training = [d for d in documents if d.source not in held_out]
    tokenizer = train_tokenizer(training, generator)
    end = tokenizer.token_to_id(END_OF_TEXT)
    encoded: dict[str, list[list[int]]] = {kind: [] for kind in KINDS}
    order = generator.permutation(len(training))
    for encoding, index in zip(tokenizer.encode_batch([training[i].text for i in order]), order, strict=True):
        encoded[training[index].kind].append(encoding.ids)
    length = sum(len(ids) + 1 for rows in encoded.values() for ids in rows)  # one pass, end-of-text tokens included
    first = interleave(encoded, KINDS, end, length // TOKENS_PER_STEP * TOKENS_PER_STEP)
    second = later_part(encoded, SECOND.steps, end, np.random.default_rng(SEED + 1))
    np.save(work / "trunk.npy", np.concatenate([first, second]))
    for number in range(N_BRANCHES):
        tokens = later_part(encoded, BRANCH.steps, end, np.random.default_rng(SEED + 2 + number))
        np.save(work / f"branch-{number}.npy", tokens)
    tokenizer.save(str(work / "tokenizer.json"))
    (work / "held_out_sources.json").write_text(json.dumps(sorted(held_out), indent=0))
    save_held_out([d for d in documents if d.source in held_out], tokenizer, work, generator)
    later = (SECOND.steps + N_BRANCHES * BRANCH.steps) * TOKENS_PER_STEP
    kinds = {
        kind: {
            "documents": len(rows),
            "tokens": sum(map(len, rows)),
            "shares": [KINDS[kind], LATER_KINDS[kind]],
            "passes": round((len(first) * KINDS[kind] + later * LATER_KINDS[kind]) / sum(map(len, rows)), 2),
        }
        for kind, rows in encoded.items()
    }
    parts = {"first_tokens": len(first), "second": asdict(SECOND), "branches": N_BRANCHES, "branch": asdict(BRANCH)}
    record = {**parts, "kinds": kinds}
    (work / "data.json").write_text(json.dumps(record, indent=1))
    log.info("%d training documents, %d tokens; held out %d", len(training), length, len(documents) - len(training))


def save_held_out(held_out: list[Document], tokenizer: Tokenizer, work: Path, generator: np.random.Generator) -> None:
    """Some held-out documents of each kind, cut to the context, with the bytes that their tokens stand for."""
    rows = list[dict[str, Any]]()
    count = dict.fromkeys(KINDS, 0)
    for index in generator.permutation(len(held_out)):
        document = held_out[index]
        if count[document.kind] < HELD_OUT_DOCUMENTS:
            count[document.kind] += 1
            ids = tokenizer.encode(document.text).ids[: CONTEXT - 1]
            rows.append({"kind": document.kind, "ids": ids, "bytes": len(tokenizer.decode(ids).encode())})
    (work / "held_out.json").write_text(json.dumps(rows))


# ---------------------------------------------------------------- training


def build_model(size: Size) -> GPTNeoXForCausalLM:
    torch.manual_seed(SEED)
    config = GPTNeoXConfig(
        vocab_size=VOCABULARY,
        hidden_size=size.d_model,
        num_hidden_layers=size.n_layers,
        num_attention_heads=size.n_heads,
        intermediate_size=4 * size.d_model,
        max_position_embeddings=CONTEXT,
        hidden_act="gelu",
        tie_word_embeddings=False,
        bos_token_id=0,
        eos_token_id=0,
        use_cache=False,
    )
    return GPTNeoXForCausalLM(config)


def schedule(step: int, steps: int, peak: float) -> float:
    """Linear warm-up over 2 % of the steps, then a cosine to 2 % of the peak."""
    warm = max(1, steps // 50)
    if step < warm:
        return peak * (step + 1) / warm
    return peak * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm))))


def batch_at(text: np.ndarray, step: int, row: int) -> torch.Tensor:
    """The 2,048 tokens of a step, in rows of `row` tokens."""
    start = step * TOKENS_PER_STEP
    return torch.from_numpy(text[start : start + TOKENS_PER_STEP].astype(np.int64).reshape(-1, row))


def next_token_loss(model: GPTNeoXForCausalLM, ids: torch.Tensor, reduction: str = "mean") -> torch.Tensor:
    """The cross-entropy of every next token, with the logits of 256 at a time, which stay in the cache."""
    hidden = model.gpt_neox(input_ids=ids).last_hidden_state[:, :-1].flatten(0, 1)
    options = LinearCrossEntropyOptions(batch_chunk_size=256)
    weight = model.get_output_embeddings().weight
    return linear_cross_entropy(hidden, weight, ids[:, 1:].flatten(), reduction=reduction, options=options)


def density(activations: list[torch.Tensor]) -> torch.Tensor:
    """How many neurons fire at a time, from 0 to 1: the L1 norm of a token's activations over its largest value.

    The largest L1 norm for an L2 norm is that of neurons that all fire alike; the ratio does not change when all
    activations are scaled (Hoyer 2004). It is the mean over tokens and layers.
    """
    ratios = [a.norm(p=1, dim=-1) / (math.sqrt(a.shape[-1]) * a.norm(dim=-1).clamp_min(1e-6)) for a in activations]
    return torch.stack([ratio.mean() for ratio in ratios]).mean()


@torch.no_grad()
def held_out_bits_per_byte(model: GPTNeoXForCausalLM, work: Path, device: str) -> dict[str, float]:
    """Bits per byte of text for every kind, each document by itself after the end-of-text token."""
    model.eval()
    nats, size = dict.fromkeys(KINDS, 0.0), dict.fromkeys(KINDS, 0)
    for row in json.loads((work / "held_out.json").read_text()):
        ids = torch.tensor([[0, *row["ids"]]], device=device)
        nats[row["kind"]] += float(next_token_loss(model, ids, "sum"))
        size[row["kind"]] += row["bytes"]
    model.train()
    return {kind: round(nats[kind] / math.log(2) / size[kind], 4) for kind in KINDS if size[kind]}


def optimizer_for(model: GPTNeoXForCausalLM, peak: float) -> torch.optim.AdamW:
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    vectors = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=peak, betas=(0.9, 0.95), fused=True)


def save_checkpoint(folder: Path, model: GPTNeoXForCausalLM, optimizer: torch.optim.AdamW, step: int) -> None:
    state = {f"model.{name}": value.contiguous() for name, value in model.state_dict().items()}
    for index, moments in optimizer.state_dict()["state"].items():
        for name, value in moments.items():
            state[f"optimizer.{index}.{name}"] = value.contiguous()
    state["step"] = torch.tensor(step)
    save_file(state, folder / "checkpoint.partial")
    (folder / "checkpoint.partial").rename(folder / "checkpoint.safetensors")


def load_checkpoint(folder: Path, model: GPTNeoXForCausalLM, optimizer: torch.optim.AdamW) -> int:
    path = folder / "checkpoint.safetensors"
    if not path.exists():
        return 0
    state = load_file(path)
    model.load_state_dict({k.removeprefix("model."): v for k, v in state.items() if k.startswith("model.")})
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in state.items():
        if name.startswith("optimizer."):
            _, index, key = name.split(".")
            moments.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
    return int(state["step"])


@dataclass(frozen=True)
class Reading:
    """A part and its tokens; `before` is the number of steps that come before it."""

    part: Part
    tokens: np.ndarray
    before: int

    @property
    def end(self) -> int:
        return self.before + self.part.steps


def read(work: Path, folder: Path, size: Size, reading: Reading, stop: int, device: str, save_every: int) -> None:
    """Train until step `stop` from the checkpoint in `folder`, and write its log and the next checkpoints there.

    Steps count from the first of all. Held-out loss is taken after the last one and those of EVALUATE_AT. The loss in
    the log is that of the next token alone.
    """
    part = reading.part
    model = build_model(size).to(device)
    optimizer = optimizer_for(model, size.learning_rate)
    first = load_checkpoint(folder, model, optimizer)
    activations = list[torch.Tensor]()
    for layer in model.gpt_neox.layers:
        layer.mlp.act.register_forward_hook(lambda *called: activations.append(called[-1]))
    evaluate_at = {tokens // TOKENS_PER_STEP for tokens in EVALUATE_AT} | {stop}
    running, started = float("nan"), time.monotonic()
    with (folder / "log.jsonl").open("a") as record:
        for step in range(first, stop):
            at = step - reading.before
            for group in optimizer.param_groups:
                group["lr"] = schedule(at, part.steps, part.peak * size.learning_rate)
            activations.clear()
            row_length = CONTEXT if at >= first_long_row(part.steps) else CONTEXT // 2
            loss = next_token_loss(model, batch_at(reading.tokens, at, row_length).to(device))
            (loss + part.density * density(activations) if part.density else loss).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            value = float(loss.detach())
            running = value if math.isnan(running) else 0.98 * running + 0.02 * value
            done = step + 1
            row: dict[str, Any] = {"step": done, "tokens": done * TOKENS_PER_STEP, "loss": round(running, 4)}
            if done in evaluate_at:
                row["bits_per_byte"] = held_out_bits_per_byte(model, work, device)
            if done % 50 == 0 or done in evaluate_at:
                row["tokens_per_second"] = round((done - first) * TOKENS_PER_STEP / (time.monotonic() - started))
                record.write(json.dumps(row) + "\n")
                record.flush()
                log.info("%s", row)
            if done % save_every == 0 or done == stop:
                save_checkpoint(folder, model, optimizer, done)


def first_part(work: Path) -> Part:
    tokens = json.loads((work / "data.json").read_text())["first_tokens"]
    return Part(tokens // TOKENS_PER_STEP, 1.0, 0.0)


def train(work: Path, name: str, until: int | None, device: str, save_every: int) -> None:
    """The first part, the second and then each branch, or the first two up to `until` tokens."""
    folder, size, first = work / name, SIZES[name], first_part(work)
    folder.mkdir(parents=True, exist_ok=True)
    trunk = np.load(work / "trunk.npy", mmap_mode="r")
    for reading in (Reading(first, trunk, 0), Reading(SECOND, trunk[first.steps * TOKENS_PER_STEP :], first.steps)):
        stop = reading.end if until is None else min(reading.end, until // TOKENS_PER_STEP)
        read(work, folder, size, reading, stop, device, save_every)
        if stop < reading.end:
            return
    if until is not None:
        return
    for number in range(N_BRANCHES):
        branch = folder / f"branch-{number}"
        branch.mkdir(exist_ok=True)
        if not (branch / "checkpoint.safetensors").exists():
            shutil.copyfile(folder / "checkpoint.safetensors", branch / "checkpoint.partial")
            (branch / "checkpoint.partial").rename(branch / "checkpoint.safetensors")
        reading = Reading(BRANCH, np.load(work / f"branch-{number}.npy", mmap_mode="r"), first.steps + SECOND.steps)
        read(work, branch, size, reading, reading.end, device, save_every)


# ---------------------------------------------------------------- export


def read_log(folder: Path) -> list[dict[str, Any]]:
    """The rows of a log, of which a step that was done again counts once."""
    lines = (folder / "log.jsonl").read_text().splitlines()
    return list({row["step"]: row for row in map(json.loads, lines)}.values())


def mean_of_branches(work: Path, name: str) -> GPTNeoXForCausalLM:
    """The model whose weights are the mean of those of all branches."""
    size = SIZES[name]
    model = build_model(size)
    steps = first_part(work).steps + SECOND.steps + BRANCH.steps
    states = list[dict[str, torch.Tensor]]()
    for number in range(N_BRANCHES):
        step = load_checkpoint(work / name / f"branch-{number}", model, optimizer_for(model, size.learning_rate))
        if step < steps:
            raise SystemExit(f"branch {number} of {name} is not at its end; go on with `train` before it is exported")
        states.append({key: value.clone() for key, value in model.state_dict().items()})
    model.load_state_dict({key: torch.stack([state[key] for state in states]).mean(0) for key in states[0]})
    return model


def export(work: Path, name: str, out: Path) -> None:
    size, folder, run = SIZES[name], out / f"demo-{name}", work / name
    model = mean_of_branches(work, name)
    steps = first_part(work).steps + SECOND.steps + N_BRANCHES * BRANCH.steps
    tokens = steps * TOKENS_PER_STEP
    bits_per_byte = held_out_bits_per_byte(model, work, "cpu")
    model.half().save_pretrained(folder)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(work / "tokenizer.json"),
        bos_token=END_OF_TEXT,
        eos_token=END_OF_TEXT,
        unk_token=END_OF_TEXT,
        model_max_length=CONTEXT,
    )
    tokenizer.save_pretrained(folder)
    rows = read_log(run)
    branches = [read_log(run / f"branch-{number}") for number in range(N_BRANCHES)]
    training = {
        "size": asdict(size),
        "seed": SEED,
        "steps": steps,
        "tokens": tokens,
        "tokens_per_step": TOKENS_PER_STEP,
        "data": json.loads((work / "data.json").read_text()),
        "held_out": [
            *(row for row in rows if "bits_per_byte" in row),
            {"step": steps, "tokens": tokens, "bits_per_byte": bits_per_byte},
        ],
        "branches": [branch[-1] for branch in branches],
        "loss": [{k: row[k] for k in ("step", "loss")} for row in rows if row["step"] % 200 == 0],
    }
    (folder / "training.json").write_text(json.dumps(training, indent=1) + "\n")
    log.info("wrote %s", folder)


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("prepare", "train", "export"):
        command = commands.add_parser(name)
        command.add_argument("--work", type=Path, required=True)
        if name == "prepare":
            command.add_argument("--data", type=Path, required=True)
            continue
        command.add_argument("--size", choices=list(SIZES), required=True)
        if name == "export":
            command.add_argument("--out", type=Path, required=True)
            continue
        command.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
        command.add_argument("--checkpoint-every", type=int, default=500, help="steps")
        command.add_argument("--threads", type=int, default=torch.get_num_threads())
        command.add_argument("--until", type=int, help="stop after this many tokens, before the branches")
    given = parser.parse_args()
    if given.command == "prepare":
        prepare(given.data, given.work)
    elif given.command == "export":
        export(given.work, given.size, given.out)
    else:
        torch.set_num_threads(given.threads)
        torch.set_flush_denormal(True)  # the moments of rare tokens decay into numbers that are slow to compute with
        train(given.work, given.size, given.until, given.device, given.checkpoint_every)


if __name__ == "__main__":
    main()
