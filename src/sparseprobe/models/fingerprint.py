"""Fingerprint of a model, which distinguishes models of the same shape without reading all weights.

SHA-256 over the config and, for each weight, its name, its shape and 64 values spread evenly through it. Fine-tuning
moves almost every entry of the matrices it touches, so 64 values suffice. Values are taken in
the precision the model is loaded in: a checkpoint in float16 and in float32 gives two fingerprints, as it should,
since its activations differ.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from transformers import PreTrainedModel

N_VALUES = 64
#: Entries of a config that say where it came from or how it is run, not what it computes.
NOT_THE_MODEL = (
    "architectures",
    "_name_or_path",
    "transformers_version",
    "dtype",
    "torch_dtype",
    "use_cache",
    "return_dict",
)


def model_fingerprint(module: PreTrainedModel) -> str:
    """64 hexadecimal digits; weights that are not in memory (off-loaded) count by name and shape only."""
    digest = hashlib.sha256()
    config = {name: value for name, value in module.config.to_dict().items() if name not in NOT_THE_MODEL}
    digest.update(json.dumps(config, sort_keys=True, default=str).encode())
    for name, weight in sorted(module.named_parameters()):
        digest.update(f"{name} {tuple(weight.shape)} {weight.dtype}".encode())
        if not weight.is_meta and weight.numel():
            places = torch.linspace(0, weight.numel() - 1, min(N_VALUES, weight.numel()), dtype=torch.float64).long()
            values = weight.detach().reshape(-1)[places.to(weight.device)]
            digest.update(values.to("cpu").contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
