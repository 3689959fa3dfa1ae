"""The estimators as scikit-learn citizens, and their answers against scikit-learn and the table experiments."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, LeaveOneGroupOut, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import check_estimator

from sparseprobe.errors import InputError, UnknownNameError
from sparseprobe.experiments import planted_experiment, planted_problem, sweep
from sparseprobe.probes import NeuronSelector, SparsePath, SparseProbe, SparseRegressor


@pytest.fixture(scope="module")
def planted():
    return planted_problem(600, 60, 3, shift=6.0)


@pytest.fixture(scope="module")
def three():
    """Three classes, each raised by two neurons of its own."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 500)
    X = rng.standard_normal((500, 40))
    for label in range(3):
        X[y == label, 10 * label : 10 * label + 2] += 2.5
    return X, np.array(["de", "fr", "nl"])[y]


@pytest.mark.parametrize(
    "estimator",
    [
        SparseProbe(),
        SparseProbe(selection="mean_difference", class_weight=None, C=10.0),
        SparsePath(),
        SparsePath(k=[1, 2], rule="best", selection="f_statistic"),
        NeuronSelector(),
        NeuronSelector(selection="adaptive"),
        SparseRegressor(),
        SparseRegressor(selection="correlation"),
    ],
    ids=repr,
)
def test_scikit_learns_own_checks_pass(estimator):
    check_estimator(estimator, on_skip=None)


def test_the_probe_is_that_of_the_sweep():
    acts, data = planted_experiment(n=400, width=30, informative=2)
    row = sweep(acts, data, k=[3]).iloc[0]
    train = (data.examples["split"] == "train").to_numpy()
    probe = SparseProbe(k=3).fit(acts.layer(0)[:][train], data.labels["f0"][train])
    assert probe.support_.tolist() == row["support"]
    np.testing.assert_allclose(probe.coef_[0, probe.support_], row["coef"], rtol=1e-4)
    assert probe.intercept_[0] == pytest.approx(row["intercept"], rel=1e-4)


@pytest.mark.parametrize("class_weight", ["balanced", None, {0: 1.0, 1: 7.0}])
def test_on_all_columns_it_is_scikit_learns_logistic_regression(planted, class_weight):
    X = planted.X[:, :8].astype(np.float64)
    scaled = X / (10 * X.std(axis=0))
    theirs = LogisticRegression(C=3.0, class_weight=class_weight, solver="newton-cholesky", tol=1e-10)
    theirs.fit(scaled, planted.y)
    probe = SparseProbe(k=8, C=3.0, class_weight=class_weight).fit(X, planted.y)
    np.testing.assert_allclose(probe.decision_function(X), theirs.decision_function(scaled), atol=1e-5)
    np.testing.assert_allclose(probe.predict_proba(X), theirs.predict_proba(scaled), atol=1e-5)


def test_a_hinge_probe_is_the_support_vector_machine(planted):
    X = planted.X[:, :6].astype(np.float64)
    scaled = X / (10 * X.std(axis=0))
    theirs = SVC(kernel="linear", C=2.0, class_weight="balanced", tol=1e-8).fit(scaled, planted.y)
    probe = SparseProbe(k=6, loss="hinge", C=2.0).fit(X, planted.y)
    np.testing.assert_allclose(probe.decision_function(X), theirs.decision_function(scaled), atol=2e-3)
    assert not hasattr(probe, "predict_proba")


@pytest.mark.parametrize("selection", ["adaptive", "mean_difference", "f_statistic", "optimal", "mutual_information"])
def test_planted_neurons_are_found_with_every_selection(planted, selection):
    probe = SparseProbe(k=3, selection=selection).fit(planted.X, planted.y)
    assert probe.support_.tolist() == planted.support.tolist()
    assert probe.converged_
    assert np.flatnonzero(probe.coef_[0]).tolist() == planted.support.tolist()


def test_each_class_has_neurons_of_its_own(three):
    X, y = three
    probe = SparseProbe(k=2).fit(X, y)
    assert probe.support_.tolist() == [[0, 1], [10, 11], [20, 21]]
    assert probe.decision_function(X).shape == probe.predict_proba(X).shape == (500, 3)
    np.testing.assert_allclose(probe.predict_proba(X).sum(axis=1), 1.0)
    assert probe.score(X, y) > 0.9
    assert set(probe.predict(X)) == {"de", "fr", "nl"}
    assert NeuronSelector(k=6).fit(X, y).support_.tolist() == [0, 1, 10, 11, 20, 21]
    one = SparseProbe(k=2).fit(X, y == "fr")
    np.testing.assert_allclose(one.decision_function(X), probe.decision_function(X)[:, 1])


