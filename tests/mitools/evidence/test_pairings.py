"""Permuted orders and subsets keep the order of time where asked, and tell series apart."""

import numpy as np
import pytest
from scipy.signal import lfilter

from mitools import KSG, GaussianCopula, Verdict, assess
from mitools.evidence.pairings import orders, pairs_text, subset_order

QUICK = {"n_permutations": 99, "n_halves": 2, "sweep": False, "cross_check": None}


def slow(rng, n, phi=0.95):
    """An autoregressive series of the first order: lag-one correlation phi."""
    return lfilter([1], [1, -phi], rng.normal(size=n + 200))[200:]


def seams(order):
    """How many neighbours of an order are none on the circle of rows."""
    return int((np.diff(order) % len(order) != 1).sum())


@pytest.mark.parametrize("blocks", [None, 1, 2, 7, 50])
def test_orders_are_permutations_with_as_many_seams_as_blocks(blocks):
    found = orders(100, 40, blocks, np.random.default_rng(0))
    assert np.array_equal(np.sort(found, axis=1), np.tile(np.arange(100), (40, 1)))
    counts = [seams(order) for order in found]
    if blocks is None:
        assert min(counts) > 90
    else:
        assert max(counts) <= blocks - 1
        assert np.mean(counts) >= 0.7 * (blocks - 2)  # two swapped runs are a turn


def test_a_turn_is_never_nearly_none():
    turns = orders(100, 500, 1, np.random.default_rng(0))[:, 0]
    assert (turns.min(), turns.max()) == (5, 95)


@pytest.mark.parametrize("blocks", [None, 1, 8])
def test_batches_do_not_matter(blocks):
    whole = orders(64, 10, blocks, np.random.default_rng(3))
    rng = np.random.default_rng(3)
    parts = [orders(64, count, blocks, rng) for count in (3, 1, 6)]
    assert np.array_equal(whole, np.concatenate(parts))


def test_subsets_are_made_of_runs():
    order = subset_order(1000, 1, np.random.default_rng(0))
    assert np.array_equal(np.sort(order), np.arange(1000))
    assert seams(order) <= 20
    assert seams(subset_order(1000, None, np.random.default_rng(0))) > 950


@pytest.mark.filterwarnings("ignore:Neighbouring rows")
@pytest.mark.parametrize("estimator", [KSG(), GaussianCopula()], ids=repr)
def test_independent_series_are_told_from_coupled_ones_only_if_their_order_is_kept(estimator):
    alarms = {None: 0, 1: 0, 5: 0}
    claims = found = 0
    for repeat in range(40):
        rng = np.random.default_rng([5, repeat])
        x, y = slow(rng, 300), slow(rng, 300)
        for blocks in alarms:
            one = assess(x, y, estimator=estimator, blocks=blocks, **QUICK)
            alarms[blocks] += one.p_value <= 0.05
            claims += blocks is not None and one.verdict is not Verdict.INDEPENDENT
        coupled = assess(x, 0.7 * x + 0.7 * y, estimator=estimator, blocks=1, **QUICK)
        found += coupled.p_value <= 0.05
    assert alarms[None] >= 20  # half or more of 40 independent pairs
    assert alarms[1] <= 7  # 2 expected; 8 or more once in a thousand
    assert alarms[5] <= 7
    assert claims <= 2
    assert found >= 34


def test_the_interval_is_wider_for_a_series():
    rng = np.random.default_rng(2)
    x = slow(rng, 1000)
    y = 0.7 * x + 0.7 * slow(rng, 1000)
    settings = {**QUICK, "n_halves": 20, "estimator": GaussianCopula()}
    with pytest.warns(UserWarning, match="Neighbouring rows"):
        shuffled = assess(x, y, **settings)
    kept = assess(x, y, blocks=1, **settings)
    assert np.diff(kept.interval) > 2 * np.diff(shuffled.interval)


@pytest.mark.parametrize(
    ("blocks", "text"),
    [(None, "permutations"), (1, "circular shifts"), (7, "permutations of 7 blocks")],
)
def test_pairs_are_called_by_how_they_are_made(blocks, text):
    assert pairs_text(blocks) == text
