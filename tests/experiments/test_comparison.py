from __future__ import annotations

import numpy as np
import pytest

from sparseprobe.errors import InputError, UnknownNameError
from sparseprobe.experiments import (
    PAPER_SELECTIONS,
    PLANTED,
    SWEEP,
    PlantedSetting,
    compare_on_planted,
    compare_selections,
    paper_grid,
    planted_experiment,
    sweep,
)


def test_all_selections_of_the_paper_are_compared():
    acts, data = planted_experiment(n=400, width=30, informative=2, shift=6.0)
    found = compare_selections(acts, data, k=[1, 2], candidates=10)
    assert list(found.columns) == [column.name for column in SWEEP]
    assert found[["selection", "k"]].values.tolist() == [[name, k] for name in PAPER_SELECTIONS for k in (1, 2)]
    f1 = found[found["k"] == 2].set_index("selection")["f1"]
    assert f1.drop("random").min() > f1["random"]
    assert all(len(support) == k for support, k in zip(found["support"], found["k"], strict=True))


def test_candidates_are_those_of_the_largest_mean_difference():
    acts, data = planted_experiment(n=400, width=60, informative=2)
    few = compare_selections(acts, data, selections=["random"], k=[5], candidates=5)
    best = sweep(acts, data, selection="mean_difference", k=[5])
    assert few["support"].tolist() == best["support"].tolist()
    with pytest.raises(InputError, match="k = 6 is larger than the width 5"):
        compare_selections(acts, data, selections=["random"], k=[6], candidates=5)


def test_shares_of_planted_neurons():
    settings = [PlantedSetting(1000, 100, 4, shift=7.0), PlantedSetting(1000, 100, 4, shift=0.0)]
    found = compare_on_planted(settings, selections=["adaptive", "f_statistic", "random"], trials=2, k=[2, 4])
    assert list(found.columns) == [column.name for column in PLANTED]
    assert len(found) == 2 * 2 * 3 * 2
    strong = found[found["shift"] == 7.0].groupby("selection")["share"].mean()
    assert strong["adaptive"] == strong["f_statistic"] == 1.0
    assert strong["random"] < 0.3
    weak = found[found["shift"] == 0.0]
    assert weak["share"].mean() < 0.2
    assert weak["roc_auc"].mean() == pytest.approx(0.5, abs=0.1)


def test_draws_are_keyed_by_setting_and_trial():
    one, two = PlantedSetting(300, 40, 2), PlantedSetting(400, 40, 2)
    alone = compare_on_planted([two], selections=["adaptive"])
    both = compare_on_planted([one, two], selections=["random", "adaptive"], trials=2)
    row = both[(both["n"] == 400) & (both["selection"] == "adaptive") & (both["trial"] == 0)]
    assert alone["f1"].tolist() == row["f1"].tolist()


def test_one_k_need_not_be_a_list():
    asked = {"settings": [PlantedSetting(300, 40, 4)], "selections": ["mean_difference"]}
    assert compare_on_planted(**asked, k=2)["f1"].tolist() == compare_on_planted(**asked, k=[2])["f1"].tolist()


def test_the_papers_grid_stays_in_its_ranges():
    grid = paper_grid(300)
    assert len(grid) == 300
    for name, low, high in (("n", 500, 30_000), ("d", 400, 6_400), ("informative", 2, 19), ("positive", 0.01, 0.5)):
        values = np.array([getattr(setting, name) for setting in grid])
        assert values.min() >= low
        assert values.max() <= high
        assert np.log(values).std() > 0.2 * np.log(high / low)
    each = np.array([setting.shift / np.sqrt(setting.informative) for setting in grid])
    assert each.min() >= 0.05
    assert each.max() <= 5


def test_what_cannot_be_asked_is_said():
    with pytest.raises(InputError, match="give at least one PlantedSetting"):
        compare_on_planted([])
    with pytest.raises(InputError, match="trials must be at least 1, got 0"):
        compare_on_planted([PlantedSetting(300, 40, 2)], trials=0)
    with pytest.raises(InputError, match="selections names no selection: give some of adaptive"):
        compare_on_planted([PlantedSetting(300, 40, 2)], selections=[])
    for k in ([], [0], 0, [1.5]):
        with pytest.raises(InputError, match="k must be positive integers"):
            compare_on_planted([PlantedSetting(300, 40, 2)], k=k)
    with pytest.raises(InputError, match="k = 50 is larger than the width 40"):
        compare_on_planted([PlantedSetting(300, 40, 2)], k=[50])
    with pytest.raises(UnknownNameError, match="unknown selection 'best'"):
        compare_on_planted([PlantedSetting(300, 40, 2)], selections=["best"])
