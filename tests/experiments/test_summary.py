"""Summaries choose by validation scores, or by training examples where a feature has none."""

import numpy as np

from sparseprobe.experiments import best_neurons, candidate_neurons, planted_experiment, single_neurons, sweep


def test_a_feature_without_validation_scores_is_shown_and_ablated():
    """It is chosen by training examples alone; its cells of the sweep stay empty."""
    acts, data = planted_experiment(n=300, width=20, informative=1, n_features=2)
    table = single_neurons(acts, data)
    lacking = table["feature"] == "f1"
    table.loc[lacking, "f1_validation"] = np.nan
    assert set(candidate_neurons(table, 2)["feature"]) == {"f0", "f1"}
    by_k = sweep(acts, data, k=[1])
    by_k.loc[by_k["feature"] == "f1", "f1_validation"] = np.nan
    best = best_neurons(table, by_k).set_index("feature")
    assert best.loc["f1", "neuron"].startswith("L")
    assert best["f1_k1"].isna().tolist() == [False, True]
