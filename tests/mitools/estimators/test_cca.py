"""Cross-fitted canonical directions: they find a low-rank signal, and nothing in noise."""

import numpy as np
import pytest
from sklearn.cross_decomposition import CCA as OracleCCA

from mitools import CCA, EDGE, KSG, PCA, Gaussian, Reduced, assess, mutual_information
from mitools import distributions as known
from mitools.estimators.base import MutualInformationEstimator
from mitools.tasks import suite


def in_sample(x, y, pairs=2):
    """Return both sides along the canonical directions of the same samples: what not to do."""
    left, right = (np.linalg.qr(side - side.mean(axis=0))[0] for side in (x, y))
    u, _, v = np.linalg.svd(left.T @ right)
    return left @ u[:, :pairs], right @ v[:pairs].T


@pytest.mark.parametrize(("n", "d"), [(400, 99), (300, 10)])
def test_nothing_leaks_at_independence(n, d):
    # d near n / 4: fitted in sample, the first correlations are near 1
    ours, naive = [], []
    for seed in range(10):
        x, y = known.Gaussian.independent(d).sample(n, seed=seed)
        ours.append(Reduced(KSG(), CCA(2)).estimate(x, y).value)
        naive.append(KSG().estimate(*in_sample(x, y)).value)
    assert abs(np.mean(ours)) < 4 * 0.028 / np.sqrt(
        10
    )  # deviation over 40 other seeds: 0.025 and 0.028
    assert np.mean(naive) > (1.0 if d == 99 else 0.05)


def test_a_low_rank_signal_in_wide_noise_is_found():
    task = next(task for task in suite("wide") if "in noise" in task.name)
    x, y = task.sample(2000, seed=0)
    found = Reduced(Gaussian(), CCA(4)).estimate(x, y).value
    # over eight seeds: 1.417 to 1.532 of 1.519
    assert 0.88 * task.mutual_information < found < 1.06 * task.mutual_information
    assert KSG().estimate(x, y).value < 0.7 * task.mutual_information


def test_low_rank_normal_data_have_their_closed_form():
    truth = known.Gaussian((0.9, 0.7), width=10, rotated=True)
    x, y = truth.sample(4000, seed=0)
    assert abs(Reduced(Gaussian(), CCA(2)).estimate(x, y).value - truth.mutual_information) < 0.06
    assert abs(Reduced(KSG(), CCA(2)).estimate(x, y).value - truth.mutual_information) < 0.12
    assert KSG().estimate(x, y).value < truth.mutual_information - 0.4


@pytest.mark.parametrize(("width", "tolerance"), [(4, 0.01), (10, 0.01)])
def test_linear_maps_of_a_side_change_little(width, tolerance):
    rng = np.random.default_rng(0)
    x, y = known.Gaussian((0.9, 0.7), width=width, rotated=True).sample(1000, seed=1)
    estimator = Reduced(KSG(), CCA(2))
    value = estimator.estimate(x, y).value
    mixed = x @ rng.normal(size=(width, width)), 1000 * y @ np.diag(np.arange(1, width + 1)) - 5
    assert abs(estimator.estimate(*mixed).value - value) < tolerance
    assert abs(Reduced(KSG(), PCA(2)).estimate(*mixed).value - value) > tolerance  # the control


def test_directions_are_those_of_an_independent_implementation():
    x, y = known.Gaussian((0.95, 0.6), width=5, rotated=True).sample(1000, seed=0)
    order = np.random.default_rng([0, 1000]).permutation(1000)
    halves = order[:500], order[500:]
    for (u, v), (test, train) in zip(CCA(2).folds(x, y), (halves[::-1], halves), strict=True):
        oracle = OracleCCA(2).fit(x[train], y[train])
        for ours, theirs in zip((u, v), oracle.transform(x[test], y[test]), strict=True):
            for j in range(2):
                assert abs(np.corrcoef(ours[:, j], theirs[:, j])[0, 1]) > 0.995


def test_each_half_is_measured_with_what_the_other_chose():
    x, y = known.Gaussian((0.9,), width=3).sample(300, seed=0)
    folds = CCA(1).folds(x, y)
    changed = x.copy()
    order = np.random.default_rng([0, 300]).permutation(300)
    rows = order[:150]  # the first half trains the first fold, and is measured in the second
    changed[rows] = changed[rows] @ np.diag([1, 1, 1]) + 0.3 * np.random.default_rng(1).normal(
        size=(150, 3)
    )
    assert [len(u) for u, _ in folds] == [150, 150]
    values = [KSG().estimate(u, v).value for u, v in folds]
    assert Reduced(KSG(), CCA(1)).estimate(x, y).value == pytest.approx(np.mean(values), abs=1e-12)
    assert not np.allclose(CCA(1).folds(changed, y)[0][0], folds[0][0])


