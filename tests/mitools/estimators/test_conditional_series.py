"""The conditional test on rows in the order of time."""

import warnings

import numpy as np
import pytest
from scipy.signal import lfilter

from mitools.estimators.conditional import ConditionalKSG, conditional_independence_test
from mitools.evidence.pairings import orders_in_strata


def series(rng, n, phi=0.9):
    return lfilter([1], [1, -phi], rng.normal(size=n + 200))[200:]


def common_cause(seed, kind, n=400):
    """x and y that share nothing but z, all slow."""
    rng = np.random.default_rng(seed)
    z = series(rng, n)
    z = (z > 0).astype(int) if kind == "binary" else z
    x, y = np.tanh(z) + 0.5 * series(rng, n), z + z**2 / 2 + 0.5 * series(rng, n)
    return x, y, z


@pytest.mark.parametrize("blocks", [1, 4])
def test_orders_keep_strata_and_neighbours(blocks):
    rng = np.random.default_rng(0)
    strata = np.repeat(rng.integers(3, size=60), 10)
    found = orders_in_strata(strata, 50, blocks, rng)
    assert np.array_equal(np.sort(found, axis=1), np.tile(np.arange(600), (50, 1)))
    assert (strata[found] == strata).all()
    assert not (found == np.arange(600)).all(axis=1).any()
    for each in range(3):  # runs of a stratum's rows stay runs, but for a seam at each block
        rows = np.flatnonzero(strata == each)
        places = np.searchsorted(rows, found[:, rows])
        assert ((np.diff(places) % len(rows) != 1).sum(axis=1) <= blocks).all()


def test_all_strata_are_shifted_by_one_share_of_their_rows():
    strata = np.arange(1000) % 2
    for order in orders_in_strata(strata, 20, 1, np.random.default_rng(1)):
        shifts = (order - np.arange(1000)) % 1000
        assert np.ptp(shifts) <= 2


@pytest.mark.parametrize("kind", ["continuous", "binary"])
def test_series_are_warned_of_unless_their_order_is_kept(kind):
    data = common_cause(0, kind)
    with pytest.warns(UserWarning, match=r"Neighbouring rows.*`blocks=1`"):
        plain = conditional_independence_test(*data, n_permutations=5)
    assert "; but neighbouring rows are alike, and the p value takes them" in repr(plain)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kept = conditional_independence_test(*data, n_permutations=5, blocks=1)
    assert (kept.blocks, kept.caveats) == (1, ())
    assert kept.estimate == plain.estimate


@pytest.mark.filterwarnings("error")
def test_rows_that_only_z_makes_alike_are_not_warned_of():
    rng = np.random.default_rng(2)
    z = series(rng, 600)
    x, y = z + rng.normal(size=600), np.sin(z) + rng.normal(size=600)
    conditional_independence_test(x, y, z, n_permutations=2)
    label = np.repeat([0, 1, 2], 200)  # sorted by label
    x, y = 3 * label + rng.normal(size=(2, 600))
    conditional_independence_test(x, y, label, n_permutations=2)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["continuous", "binary"])
@pytest.mark.filterwarnings("ignore:Neighbouring rows")
def test_series_that_share_only_z_are_called_dependent_only_if_their_order_is_lost(kind):
    alarms, found = {None: 0, 1: 0}, 0
    for seed in range(25):
        x, y, z = common_cause([seed, 5], kind)
        for blocks in alarms:
            one = conditional_independence_test(x, y, z, n_permutations=39, blocks=blocks)
            alarms[blocks] += one.p_value <= 0.05
        one = conditional_independence_test(x, y + x, z, n_permutations=39, blocks=1)
        found += one.p_value <= 0.05
    assert alarms[None] >= 13
    assert alarms[1] <= 5  # 1.25 expected; 6 or more once in 600
    assert found >= 22


def test_blocks_need_the_regression_and_enough_rows():
    data = common_cause(0, "continuous")
    with pytest.raises(ValueError, match=r"needs ConditionalKSG\(residualize='auto'\)"):
        conditional_independence_test(
            *data, estimator=ConditionalKSG(residualize="linear"), blocks=1
        )
    with pytest.raises(ValueError, match="at least two rows to each, got 300 for 400"):
        conditional_independence_test(*data, blocks=300)