@pytest.mark.parametrize("selection", ["adaptive", "f_statistic", "mutual_information", "l1"])
def test_sparse_latents_give_what_dense_ones_give(selection):
    rng = np.random.default_rng(1)
    dense = np.maximum(rng.standard_normal((400, 90)) - 1.0, 0)
    y = (dense[:, 17] + dense[:, 60] > 0.4).astype(int)
    for kind in (sparse.csr_array, sparse.csr_matrix):
        latents = kind(dense)
        one, two = (SparseProbe(k=4, selection=selection).fit(X, y) for X in (dense, latents))
        assert one.support_.tolist() == two.support_.tolist()
        np.testing.assert_allclose(one.decision_function(dense), two.decision_function(latents), atol=1e-6)
        kept = NeuronSelector(k=2).fit(latents, y).transform(latents)
        assert sparse.issparse(kept)
        assert kept.shape == (400, 2)


@pytest.mark.parametrize("estimator", [SparseProbe(k=3), SparsePath(k=[1, 3]), NeuronSelector(k=3)])
def test_single_and_double_precision_agree(planted, estimator):
    one, two = (clone(estimator).fit(planted.X.astype(dtype), planted.y) for dtype in (np.float32, np.float64))
    for attribute in ("support_", "supports_"):
        if hasattr(one, attribute):
            assert str(getattr(one, attribute)) == str(getattr(two, attribute))


def test_a_weight_of_two_is_two_rows(planted):
    times = np.random.default_rng(0).integers(0, 4, 600)
    weighted = SparseProbe(k=3).fit(planted.X, planted.y, sample_weight=times)
    repeated = SparseProbe(k=3).fit(np.repeat(planted.X, times, axis=0), np.repeat(planted.y, times))
    assert weighted.support_.tolist() == repeated.support_.tolist()
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-4, atol=1e-8)


def test_tables_keep_their_names(planted):
    table = pd.DataFrame(planted.X, columns=[f"L0.N{j}" for j in range(60)])
    selector = NeuronSelector(k=3).fit(table, planted.y).set_output(transform="pandas")
    names = [f"L0.N{j}" for j in planted.support]
    assert selector.get_feature_names_out().tolist() == names
    assert selector.transform(table).columns.tolist() == names
    assert SparseProbe().fit(table, planted.y).feature_names_in_.tolist() == table.columns.tolist()


