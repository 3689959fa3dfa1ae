"""The names that settings may have, each list once: what Python accepts, a file holds and the command line offers."""

from __future__ import annotations

from typing import Literal, get_args

Site = Literal["mlp", "mlp_pre", "mlp_gate", "mlp_up", "mlp_weighted", "residual", "attention"]
"""Where in a layer activations are read.

- `mlp`: the neurons, right after the nonlinearity; in a gated MLP the product sigma(gate) * up. Width d_mlp.
- `mlp_pre`: what enters the nonlinearity; in a gated MLP that is the gate. Width d_mlp.
- `mlp_gate`, `mlp_up`: the two factors of a gated MLP, before the nonlinearity and the linear one. Width d_mlp.
- `mlp_weighted`: in a mixture of experts the neurons times the router's weight. Width d_mlp.
- `residual`: the block's output, the residual stream after the layer. Width d_model.
- `attention`: the heads' outputs side by side, before the output projection. Width n_heads * d_head.
"""
SITES: tuple[Site, ...] = get_args(Site)

Aggregation = Literal["none", "mean", "max", "last"]
"""How the tokens of an example become one row of activations."""
AGGREGATIONS: tuple[Aggregation, ...] = get_args(Aggregation)

Precision = Literal["float16", "bfloat16", "float32"]
"""Number type of stored activations, and of a model's weights."""
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

BosPolicy = Literal["tokenizer", "none", "add"]
"""What stands around a text: what the tokenizer adds by itself, nothing, or its BOS token in front."""
BOS_POLICIES: tuple[BosPolicy, ...] = get_args(BosPolicy)

PRESETS = ("default", "paper")
"""`paper` is what the paper did, `default` what is recommended."""

EXPERIMENTS = (
    *("sweep", "neurons", "dense", "pruning", "baselines", "comparison", "optimum", "planted", "stability"),
    *("significance", "regression", "ablation", "cards", "compound_parts", "stimuli", "by_token", "by_class"),
    *("weights", "logit_classes", "union", "relation", "mean_and_maximum", "same_token"),
)
"""What a run can be asked to do; `runs.catalogue` says what each of them is."""

SELECTIONS = (
    *(
        "adaptive",
        "every",
        "f_statistic",
        "l1",
        "mean_difference",
        "mutual_information",
        "mutual_information_knn",
        "optimal",
    ),
    *("random", "svm", "matching_pursuit", "correlation"),
)
"""The ways to choose neurons that ship, the last two of them for continuous features; Python may register more."""
