"""Run a model over a labelled dataset and keep the activations at the labelled tokens, nothing else.

The paper keeps every neuron right after the nonlinearity, at labelled positions or aggregated over a sequence (section
3). Cost: one forward pass up to the last wanted layer, without the output head, over the sequences that hold examples;
memory of one block of rows and one batch (`budget`); disk n_examples * sum of widths * 2 bytes (float16, bfloat16).
"""

from __future__ import annotations

import math
import platform
import warnings
from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from sparseprobe.activations.activations import Activations
from sparseprobe.activations.budget import BATCH_TOKENS, fit_to_memory, require_disk, require_memory
from sparseprobe.activations.layer_activations import LayerActivations
from sparseprobe.activations.layer_choice import LayerChoice, choose_layers
from sparseprobe.activations.precision import STORED, require_finite
from sparseprobe.activations.reading_plan import Reading, ReadingPlan
from sparseprobe.activations.site_reader import EXPERT_SITES, read_site
from sparseprobe.activations.store import ActivationStore
from sparseprobe.choices import AGGREGATIONS, PRECISIONS, SITES, Aggregation, Precision, Site
from sparseprobe.datasets.loading import as_dataset
from sparseprobe.datasets.probing_dataset import ProbingDataset
from sparseprobe.errors import InputError, ResourceError, UnknownNameError
from sparseprobe.models import LanguageModel, as_model
from sparseprobe.models.forward_pass import Side
from sparseprobe.progress import SILENT, Progress, Step

SIDES = ("right", "left")


def extract(
    model: LanguageModel | str | Path,
    data: ProbingDataset | str | Path,
    *,
    layers: LayerChoice = "all",
    site: Site = "mlp",
    aggregate: Aggregation | None = None,
    dtype: Precision = "float16",
    out: str | Path | None = None,
    batch_tokens: int = BATCH_TOKENS,
    memory: int | str | None = None,
    padding: Side = "right",
    progress: Progress | None = None,
) -> Activations:
    """Activations of every example of `data`: for each layer (n_examples, width), in the order of `data.examples`.

    - `layers`: "all", 3, "0:4", "0,2,-1" or a list; `site`: see `sparseprobe.models.Site`.
    - `aggregate`: how the tokens of a span become one row: `mean`, `max`, `last`, or `none` for spans of one token.
      Default: the dataset's recommendation.
    - `dtype`: float16, bfloat16 or float32, as stored; the model's own precision is chosen when it is loaded.
    - `out`: a folder to write to; a stopped extraction is continued there, a complete one is only opened. Without it
      everything stays in memory.
    - `batch_tokens`: padded tokens in a batch; `memory`: a bound such as "4GB" on what the process holds. A run that
      goes on takes them too if they make its batches smaller, never larger.
    - `padding`: "right", or "left" for models that it changes nothing for (`LanguageModel.padding`). A model that reads
      padding on the right gets texts of one length in a batch, so it is never padded.

    A model and a dataset may be given by name, as `load_model` and `load_dataset` take it.

    Raises `InputError` for settings that cannot be used and for values that `dtype` cannot hold,
    `TokenizerMismatchError` if the dataset was made with a different tokenizer, `ResourceError` if memory or disk are
    too small, `StorageError` if the folder cannot be written or holds something else.
    """
    model = as_model(model)
    data = as_dataset(data, model.tokenizer)
    plan, settings = prepare(
        model,
        data,
        layers=layers,
        site=site,
        aggregate=aggregate,
        dtype=dtype,
        batch_tokens=batch_tokens,
        memory=memory,
        padding=padding,
    )
    row_bytes = sum(settings["widths"]) * STORED[dtype].itemsize
    if out is None:
        experts = settings.get("experts", {})
        dense = sum(
            one for layer, one in zip(settings["layers"], settings["widths"], strict=True) if str(layer) not in experts
        )
        require_memory(dense * STORED[dtype].itemsize * plan.n_rows, memory)
        return _into_memory(model, plan, settings, progress or SILENT)
    sizes = {"rows_per_block": plan.rows_per_block, "batch_tokens": plan.batch_tokens}
    store = ActivationStore.begin_or_resume(out, settings, sizes, _versions())
    plan = replace(plan, **store.manifest["plan"])
    remaining = plan.n_rows - min(plan.n_rows, store.blocks_done * plan.rows_per_block)
    require_disk(store.folder, row_bytes * remaining)
    _into_store(model, plan, store, progress or SILENT)
    return Activations.open(store.folder)


