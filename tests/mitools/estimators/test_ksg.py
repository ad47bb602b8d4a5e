"""KSG against itself (identities), the numpy twin, closed forms and independent packages."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.special import digamma
from sklearn.datasets import load_digits

from mitools.engines.neighbors.search import BruteForce, KDTree, Strips
from mitools.estimators.ksg import KSG
from tests.mitools._kernels.neighbors import naive_knn


def gaussians(n, r, seed=0, d=1):
    rng = np.random.default_rng(seed)
    x, noise = rng.standard_normal((2, n, d))
    return x, r * x + np.sqrt(1 - r**2) * noise


def standardized(side):
    return (side - side.mean(axis=0)) / side.std(axis=0)


def value(estimator, x, y):
    return estimator.estimate(x, y).value


# Exact identities


@pytest.mark.parametrize("variant", [1, 2])
@pytest.mark.parametrize("d", [1, 3, 12])
@pytest.mark.parametrize("n", [10, 257, 2000])
def test_self_information_is_the_ceiling_bit_for_bit(variant, d, n):
    x = np.random.default_rng(n).standard_normal((n, d))
    estimator = KSG(variant=variant)
    ceiling = digamma(n) - digamma(4) - (0 if variant == 1 else 1 / 4)
    assert estimator.ceiling(n) == ceiling
    assert value(estimator, x, x) == ceiling


def test_self_information_with_ties_is_the_ceiling_too():
    x = np.maximum(np.random.default_rng(0).standard_normal(500), 0)
    with pytest.warns(UserWarning, match="equal twin"):
        assert value(KSG(), x, x) == KSG().ceiling(500)


@pytest.mark.parametrize("d", [1, 2, 8])
@pytest.mark.parametrize("variant", [1, 2])
def test_symmetric_bit_for_bit(d, variant):
    for ties in (False, True):
        x, y = gaussians(400, 0.6, d=d)
        if ties:
            x, y = np.maximum(x, 0.2), np.maximum(y, 0.0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert value(KSG(variant=variant), x, y) == value(KSG(variant=variant), y, x)


def test_unit_of_a_column_does_not_matter():
    x, y = gaussians(500, 0.7, d=3)
    there = value(KSG(), x, y)
    assert value(KSG(), x * [4.0, 0.25, 2.0**40], y) == there  # powers of two: bit for bit
    assert value(KSG(), x * [1e3, -3.0, 1e-7], 12.5 * y) == pytest.approx(there, abs=1e-12)
    assert value(KSG(), x * 1e200, y * 1e-200) == pytest.approx(there, abs=1e-12)
    assert value(KSG(), x + 5, y) == pytest.approx(there, abs=1e-12)


def test_unit_does_not_matter_with_ties_either():
    x, y = np.maximum(gaussians(500, 0.7), 0.0)
    with pytest.warns(UserWarning, match="equal twin"):
        assert value(KSG(), 3.7 * x, y) == pytest.approx(value(KSG(), x, y), abs=1e-12)


def test_without_standardizing_the_unit_matters_but_a_common_power_of_two_does_not():
    x, y = gaussians(500, 0.7)
    plain = KSG(standardize=False)
    assert value(plain, 1000 * x, y) != value(plain, x, y)
    assert value(plain, 2.0**300 * x, 2.0**300 * y) == value(plain, x, y)


def test_rows_may_be_permuted():
    x, y = gaussians(500, 0.7, d=2)
    order = np.random.default_rng(1).permutation(500)
    assert value(KSG(), x[order], y[order]) == pytest.approx(value(KSG(), x, y), abs=1e-12)


def test_constant_columns_change_nothing():
    x, y = gaussians(300, 0.5, d=2)
    wide = np.hstack([np.full((300, 1), 7.0), x, np.zeros((300, 1))])
    result = KSG().estimate(wide, y)
    assert result.value == value(KSG(), x, y)
    assert result.stats["constant_columns"] == 2


@pytest.mark.parametrize("variant", [1, 2])
def test_a_constant_side_gives_zero(variant):
    x, y = np.full((50, 3), 0.1), np.random.default_rng(0).standard_normal(50)
    result = KSG(variant=variant).estimate(x, y)
    assert result.value == 0.0
    assert result.stats["constant_columns"] == 3
    permutations = np.stack([np.arange(50)] * 4)
    assert np.array_equal(KSG().prepare(x, y[:, None]).permuted(permutations), np.zeros(4))


# The numpy twin, and independent packages


@pytest.mark.parametrize("metric", ["max", "l2"])
@pytest.mark.parametrize("variant", [1, 2])
@pytest.mark.parametrize("dimensions", [(1, 1), (2, 1), (4, 4), (20, 30)])
def test_equal_the_twin(metric, variant, dimensions):
    rng = np.random.default_rng(5)
    x, y = (rng.standard_normal((200, d)) for d in dimensions)
    y[:, 0] += x[:, 0]
    expected = naive_knn.ksg(standardized(x), standardized(y), 3, variant, metric)
    assert value(KSG(k=3, variant=variant, metric=metric), x, y) == pytest.approx(
        expected, abs=1e-9
    )
    expected = naive_knn.ksg(x, y, 3, variant, metric)
    plain = KSG(k=3, variant=variant, metric=metric, standardize=False)
    assert value(plain, x, y) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("n", [100, 3000])
@pytest.mark.parametrize("k", [1, 3, 10])
def test_equal_scikit_learn(n, k):
    # its internal function, which adds no noise and does not scale
    compute = pytest.importorskip("sklearn.feature_selection._mutual_info")._compute_mi_cc
    x, y = gaussians(n, 0.9, seed=n)
    expected = compute(standardized(x)[:, 0], standardized(y)[:, 0], k)
    assert expected > 0  # it clips at zero
    assert value(KSG(k=k), x, y) == pytest.approx(expected, abs=1e-9)


def test_equal_ennemi(monkeypatch):
    ennemi = pytest.importorskip("ennemi")
    # its own digamma is an approximation good to 1e-6
    monkeypatch.setattr("ennemi._entropy_estimators._psi", digamma)
    x, y = gaussians(2000, 0.8)
    # its preprocessing adds noise as well, which moves a count now and then
    sides = standardized(y)[:, 0], standardized(x)[:, 0]
    expected = ennemi.estimate_mi(*sides, k=3, preprocess=False)
    assert value(KSG(k=3), x, y) == pytest.approx(float(np.ravel(expected)[0]), abs=1e-9)


def test_the_tolerance_would_catch_a_counting_error():
    # negative control: counting the point at the radius is a known error of other packages
    x, y = gaussians(500, 0.6)
    n_x, n_y = naive_knn.neighbor_counts(x, y, 4, 1, "max")
    wrong = digamma(4) + digamma(500) - np.mean(digamma(n_x + 2) + digamma(n_y + 2))
    assert abs(value(KSG(standardize=False), x, y) - wrong) > 1e-3


# Closed forms


@pytest.mark.parametrize("r", [0.5, 0.9])
@pytest.mark.parametrize("variant", [1, 2])
def test_gaussian_pairs(r, variant):
    # sd over seeds at n = 5000: 0.013 (r = 0.5), 0.011 (r = 0.9); the mean of 5 has 0.006
    found = [value(KSG(variant=variant), *gaussians(5000, r, seed)) for seed in range(5)]
    assert np.mean(found) == pytest.approx(-0.5 * np.log(1 - r**2), abs=0.024)


@pytest.mark.parametrize("d", [1, 3, 5, 50, 512])
def test_independent_data_give_about_zero(d):
    rng = np.random.default_rng(d)
    found = [value(KSG(), *rng.standard_normal((2, 1000, d))) for _ in range(2 if d > 50 else 4)]
    assert abs(np.mean(found)) < 0.04


def test_auto_metric():
    x, y = gaussians(100, 0.5, d=6)
    assert KSG().estimate(x[:, :5], y[:, :5]).stats["max_norm"] == 1
    assert KSG().estimate(x, y).stats["max_norm"] == 0
    assert value(KSG(), x, y) == value(KSG(metric="l2"), x, y)


# Ties


def relu(x, y):
    return np.maximum(x, 0), np.maximum(y, 0)


def test_relu_outputs_stay_usable():
    # I(relu X; relu Y) at r = 0.8: about 0.33 by the same estimator on explicitly jittered data
    with pytest.warns(UserWarning, match="equal twin"):
        independent = [value(KSG(), *relu(*gaussians(2000, 0.0, seed))) for seed in range(4)]
        dependent = KSG().estimate(*relu(*gaussians(2000, 0.8)))
    assert abs(np.mean(independent)) < 0.03
    x, y = relu(*gaussians(2000, 0.8))
    rng = np.random.default_rng(9)
    noisy = [side + 1e-10 * rng.standard_normal(side.shape) for side in (x, y)]
    assert dependent.value == pytest.approx(value(KSG(jitter=0), *noisy), abs=0.03)
    assert dependent.stats["jitter"] == 1e-10
    either = ((x == 0) | (y == 0)).mean()
    assert dependent.stats["tied_fraction"] == pytest.approx(either)


def test_without_jitter_ties_ruin_the_value():
    # negative control: this is what the default protects from
    with pytest.warns(UserWarning, match="equal twin"):
        assert abs(value(KSG(jitter=0), *relu(*gaussians(2000, 0.0)))) > 0.5


def test_clean_data_get_no_jitter():
    result = KSG().estimate(*gaussians(500, 0.5))
    assert result.stats["jitter"] == 0
    assert result.stats["tied_fraction"] == 0


def test_jitter_follows_the_seed():
    x, y = np.round(gaussians(300, 0.5), 1)
    with pytest.warns(UserWarning, match="equal twin"):
        first = value(KSG(seed=1), x, y)
        assert value(KSG(seed=1), x, y) == first
        assert value(KSG(seed=2), x, y) != first


def test_digits_do_not_crash():
    pixels = load_digits().data
    for metric in ("auto", "max"):
        result = KSG(metric=metric).estimate(pixels[:500, :32], pixels[:500, 32:])
        assert np.isfinite(result.value)
    with pytest.warns(UserWarning, match="equal twin"):
        result = KSG().estimate(pixels[:, 20], pixels[:, 21])
    assert 0 < result.value < result.ceiling


@pytest.mark.parametrize("jitter", ["auto", 0, 1e-6])
def test_all_duplicates_are_finite(jitter):
    x = np.repeat([0.0, 1.0], 20)
    with pytest.warns(UserWarning, match="equal twin"):
        assert np.isfinite(value(KSG(jitter=jitter), x, x[::-1]))


# Permutations


@pytest.mark.parametrize("variant", [1, 2])
@pytest.mark.parametrize(("n", "d"), [(30, 1), (30, 3), (200, 8), (1100, 2), (1100, 1)])
def test_permuted_equals_fresh_estimates(variant, n, d):
    x, y = gaussians(n, 0.9, d=d)
    rng = np.random.default_rng(2)
    permutations = np.stack([np.arange(n), *(rng.permutation(n) for _ in range(3))])
    estimator = KSG(variant=variant)
    fresh = [value(estimator, x, y[order]) for order in permutations]
    assert estimator.prepare(x, y).permuted(permutations) == pytest.approx(fresh, abs=1e-12)


def test_permuted_with_ties_centres_on_zero():
    x, y = relu(*gaussians(400, 0.9))
    rng = np.random.default_rng(2)
    permutations = np.stack([rng.permutation(400) for _ in range(40)])
    with pytest.warns(UserWarning, match="equal twin"):
        null = KSG().prepare(x, y).permuted(permutations)
    assert abs(null.mean()) < 0.03


# Settings and bad input


def test_repr_shows_what_was_changed():
    assert repr(KSG()) == "KSG()"
    assert repr(KSG(k=3)) == "KSG(k=3)"
    assert repr(KSG(variant=2, search=KDTree())) == "KSG(variant=2, search=KDTree())"
    assert KSG() == KSG(k=4)
    assert len({KSG(), KSG(), KSG(k=3)}) == 2


def test_searches_by_hand_agree():
    x, y = gaussians(700, 0.5)
    values = {value(KSG(search=search), x, y) for search in (BruteForce(), KDTree(), Strips())}
    assert len(values) == 1


def test_too_few_samples():
    x, y = gaussians(4, 0.5)
    with pytest.raises(ValueError, match=r"KSG\(\) needs at least 5 samples, got 4"):
        KSG().estimate(x, y)
    assert np.isfinite(value(KSG(k=3), x, y))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"k": 0}, "`k` must be a whole number"),
        ({"k": 2.5}, "`k` must be a whole number"),
        ({"variant": 3}, "`variant` must be 1"),
        ({"metric": "linf"}, "`metric` must be"),
        ({"jitter": -1.0}, "`jitter` must be"),
        ({"jitter": "some"}, "`jitter` must be"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        KSG(**settings)


def test_a_search_class_is_not_a_search():
    with pytest.raises(TypeError, match=r"`search` must be a value"):
        KSG(search=KDTree)
