"""See by trying whether a model reads texts padded on the left as it reads them alone.

Right padding is right in every causal model and every encoder with a mask. Left padding also asks that the model takes
position ids (some take the argument and ignore it) and that nothing but attention carries information along (recurrent
blocks read the padding). So three tokens are run alone and with three padded places before them. Rounding differs by
little more than the precision eps of the model, wrong positions change the leading digits: sqrt(eps), half the digits,
lies between. Cost: two forward passes over at most twelve tokens.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from sparseprobe.activations.aggregation import Spans
from sparseprobe.activations.site_reader import read_site
from sparseprobe.errors import InputError
from sparseprobe.models import LanguageModel
from sparseprobe.models.forward_pass import Batch, pad, pad_id_of

N_TOKENS = 3


def require_left_padding(model: LanguageModel) -> None:
    """Raise `InputError` unless a text gives the same neurons in a batch padded on the left as alone."""
    pad_id = pad_id_of(model)
    tokens = [token for token in range(4 * N_TOKENS) if token != pad_id and token < model.embedding.num_embeddings]
    longer = np.resize(np.array(tokens, np.int32), 2 * N_TOKENS)
    text = longer[-N_TOKENS:]
    alone = _neurons(model, pad([text], pad_id=pad_id))
    padded = _neurons(model, pad([text, longer], side="left", pad_id=pad_id))
    tolerance = torch.finfo(model.dtype).eps ** 0.5
    for layer, values in alone.items():
        if not np.linalg.norm(padded[layer] - values) <= tolerance * np.linalg.norm(values):
            raise InputError(
                f"{model.name} gives other activations in layer {layer} when a text is padded on the left, so "
                "padding='left' cannot be used with it: leave it at 'right'"
            )


def _neurons(model: LanguageModel, batch: Batch) -> dict[int, NDArray[np.float32]]:
    """For each layer (N_TOKENS, d_mlp): the neurons of the first sequence."""
    start = int(batch.first[0]) + np.arange(N_TOKENS)
    spans = Spans(np.zeros(N_TOKENS, np.int64), start, start + 1)
    layers = range(model.n_layers)
    return read_site(model, batch, spans, layers=layers, site="mlp", how="none", precision="float32")
