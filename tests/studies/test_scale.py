"""How features change with size: planted curves of which it is known what they are."""

import pandas as pd

from sparseprobe.studies.scale import changes, neurons_needed

F1 = {  # feature: model: F1 at k = 1 and at k = 16
    "appears": {"small": (0.3, 0.5), "large": (0.9, 0.95)},
    "splits": {"small": (0.9, 0.95), "large": (0.5, 0.95)},
    "is lost": {"small": (0.9, 0.95), "large": (0.4, 0.5)},
    "stays": {"small": (0.8, 0.9), "large": (0.83, 0.92)},
}


def by_size():
    rows = [
        {"model": model, "n_parameters": size, "collection": "c", "feature": feature, "k": k, "f1": f1}
        for feature, models in F1.items()
        for size, (model, scores) in enumerate(models.items())
        for k, f1 in zip((1, 16), scores, strict=True)
    ]
    table = pd.DataFrame(rows)
    return table.assign(f1_low=table["f1"] - 0.05, f1_high=table["f1"] + 0.05)


def test_each_feature_is_classified_by_intervals_of_the_smallest_and_the_largest_model():
    table = changes(by_size())
    assert dict(zip(table["feature"], table["change"], strict=True)) == {
        "appears": "emerging",
        "splits": "splitting",
        "is lost": "declining",
        "stays": "stable",
    }
    row = table[table["feature"] == "appears"].iloc[0]
    assert (row["one_smallest"], row["one_largest"], row["most_largest"], row["k_most"]) == (0.3, 0.9, 0.95, 16)
    assert (row["smallest"], row["largest"]) == ("small", "large")


def test_one_model_has_no_change():
    table = by_size()
    assert changes(table[table["model"] == "small"]).empty


def test_the_least_k_that_reaches_the_dense_probe():
    table = by_size()
    dense = table[table["k"] == 16][["model", "collection", "feature"]].assign(f1=0.96, f1_validation=0.9, k=64)
    found = neurons_needed(table, dense).set_index(["feature", "model"])["k"]
    assert found["splits", "large"] == 16
    assert found["appears", "large"] == 16
    assert found["stays", "small"] is pd.NA
    assert found["stays", "large"] == 16
