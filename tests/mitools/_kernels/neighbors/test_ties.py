"""Searches among rows that repeat, by their multiplicity, against naive twins."""

import itertools

import numpy as np
import pytest

from mitools._kernels.neighbors.ties import (
    WEIGHTED_LEAF,
    block_counts,
    keep_nearest,
    mean_rank_terms,
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
    counts = np.empty((90, 4), np.int64)
    block_counts(0, 90, rows, centres, own, near, np.full(90, error), k, counts)
    for i, centre in enumerate(centres):
        of_class = np.delete(exact[centre, own[0] : own[1]], centre - own[0])
        radius = np.sort(of_class)[k - 1]
        everyone = np.delete(exact[centre], centre)
        expected = [(each < radius).sum() for each in (of_class, everyone)]
        closed = [(each <= radius).sum() for each in (of_class, everyone)]
        assert counts[i].tolist() == [expected[0], closed[0], expected[1], closed[1]]


def test_the_rank_of_a_neighbour_over_all_orders_of_its_ties():
    # two nearer rows, then four at one distance, two of them of the class: where is the second?
    counts, asked = np.array([[1, 3, 2, 6]]), np.array([3])
    table, terms = np.arange(20.0) ** 2, np.empty(1)
    mean_rank_terms(0, 1, counts, asked, table, terms)
    orders = list(itertools.permutations([1, 1, 0, 0]))
    ranks = [2 + 1 + max(place for place, own in enumerate(order) if own) for order in orders]
    assert terms[0] == pytest.approx(np.mean(np.array(ranks) ** 2.0))
    for number, expected in ((0, 0.0), (1, 1.0)):
        mean_rank_terms(0, 1, np.array([[0, 1, 0, 1]]), np.array([number]), table, terms)
        assert terms[0] == expected
