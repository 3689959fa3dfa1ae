from __future__ import annotations

import pandas as pd
import pytest

from sparseprobe.errors import InputError
from sparseprobe.experiments import CERTIFICATE, NEURONS, SWEEP, Column, check_table

DESIGNED = [
    *("model", "collection", "feature", "site", "layer", "aggregation", "selection", "k", "seed"),
    *("n_train", "n_test", "n_positive", "n_positive_groups", "support", "coef", "intercept"),
    *("f1_validation", "f1", "precision", "recall"),
    *("mcc", "balanced_accuracy", "roc_auc", "pr_auc", "log_loss", "f1_low", "f1_high", "control_f1", "converged"),
    "seconds",
]


def test_the_columns_are_those_that_were_designed():
    at = DESIGNED.index("support")
    assert [column.name for column in SWEEP] == [*DESIGNED[:at], "neurons", "support", "sign", *DESIGNED[at + 1 :]]
    assert [column.name for column in CERTIFICATE] == ["objective", "bound", "gap", "proven", "nodes"]
    scored = DESIGNED.index("f1_validation")
    expected = [*DESIGNED[:at], "neuron", "index", "sign", *DESIGNED[at + 1 : scored]]
    expected += ["log_loss_choosing", "f1_choosing", *DESIGNED[scored:]]
    assert [column.name for column in NEURONS] == [*expected, "mean_difference", "threshold", "best_threshold_f1"]


def test_every_column_says_what_it_means():
    for column in (*SWEEP, *NEURONS, *CERTIFICATE):
        assert column.meaning.endswith(".")
        assert 10 < len(column.meaning) < 160


def test_tables_that_differ_are_refused():
    columns = (Column("k", "int64", "A number."), Column("f1", "float64", "A score."))
    table = pd.DataFrame({"k": [1], "f1": [0.5]})
    assert check_table(table, columns) is table
    with pytest.raises(InputError, match="differ from its schema in seconds"):
        check_table(table.assign(seconds=1.0), columns)
    with pytest.raises(InputError, match="differ from its schema in the order"):
        check_table(table[["f1", "k"]], columns)
    with pytest.raises(InputError, match="column 'k' has dtype float64, its schema says int64"):
        check_table(table.astype({"k": float}), columns)