def test_permutations_are_fitted_again():
    x, y = known.Gaussian((0.9,), width=20, rotated=True).sample(120, seed=0)
    estimator = Reduced(KSG(), CCA(2))
    rng = np.random.default_rng(0)
    orders = rng.permuted(np.tile(np.arange(120), (5, 1)), axis=1)
    fresh = [estimator.estimate(x, y[order]).value for order in orders]
    assert estimator.prepare(x, y).permuted(orders) == pytest.approx(fresh, abs=1e-9)
    same = estimator.prepare(x, y).permuted(np.arange(120)[None])
    assert same[0] == pytest.approx(estimator.estimate(x, y).value, abs=1e-9)


def test_an_assessment_tells_signal_from_noise():
    estimator = Reduced(KSG(), CCA(1))
    x, y = known.Gaussian((0.9,), width=20, rotated=True).sample(400, seed=0)
    found = assess(x, y, estimator=estimator, n_permutations=20, n_halves=2, cross_check=None)
    assert found.fitted_p_value < 1e-3
    shuffled = assess(
        x, y[::-1], estimator=estimator, n_permutations=20, n_halves=2, cross_check=None
    )
    assert shuffled.fitted_p_value > 1e-3
    assert abs(shuffled.null_mean) < 0.05


def test_seeds_choose_the_halves_and_nothing_else_is_random():
    x, y = known.Gaussian((0.9,), width=4).sample(200, seed=0)
    one = Reduced(KSG(), CCA(1)).estimate(x, y)
    assert one == Reduced(KSG(), CCA(1)).estimate(x, y)
    assert one.value != Reduced(KSG(), CCA(1, seed=1)).estimate(x, y).value
    assert repr(Reduced(KSG(), CCA(1, seed=1))) == "Reduced(KSG(), CCA(1, seed=1))"


def test_a_half_may_lack_what_the_whole_has():
    rng = np.random.default_rng(0)
    x = np.c_[rng.normal(size=(100, 1)), np.arange(100) == 3, np.zeros(100)]
    y = x[:, :1] + 0.3 * rng.normal(size=(100, 1))
    assert Reduced(KSG(), CCA(1)).estimate(x, y).value > 0.7
    assert Reduced(KSG(), CCA(1)).estimate(np.ones((100, 2)), y).value == 0


def test_labels_and_limits():
    x, y = known.Gaussian((0.9,), width=3).sample(200, seed=0)
    z = np.repeat([0, 1], 100)
    estimator = Reduced(KSG(k=25), CCA(1))
    assert estimator.minimum_samples() == 52
    assert estimator.ceiling(200) == KSG(k=25).ceiling(100)
    assert Reduced(KSG(), CCA(1)).minimum_samples() == 40
    whole = mutual_information(x, y, given=z, estimator=estimator)
    assert whole.parts[1].value == estimator.estimate(x[z == 1], y[z == 1]).value
    with pytest.raises(ValueError, match="needs at least 40 samples, got 30"):
        Reduced(KSG(), CCA(1)).estimate(x[:30], y[:30])
    with pytest.raises(ValueError, match=r"CCA\(1\) needs at least 40 samples, got 30"):
        CCA(1).folds(x[:30], y[:30])


def test_statistics_are_means_over_the_halves():
    class Counting(MutualInformationEstimator):
        def _estimate(self, x, y):
            return float(len(x)), {"rows": float(len(x)), f"only{len(x)}": 1.0}

        def ceiling(self, n_samples):
            return float(n_samples)

        __repr__ = object.__repr__

    found = Reduced(Counting(), CCA(1)).estimate(*known.Gaussian((0.5,)).sample(101, seed=0))
    assert found.value == 50.5
    assert found.stats == {"rows": 50.5}


def test_mistakes_are_refused():
    with pytest.raises(ValueError, match="`reduction_y` must be None, got PCA"):
        Reduced(KSG(), CCA(1), PCA(1))
    with pytest.raises(ValueError, match="`n_components` must be at least 1, got 0"):
        CCA(0)
    with pytest.raises(TypeError, match="`reduction_y` must be a reduction"):
        Reduced(EDGE(), PCA(1), CCA(1))
