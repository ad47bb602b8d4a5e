"""Pairs of sides counted together: labels beside cells, permuted pairings, members."""

import numpy as np
import pytest
from scipy.special import digamma

from mitools import EDGE
from mitools.engines.cells import pair
from mitools.engines.cells.pair import HashedPair
from mitools.engines.cells.sides import Grid, Side


@pytest.mark.parametrize("swapped", [False, True])
def test_labels_beside_cells_are_the_naive_twin(swapped):
    rng = np.random.default_rng(0)
    labels = rng.integers(4, size=60)
    y = (rng.random(60) + labels) / 5
    sides = Side.discrete_or_none(labels[:, None].astype(float)), Side.fit(y[:, None])
    rows = labels[:, None].astype(float), y[:, None]
    grids = (Grid(0.8, np.array([0.1]), np.array([0]), 5),)
    if swapped:
        sides, rows = sides[::-1], rows[::-1]
    block = HashedPair(*sides, grids)
    ks = np.array(EDGE().occupancies)
    got = block.counted(*rows, ks).raw[0]
    np.testing.assert_array_equal(block.recount(block.count(*rows), 60, ks).raw[0], got)
    side = sides[swapped ^ 1]
    y_codes = np.floor((0.8 * side.coordinates(y[:, None])[:, 0] + 0.1) * 32).astype(np.uint64)
    # A label is a path whose every step is the label itself: it is in force at depth 0 as well.
    members = [np.flatnonzero(labels == label) for label in range(4)]
    assert min(len(m) for m in members) >= 10
    for value, k in zip(got, ks, strict=True):
        total = 0.0
        for i in range(60):
            for level in range(5, -1, -1):
                same = (y_codes >> np.uint64(5 - level)) == (y_codes[i] >> np.uint64(5 - level))
                joint = (same & (labels == labels[i])).sum()
                if joint >= k:
                    alone = (labels == labels[i]).sum()
                    total += digamma(joint) - digamma(alone) - digamma(same.sum()) + digamma(60)
                    break
        assert value == pytest.approx(total / 60, abs=1e-12)


def test_permuted_pairings_are_separate_estimates():
    rng = np.random.default_rng(0)
    x, y = rng.random((2, 200, 1))
    grids = tuple(Grid(s, np.array([0.05]), np.array([0]), 6) for s in (0.6, 0.9))
    block = HashedPair(Side.fit(x), Side.fit(y), grids)
    ks = np.array([3, 10])
    orders = np.array([rng.permutation(200) for _ in range(4)])
    got = block.permuted(block.place(x, y), orders, ks)
    expected = [block.counted(x, y[order], ks).raw.mean(axis=0) for order in orders]
    np.testing.assert_allclose(got, expected, atol=1e-12)


@pytest.mark.parametrize("n", [300, 20_000])
def test_counting_member_by_member_changes_no_bit(n, monkeypatch):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, n))
    estimator = EDGE(members=4)
    whole = estimator.estimate(x, y)
    monkeypatch.setattr(pair, "TOGETHER", 0)
    assert estimator.estimate(x, y).value == whole.value