def prepare(
    model: LanguageModel,
    data: ProbingDataset,
    *,
    layers: LayerChoice,
    site: Site,
    aggregate: Aggregation | None,
    dtype: Precision,
    batch_tokens: int,
    memory: int | str | None,
    padding: Side,
) -> tuple[ReadingPlan, dict[str, Any]]:
    """Check everything that can be checked before the work; return the reading plan and the settings to record.

    The settings are all on which the activations depend; a folder that was written with other settings is refused.
    """
    aggregate = aggregate or data.settings.get("aggregate", "none")
    _require_known(site, aggregate, dtype, padding)
    chosen = choose_layers(layers, model.n_layers)
    widths = [model.width(site, layer) for layer in chosen]
    require_fit(model, data)
    _require_rows(data, aggregate)
    if padding == "left" and "left" not in model.padding:
        raise InputError(
            f"{model.name} gives different activations when a text is padded on the left, so padding='left' cannot be "
            "used with it: leave it at 'right'"
        )
    lengths = np.diff(data.sequences.offsets)[np.unique(data.examples["sequence"].to_numpy())]
    rows_per_block, batch_tokens = fit_to_memory(
        model,
        row_bytes=sum(widths) * STORED[dtype].itemsize,
        longest=int(lengths.max()),
        tokens_per_row=float(lengths.sum() / len(data.examples)),
        batch_tokens=batch_tokens,
        memory=memory,
    )
    hidden = padding in model.padding
    plan = ReadingPlan(
        data,
        rows_per_block,
        batch_tokens,
        causal=model.kind == "causal",
        padding=padding,
        pad_id=model.pad_id,
        one_length=not hidden,
    )
    of_experts = {layer: model.layers[layer].experts for layer in chosen}
    experts = {str(layer): list(astuple(one.columns)) for layer, one in of_experts.items() if one is not None}
    settings = {
        "model": model.name,
        "model_fingerprint": model.fingerprint,
        "model_dtype": str(model.dtype).removeprefix("torch."),
        **({"model_origin": dict(model.origin)} if model.origin else {}),
        "site": site,
        "layers": list(chosen),
        "widths": widths,
        **({"experts": experts} if experts and site in EXPERT_SITES else {}),
        "aggregate": aggregate,
        "dtype": dtype,
        "n_examples": len(data.examples),
        "dataset": data.name,
        "dataset_hash": data.hash(),
        "spans_hash": data.spans_hash(),
        "tokenizer_fingerprint": data.tokenizer.fingerprint,
        "bos": data.tokenizer.bos,
        "bos_id": data.tokenizer.bos_id,
        "padding": padding if hidden else "none",
        "positions": model.numbering,
    }
    return plan, settings


def read_blocks(
    model: LanguageModel, plan: ReadingPlan, settings: dict[str, Any], *, begin: int = 0, step: Step | None = None
) -> Iterator[tuple[int, dict[int, NDArray[Any]]]]:
    """One block of rows after the other, from block `begin`: its number, and its stored values for each layer."""
    chosen, dtype = settings["layers"], settings["dtype"]
    reader = _BatchReader(model, settings)
    for block in range(begin, plan.n_blocks):
        rows = plan.block_rows(block)
        values = {
            layer: np.empty((rows.stop - rows.start, width), STORED[dtype])
            for layer, width in zip(chosen, settings["widths"], strict=True)
        }
        for whole in plan.readings(block):
            for reading, taken in reader.read(whole):
                for layer, array in taken.items():
                    values[layer][reading.rows] = array
                if step is not None:
                    step(reading.n_tokens)
        for layer, array in values.items():
            require_finite(array, dtype, f"layer {layer} ({settings['site']})")
        yield block, values


@dataclass
class _BatchReader:
    """Reads batches, and smaller ones from the first for which memory did not suffice."""

    model: LanguageModel
    settings: dict[str, Any]
    most: float = math.inf
    """Padded tokens that there is memory for, as far as is known."""

    def read(self, reading: Reading) -> Iterator[tuple[Reading, dict[int, NDArray[Any]]]]:
        """The activations of a batch, in one piece or several; `ResourceError` where one sequence is too much."""
        size = reading.batch.tokens.numel()
        taken = self._taken(reading) if size <= self.most or len(reading.batch.tokens) == 1 else None
        if taken is not None:
            yield reading, taken
            return
        for half in reading.halves():
            yield from self.read(half)

    def _taken(self, reading: Reading) -> dict[int, NDArray[Any]] | None:
        """None where memory ran out, and a smaller batch may do."""
        try:
            return read_site(
                self.model,
                reading.batch,
                reading.spans,
                layers=self.settings["layers"],
                site=self.settings["site"],
                how=self.settings["aggregate"],
                precision=self.settings["dtype"],
            )
        except ResourceError as error:
            if len(reading.batch.tokens) == 1:
                raise
            first, sentence = math.isinf(self.most), str(error).partition(":")[0]
        self.most = reading.batch.tokens.numel() // 2
        if first:
            warnings.warn(f"{sentence}; going on with batches of half the size", stacklevel=2)
        return None