def test_pipelines_and_grids(planted):
    line = make_pipeline(StandardScaler(), NeuronSelector(k=3), SparseProbe(k=2))
    grid = GridSearchCV(line, {"neuronselector__k": [2, 3], "sparseprobe__k": [1, 2]}, cv=GroupKFold(3))
    grid.fit(planted.X, planted.y, groups=np.arange(600) // 5)
    assert grid.best_params_ == {"neuronselector__k": 3, "sparseprobe__k": 2} or grid.best_score_ > 0.85
    assert clone(grid.best_estimator_).fit(planted.X, planted.y).score(planted.X, planted.y) > 0.85


class TestSparsePath:
    def test_every_k_is_the_probe_of_that_k(self, planted):
        path = SparsePath(k=[4, 1, 2]).fit(planted.X, planted.y)
        assert path.k_ == [1, 2, 4]
        for k in path.k_:
            alone = SparseProbe(k=k).fit(planted.X, planted.y)
            assert path.supports_[k].tolist() == alone.support_.tolist()
            decision = alone.decision_function(planted.X)  # both stop at a relative gap of 1e-12: six digits
            np.testing.assert_allclose(path.decision_function(planted.X, k=k), decision, rtol=1e-6, atol=1e-6)

    def test_without_folds_the_largest_k_answers(self, planted):
        path = SparsePath(k=[1, 2, 4], cv=None).fit(planted.X, planted.y)
        assert path.best_k_ == 4
        assert len(path.cv_scores_) == 0
        assert path.supports_[2].tolist() == SparsePath(k=[1, 2, 4]).fit(planted.X, planted.y).supports_[2].tolist()

    def test_the_planted_number_is_chosen(self, planted):
        groups = np.arange(600) // 3
        for metric, allowed in (("f1", {2, 3}), ("log_loss", {3, 8})):
            path = SparsePath(k=[1, 2, 3, 8, 32], metric=metric).fit(planted.X, planted.y, groups=groups)
            assert path.best_k_ in allowed
            assert path.cv_scores_.shape == (5, 5)
        assert np.array_equal(path.predict(planted.X), path.predict(planted.X, k=path.best_k_))

    def test_folds_by_group_do_not_see_copies(self):
        """Every example twice: without groups the copies look like a success, with groups they do not."""
        rng = np.random.default_rng(0)
        X, y = np.repeat(rng.standard_normal((60, 50)), 2, axis=0), np.repeat(rng.integers(0, 2, 60), 2)
        settings = {"k": [32], "metric": "roc_auc", "C": 1e4}
        copied = SparsePath(**settings).fit(X, y).cv_scores_.mean()
        honest = SparsePath(**settings).fit(X, y, groups=np.repeat(np.arange(60), 2)).cv_scores_.mean()
        assert copied > 0.8
        assert honest < 0.7

    def test_any_splitter_will_do(self, planted):
        groups = np.arange(600) % 3
        path = SparsePath(k=[1, 3], cv=LeaveOneGroupOut()).fit(planted.X, planted.y, groups=groups)
        assert path.cv_scores_.shape == (3, 2)

    @pytest.mark.parametrize("cv", [KFold(3), StratifiedKFold(3), [(np.arange(300), np.arange(300, 600))]])
    def test_folds_that_split_groups_are_refused(self, planted, cv):
        groups = np.arange(600) % 300
        with pytest.raises(InputError, match="cv puts the group 0 on both sides of a fold"):
            SparsePath(k=[1], cv=cv).fit(planted.X, planted.y, groups=groups)
        assert len(SparsePath(k=[1], cv=cv).fit(planted.X, planted.y).cv_scores_)

    def test_a_number_of_folds_of_any_kind_keeps_groups_together(self, planted):
        groups, rank = np.arange(600) // 3, {"k": [1, 3], "selection": "mean_difference"}
        expected = SparsePath(**rank).fit(planted.X, planted.y, groups=groups).cv_scores_
        for cv in (5, np.int64(5)):
            found = SparsePath(**rank, cv=cv).fit(planted.X, planted.y, groups=groups).cv_scores_
            np.testing.assert_array_equal(found, expected)
        for cv in (0, 1, -3, np.int64(1), True):
            with pytest.raises(InputError, match="cv must be at least 2 folds"):
                SparsePath(k=[1], cv=cv).fit(planted.X, planted.y)
        with pytest.raises(InputError, match="give one group for each of the 600 rows of X"):
            SparsePath(k=[1]).fit(planted.X, planted.y, groups=groups[:-1])

    def test_one_k_need_not_be_a_list(self, planted):
        for k in (3, np.int64(3)):
            assert SparsePath(k=k).fit(planted.X, planted.y).k_ == [3]

    def test_with_too_few_groups_the_largest_k_stands(self, planted):
        path = SparsePath(k=[1, 5]).fit(planted.X, planted.y, groups=np.zeros(600))
        assert path.best_k_ == 5
        assert len(path.cv_scores_) == 0

    def test_the_default_list_is_the_papers_up_to_the_width(self, planted):
        assert SparsePath().fit(planted.X[:, :9], planted.y).k_ == [1, 2, 3, 4, 5, 6, 7, 8]

    def test_what_cannot_be_asked_is_said(self, planted):
        cases = [
            ({"k": []}, InputError, "k must be a list of integers such as"),
            (
                {"k": [61]},
                InputError,
                r"k must be an integer from 1 to the number of columns \(n_features = 60\), got 61",
            ),
            ({"metric": "auc"}, UnknownNameError, "unknown metric 'auc'"),
            ({"rule": "first"}, UnknownNameError, "unknown rule 'first'.*Known: best, one_standard_error"),
        ]
        for settings, error, message in cases:
            with pytest.raises(error, match=message):
                SparsePath(**settings).fit(planted.X, planted.y)
        path = SparsePath(k=[1, 2], loss="hinge").fit(planted.X, planted.y)
        with pytest.raises(InputError, match="there is no probe for k = 3: this path has 1, 2"):
            path.predict(planted.X, k=3)
        with pytest.raises(InputError, match="the loss 'hinge' has no probabilities"):
            path.predict_proba(planted.X)


class TestSparseRegressor:
    def test_planted_columns_and_coefficients(self):
        rng = np.random.default_rng(0)
        X = rng.standard_normal((300, 50)) * rng.lognormal(0, 2, 50) + 5
        y = 2 * X[:, 7] / X[:, 7].std() - X[:, 31] / X[:, 31].std() + 0.01 * rng.standard_normal(300)
        probe = SparseRegressor(k=2, alpha=1e-6).fit(X, y)
        assert probe.support_.tolist() == [7, 31]
        assert probe.score(X, y) > 0.999

    def test_pursuit_passes_over_copies_where_correlation_does_not(self):
        rng = np.random.default_rng(0)
        a, b = rng.standard_normal((2, 400))
        X = np.column_stack([a, a + 0.01 * rng.standard_normal(400), b, rng.standard_normal((400, 5))])
        y = a + 0.7 * b
        assert SparseRegressor(k=2).fit(X, y).support_.tolist() in ([0, 2], [1, 2])
        assert SparseRegressor(k=2, selection="correlation").fit(X, y).support_.tolist() == [0, 1]

    def test_unknown_selections_are_refused(self):
        with pytest.raises(UnknownNameError, match="Known: matching_pursuit, correlation"):
            SparseRegressor(selection="best").fit(np.eye(3), np.arange(3))

    def test_negative_weights_are_refused(self):
        with pytest.raises(ValueError, match="Negative values"):
            SparseRegressor().fit(np.eye(3), np.arange(3), sample_weight=[1.0, -1.0, 1.0])

    @pytest.mark.parametrize("alpha", [-0.1, np.nan, np.inf, "none", None])
    def test_a_ridge_that_is_none_is_refused(self, alpha):
        with pytest.raises(InputError, match="alpha must be a finite number that is not negative"):
            SparseRegressor(alpha=alpha).fit(np.eye(3), np.arange(3))


@pytest.mark.parametrize("estimator", [SparseProbe, NeuronSelector, SparseRegressor])
@pytest.mark.parametrize("k", [0, 61, 1.5, True])
def test_k_within_the_width_is_asked_for(planted, estimator, k):
    with pytest.raises(
        InputError, match=r"k must be an integer from 1 to the number of columns \(n_features = 60\), got"
    ):
        estimator(k=k).fit(planted.X, planted.y)


def test_labels_and_weights_that_cannot_be_used_are_refused(planted):
    with pytest.raises(InputError, match="y has one class"):
        SparseProbe().fit(planted.X, np.ones(600))
    with pytest.raises(InputError, match='class_weight must be "balanced", None or a mapping'):
        SparseProbe(class_weight="equal").fit(planted.X, planted.y)
    with pytest.raises(UnknownNameError, match="unknown loss 'log'"):
        SparseProbe(loss="log").fit(planted.X, planted.y)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"C": 0}, InputError, "C must be a finite number above 0"),
        ({"C": -1.0, "loss": "hinge"}, InputError, "C must be a finite number above 0"),
        ({"C": np.nan}, InputError, "C must be a finite number above 0"),
        ({"class_weight": {0: 1.0, 1: np.nan}}, InputError, "finite numbers above 0, got nan for the class 1"),
        ({"class_weight": {0: 0.0}}, InputError, "finite numbers above 0, got 0.0 for the class 0"),
        ({"class_weight": {1: -2.0}}, InputError, "finite numbers above 0, got -2.0 for the class 1"),
        ({"class_weight": {"1": 2.0}}, InputError, r"a weight for '1', which is not a class: the classes are \[0, 1\]"),
        ({"preset": "papers"}, UnknownNameError, "unknown preset 'papers': did you mean 'paper'"),
    ],
)
@pytest.mark.parametrize("estimator", [SparseProbe(k=1), SparsePath(k=[1])], ids=["probe", "path"])
def test_settings_that_would_leave_a_probe_untrained_are_refused(planted, estimator, settings, error, message):
    with pytest.raises(error, match=message):
        clone(estimator).set_params(**settings).fit(planted.X, planted.y)
