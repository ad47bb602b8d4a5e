"""Searches among rows that repeat, by their multiplicity, against naive twins."""

import numpy as np
import pytest

from mitools._kernels.neighbors.ties import (
    WEIGHTED_LEAF,
    block_counts,
    keep_nearest,
    weighted_counts,
    weighted_radii,
)
from mitools._kernels.neighbors.tree import build_tree
from tests.mitools._kernels.neighbors.naive_counts import distances


def repeated(d, seed=0):
    """Return rows of which many repeat, the tree over the distinct ones, and their totals."""
    rng = np.random.default_rng(seed)
    rows = np.round(rng.normal(size=(400, d)) * 3)
    rows = np.vstack([rows, rng.normal(size=(60, d))])
    distinct, weights = np.unique(rows, axis=0, return_counts=True)
    tree = build_tree(np.ascontiguousarray(distinct.T), WEIGHTED_LEAF)
    return distinct, weights, tree, np.concatenate([[0], np.cumsum(weights[tree.rows])])


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("k", [1, 4, 30])
def test_radii_count_equal_rows(squared, d, k):
    distinct, weights, tree, totals = repeated(d)
    radii = np.full(len(distinct), -1.0)
    for first, last in ((0, 20), (20, len(distinct))):
        weighted_radii(first, last, tree, totals, k, squared, radii)
    for between, weight, radius in zip(distances(distinct, squared), weights, radii, strict=True):
        every = np.sort(np.repeat(between, weights))
        assert (every == 0).sum() == weight
        assert radius == every[k]  # the first is the row itself


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("d", [1, 3])
def test_counts_take_the_rows_that_are_equal_to_the_centre(squared, d):
    distinct, weights, tree, totals = repeated(d, seed=1)
    rng = np.random.default_rng(0)
    asked = rng.integers(len(distinct), size=200)
    radii = rng.choice([0.0, 0.5, 1.0, 2.0, 9.0, 1e3], size=200)
    found = np.full(200, -1)
    weighted_counts(0, 200, tree, totals, squared, asked, radii, found)
    between = distances(distinct, squared)[tree.rows[asked]]
    np.testing.assert_array_equal(found, ((between < radii[:, None]) * weights).sum(axis=1))


def test_the_nearest_are_kept_until_they_are_enough():
    kept, weights = np.empty(3), np.empty(3, np.int64)
    size = keep_nearest(kept, weights, 0, 3, 5.0, 1)
    assert (size, kept[0]) == (1, 5.0)
    size = keep_nearest(kept, weights, size, 3, 2.0, 1)
    assert kept[:size].tolist() == [2.0, 5.0]
    size = keep_nearest(kept, weights, size, 3, 4.0, 2)  # with 2.0 these are three: 5.0 is dropped
    assert kept[:size].tolist() == [2.0, 4.0]
    assert weights[:size].tolist() == [1, 2]


@pytest.mark.parametrize("error", [0.0, 1e-3])
def test_approximate_distances_within_their_error_change_no_count(error):
    rng = np.random.default_rng(0)
    rows = np.vstack([rng.normal(size=(50, 3)), np.round(rng.normal(size=(70, 3)))])
    own, k, centres = (30, 120), 4, np.arange(30, 120)
    exact = distances(rows, True)
    near = exact[centres] + rng.uniform(-error, error, size=(90, 120))
    radii, closed, counts = np.empty(90), np.empty(90, np.int64), np.empty(90, np.int64)
    slack = np.full(90, error)
    block_counts(0, 90, rows, centres, own, near, slack, k, radii, closed, counts)
    for i, centre in enumerate(centres):
        of_class = np.delete(exact[centre, own[0] : own[1]], centre - own[0])
        radius = np.sort(of_class)[k - 1]
        assert radii[i] == radius
        assert closed[i] == (of_class <= radius).sum() + 1
        tied = closed[i] > k + 1 or radius == 0
        inside = exact[centre] <= radius if tied else exact[centre] < radius
        assert counts[i] == inside.sum()
