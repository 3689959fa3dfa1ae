"""Class statistics computed while the model runs: one pass, and no activation is kept longer than its block."""

from __future__ import annotations

from sparseprobe.activations.budget import BATCH_TOKENS
from sparseprobe.activations.extract import prepare, read_blocks
from sparseprobe.activations.layer_choice import LayerChoice
from sparseprobe.activations.precision import decode
from sparseprobe.choices import Aggregation, Precision, Site
from sparseprobe.datasets.probing_dataset import ProbingDataset
from sparseprobe.models import LanguageModel
from sparseprobe.progress import SILENT, Progress
from sparseprobe.statistics.class_statistics import ClassStatistics, ClassStatisticsAccumulator


def stream_class_statistics(
    model: LanguageModel,
    data: ProbingDataset,
    *,
    layers: LayerChoice = "all",
    site: Site = "mlp",
    aggregate: Aggregation = "none",
    dtype: Precision = "float32",
    batch_tokens: int = BATCH_TOKENS,
    memory: int | str | None = None,
    progress: Progress | None = None,
) -> dict[int, ClassStatistics]:
    """For each layer, class statistics of all features of `data`; arguments and errors as those of `extract`.

    Equal to `class_statistics(extract(...).layer(i), data.labels)` of the same `dtype`, without the store. To rank
    neurons on the training part only, pass `data.subset(splits=["train"])`.
    """
    plan, settings = prepare(
        model,
        data,
        layers=layers,
        site=site,
        aggregate=aggregate,
        dtype=dtype,
        batch_tokens=batch_tokens,
        memory=memory,
        padding="right",
    )
    sums = {
        layer: ClassStatisticsAccumulator(data.labels, width)
        for layer, width in zip(settings["layers"], settings["widths"], strict=True)
    }
    with (progress or SILENT).task("class statistics", total=plan.total_tokens(), unit="tokens") as step:
        for block, values in read_blocks(model, plan, settings, step=step):
            examples = plan.order[plan.block_rows(block)]
            for layer, array in values.items():
                sums[layer].add(examples, decode(array, dtype))
    return {layer: accumulator.result() for layer, accumulator in sums.items()}
