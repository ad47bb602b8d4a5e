"""Canonical directions, the chain of pairs along them, and the halves that keep them honest."""

import numpy as np
import pytest

from mitools import KSG
from mitools.distributions import Gaussian
from mitools.estimators.canonical import Canonical, local_ksg


def embedded(rank, width, information, n, seed, slope=1.0):
    """Normal signals with this much information in all, spread over `width` columns a side."""
    r = float(np.sqrt(-np.expm1(-2 * information / rank)))
    x, y = Gaussian((r,) * rank).sample(n, seed=seed)
    rng = np.random.default_rng(99)
    sides = [side @ rng.normal(size=(rank, width)) for side in (x, y)]
    return tuple(np.where(side > 0, side, slope * side) for side in sides)


@pytest.mark.parametrize("n", [50, 1000])
def test_the_shares_of_ksg_add_up_to_ksg(n):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 2))
    y = x + rng.normal(size=(n, 2))
    terms = local_ksg(x, y, 4)
    assert terms.shape == (n,)
    assert abs(terms.mean() - KSG().estimate(x, y).value) < 1e-12


def test_a_constant_side_shares_nothing():
    assert (local_ksg(np.ones((20, 1)), np.arange(20.0)[:, None]) == 0).all()
    estimate = Canonical().estimate(np.ones((60, 2)), np.random.default_rng(0).normal(size=60))
    assert estimate.value == 0


@pytest.mark.parametrize("width", [1, 5, 50])
def test_zero_at_independence(width):
    # over 40 seeds at n = 400: |mean| at most 0.005, deviation 0.02 to 0.03
    rng = np.random.default_rng(width)
    values = [
        Canonical().estimate(rng.normal(size=(400, width)), rng.normal(size=(400, width))).value
        for _ in range(16)
    ]
    assert abs(np.mean(values)) <= 0.02 + 4 * 0.03 / 4


@pytest.mark.slow
def test_zero_at_independence_in_512_columns():
    rng = np.random.default_rng(512)
    values = [
        Canonical().estimate(rng.normal(size=(1000, 512)), rng.normal(size=(1000, 512))).value
        for _ in range(20)
    ]
    assert abs(np.mean(values)) <= 0.02


@pytest.mark.parametrize(("rank", "slope"), [(1, 1.0), (4, 0.2)], ids=["linear", "leaky"])
def test_low_rank_signals_in_512_columns_within_five_per_cent(rank, slope):
    x, y = embedded(rank, 512, 2.0, 3000, seed=0, slope=slope)
    # the sample's own information varies by 0.03: the deviation over seeds is 0.04
    assert abs(Canonical().estimate(x, y).value - 2.0) < 0.1


def test_many_weak_pairs_within_ten_per_cent():
    r = float(np.sqrt(-np.expm1(-4 / 128)))
    x, y = Gaussian((r,) * 128).sample(4000, seed=0)
    assert abs(Canonical().estimate(x, y).value - 2.0) < 0.2


@pytest.mark.parametrize("change", [np.exp, lambda side: side**3, np.arctan])
def test_monotone_changes_of_columns_change_nothing(change):
    x, y = Gaussian((0.8, 0.4), width=6).sample(500, seed=0)
    assert Canonical().estimate(change(x), y).value == Canonical().estimate(x, y).value


def test_clusters_are_not_worth_more_than_their_entropy():
    rng = np.random.default_rng(0)
    cluster = rng.integers(4, size=2000)
    centres = 6 * rng.normal(size=(2, 4, 10))
    x, y = (centre[cluster] + rng.normal(size=(2000, 10)) for centre in centres)
    estimate = Canonical().estimate(x, y)
    assert estimate.value < np.log(4) + 0.1
    assert not estimate.stats["copula_trusted"]


def test_columns_that_are_functions_of_others_are_counted_once():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(2000, 2))
    powers = [np.hstack([side, side**2, side**3, side**4]) for side in (z[:, :1], z[:, 1:])]
    u = 0.9 * z[:, :1] + np.sqrt(1 - 0.81) * z[:, 1:]
    powers[1] = np.hstack([u, u**2, u**3, u**4])
    truth = -0.5 * np.log(1 - 0.81)
    assert abs(Canonical().estimate(*powers).value - truth) < 0.12


def test_swapping_the_sides_and_repeating_changes_nothing():
    x, y = Gaussian((0.8, 0.4), width=7, rotated=True).sample(500, seed=0)
    first = Canonical().estimate(x, y)
    assert Canonical().estimate(x, y) == first
    assert abs(Canonical().estimate(y, x).value - first.value) < 1e-9


def test_permutations_repeat_the_whole_estimate():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(200, 3)), rng.normal(size=(200, 2))
    orders = np.array([rng.permutation(200) for _ in range(4)])
    reused = Canonical().prepare(x, y).permuted(orders)
    afresh = [Canonical().estimate(x, y[order]).value for order in orders]
    assert np.abs(reused - afresh).max() < 1e-9


def test_bad_settings_and_few_samples_are_refused():
    with pytest.raises(ValueError, match="`leading` must be at least 1, got 0"):
        Canonical(leading=0)
    with pytest.raises(ValueError, match="at least 40 samples, got 10"):
        Canonical().estimate(np.arange(10.0), np.arange(10.0))
