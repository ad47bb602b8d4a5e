"""Rows in the order of time: orders that keep it, false alarms with and without, the warning."""

import warnings

import numpy as np
import pytest
from scipy.signal import lfilter

from mitools import EDGE, KSG, GaussianCopula, Verdict, assess
from mitools.evidence.doubts import copied, likeness
from mitools.evidence.pairings import orders, subset_order

QUICK = {"n_permutations": 99, "n_halves": 2, "sweep": False, "cross_check": None}


def slow(rng, n, phi=0.95):
    """An autoregressive series of the first order: lag-one correlation phi."""
    return lfilter([1], [1, -phi], rng.normal(size=n + 200))[200:]


def seams(order):
    """How many neighbours of an order are none on the circle of rows."""
    return int((np.diff(order) % len(order) != 1).sum())


# --- orders -----------------------------------------------------------------------------------


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


# --- what they are for ------------------------------------------------------------------------


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


def test_workers_change_no_bit_of_a_series():
    rng = np.random.default_rng(1)
    x, y = slow(rng, 200), slow(rng, 200)
    one, two = (assess(x, y, blocks=4, n_jobs=n_jobs, **QUICK) for n_jobs in (None, 2))
    assert np.array_equal(one.null, two.null)


# --- the warning ------------------------------------------------------------------------------


def test_series_are_warned_of_and_say_so_in_the_reasons():
    rng = np.random.default_rng(0)
    x, y = slow(rng, 200), slow(rng, 200)
    with pytest.warns(UserWarning, match=r"Neighbouring rows.*keep it with `blocks=1`"):
        plain = assess(x, y, **QUICK)
    assert plain.reasons[-1].startswith("Neighbouring rows are alike on both sides (lag-one")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kept = assess(x, y, blocks=1, **QUICK)
        assess(x, rng.normal(size=200), **QUICK)  # one side without order is enough
        shuffled = rng.permutation(200)
        assess(x[shuffled], y[shuffled], **QUICK)
    assert not any("Neighbouring" in reason for reason in kept.reasons)
    assert "99 pairings turned in time, p = " in str(kept)
    assert "99 pairings of 4 shuffled runs, p = " in str(assess(x, y, blocks=4, **QUICK))
    assert (plain.to_dict()["blocks"], kept.to_dict()["blocks"]) == (None, 1)


def test_rows_sorted_by_their_labels_are_not_warned_of_within_them():
    rng = np.random.default_rng(1)
    labels = np.repeat([0, 1, 2], 80)
    x, y = 5 * labels + rng.normal(size=240), 5 * labels + rng.normal(size=240)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assess(x, y, given=labels, **QUICK)
    with pytest.warns(UserWarning, match="Neighbouring rows"):
        assess(x, y, **QUICK)


def test_chance_is_no_order():
    rng = np.random.default_rng(2)
    assert all(likeness(rng.normal(size=(40, 300))) == 0 for _ in range(100))
    assert likeness(np.ones((40, 2))) == 0
    assert likeness(1e200 * slow(rng, 100)[:, None]) >= 0  # no error
    crowd = np.column_stack([rng.normal(size=(500, 20)), slow(rng, 500)])
    assert likeness(crowd) > 0.8


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        (0, "`blocks` must be at least 1"),
        (2.5, "`blocks` must be a whole number"),
        (60, "at least two rows to each, got 60 for 100 rows"),
    ],
)
def test_wrong_blocks_are_refused(blocks, message):
    x, y = np.random.default_rng(0).normal(size=(2, 100))
    with pytest.raises(ValueError, match=message):
        assess(x, y, blocks=blocks, **QUICK)


# --- copies -----------------------------------------------------------------------------------


def test_a_bootstrap_is_recognised_by_its_copies():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 300, 2))
    rows = rng.integers(300, size=300)
    with pytest.warns(UserWarning, match=r"6\d% of the rows repeat another row on both sides"):
        found = assess(x[rows], y[rows], estimator=EDGE(), **QUICK)
    assert found.verdict is not Verdict.INDEPENDENT  # what the warning is about
    assert "Keep one of each" in found.reasons[-1]


def test_ties_and_labels_are_no_copies():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(500, 1))
    y = x + rng.normal(size=(500, 1))
    assert copied(x, y) == 0
    assert copied(x.round(1), y.round(1)) == 0
    assert copied(np.maximum(x, 0), np.maximum(y, 0)) == 0
    labels = rng.integers(40, size=(500, 2)).astype(float)
    assert copied(labels[:, :1], labels[:, 1:]) == 0
    assert copied(labels[:, :1], labels[:, :1]) == 0  # few symbols: a function, not copies
    assert copied(np.repeat(x, 2, axis=0), np.repeat(y, 2, axis=0)) == 1