def _into_memory(model: LanguageModel, plan: ReadingPlan, settings: dict[str, Any], progress: Progress) -> Activations:
    dtype, of_experts = settings["dtype"], {int(layer) for layer in settings.get("experts", {})}
    arrays = {
        layer: np.empty((plan.n_rows, width), STORED[dtype])
        for layer, width in zip(settings["layers"], settings["widths"], strict=True)
        if layer not in of_experts
    }
    sparse: dict[int, list[csr_array]] = {layer: [] for layer in settings["layers"] if layer in of_experts}
    with progress.task("activations", total=plan.total_tokens(), unit="tokens") as step:
        for block, values in read_blocks(model, plan, settings, step=step):
            for layer, array in values.items():
                if layer in of_experts:
                    sparse[layer].append(csr_array(array.view(f"<u{STORED[dtype].itemsize}")))
                else:
                    arrays[layer][plan.order[plan.block_rows(block)]] = array
    by_layer = {layer: LayerActivations(array, dtype) for layer, array in arrays.items()}
    in_order = np.argsort(plan.order)
    by_layer |= {layer: LayerActivations(vstack(blocks, "csr")[in_order], dtype) for layer, blocks in sparse.items()}
    return Activations(
        by_layer,
        site=settings["site"],
        aggregate=settings["aggregate"],
        model_name=model.name,
        manifest={"settings": settings, "versions": _versions()},
    )


def _into_store(model: LanguageModel, plan: ReadingPlan, store: ActivationStore, progress: Progress) -> None:
    done = store.blocks_done
    if done == 0:
        store.create_arrays(np.argsort(plan.order))
    if done >= plan.n_blocks:
        return
    before, total = plan.total_tokens(stop=done), plan.total_tokens()
    with progress.task("activations", total=total, unit="tokens", done=before) as step:
        for block, values in read_blocks(model, plan, store.manifest["settings"], begin=done, step=step):
            store.write_block(block, plan.block_rows(block), values)


def _require_known(site: str, aggregate: str, dtype: str, padding: str) -> None:
    known = (("site", site, SITES), ("aggregate", aggregate, AGGREGATIONS), ("dtype", dtype, PRECISIONS))
    for what, given, names in (*known, ("padding", padding, SIDES)):
        if given not in names:
            raise UnknownNameError(what, given, names)


def require_fit(model: LanguageModel, data: ProbingDataset) -> None:
    """Raise unless the text was tokenised for this model and fits its vocabulary and context."""
    if model.tokenizer is not None:
        data.require_tokenizer(model.tokenizer)
    if not data.n_tokens:
        raise InputError(f"{data.name} has no tokens, so there is nothing to read")
    largest, size = int(data.sequences.tokens.max()), model.embedding.num_embeddings
    if largest >= size:
        raise InputError(
            f"{data.name} has token id {largest}, {model.name} knows 0 to {size - 1}: use its own tokenizer"
        )
    longest = int(data.sequences.lengths.max())
    if model.n_context is not None and longest > model.n_context:
        raise InputError(
            f"{data.name} has a sequence of {longest} tokens, {model.name} was made for {model.n_context}: build the "
            f"dataset with context={model.n_context} or less"
        )


def _require_rows(data: ProbingDataset, aggregate: Aggregation) -> None:
    """Raise unless there are spans and the aggregation can turn them into rows."""
    if not len(data.examples):
        raise InputError(f"{data.name} has no examples, so there is nothing to read")
    lengths = (data.examples["stop"] - data.examples["start"]).to_numpy()
    if aggregate == "none" and lengths.max() > 1:
        raise InputError(
            f"{data.name} has examples of up to {lengths.max()} tokens, and aggregate='none' keeps single tokens: "
            "choose 'mean', 'max' or 'last'"
        )


def _versions() -> dict[str, str]:
    names = ("sparseprobe", "torch", "transformers", "numpy", "zarr")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}
