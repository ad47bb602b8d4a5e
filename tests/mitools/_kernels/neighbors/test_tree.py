"""A tree over points laid out leaf by leaf: its layout, its boxes, and counts by a naive twin."""

import numpy as np
import pytest

from mitools._kernels.neighbors.tree import COUNT_LEAF, build_tree, leaf_distances, tree_counts
from tests.mitools._kernels.neighbors.naive_counts import counts, distances, samples


@pytest.mark.parametrize("kind", ["smooth", "ties"])
@pytest.mark.parametrize("leaf", [2, 8, 500])
@pytest.mark.parametrize("d", [1, 4])
def test_nodes_hold_their_children_and_boxes_their_points(kind, leaf, d):
    points = samples(kind, 203, d, 1)[0]
    tree = build_tree(np.ascontiguousarray(points.T), leaf)
    np.testing.assert_array_equal(np.sort(tree.rows), np.arange(203))
    np.testing.assert_array_equal(tree.rows[tree.place], np.arange(203))
    np.testing.assert_array_equal(tree.columns.T, points[tree.rows])
    n_nodes = len(tree.edges)
    for node, (first, last) in enumerate(tree.edges):
        inside = tree.columns[:, first:last]
        np.testing.assert_array_equal(tree.low[node], inside.min(axis=1))
        np.testing.assert_array_equal(tree.high[node], inside.max(axis=1))
        if 2 * node + 2 < n_nodes:
            left, right = tree.edges[2 * node + 1], tree.edges[2 * node + 2]
            assert (first, left[1], last) == (left[0], right[0], right[1])
        else:
            assert last - first <= leaf


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("d", [1, 2, 3, 7])
def test_distances_to_a_leaf_are_those_of_the_twin(squared, d):
    points = samples("smooth", 40, d, 1)[0]
    out = np.full(15, -1.0)
    columns = np.ascontiguousarray(points.T)
    leaf_distances(columns, 0, d, points[7], 20, squared, out)
    np.testing.assert_array_equal(out, distances(points, squared)[7, 20:35])


@pytest.mark.parametrize("kind", ["smooth", "ties"])
@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("d", [1, 4])
def test_counts_are_those_of_the_twin(kind, squared, d):
    points = samples(kind, 3 * COUNT_LEAF + 5, d, 1)[0]
    n = len(points)
    tree = build_tree(np.ascontiguousarray(points.T), COUNT_LEAF)
    rng = np.random.default_rng(0)
    radii = np.where(rng.random(n) < 0.1, 0.0, rng.choice([0.3, 1.0, 2.0, 50.0], size=n))
    found = np.full(n, -1)
    for first, last in ((0, 100), (100, n)):
        tree_counts(first, last, tree, squared, radii, found)
    np.testing.assert_array_equal(found, counts(points, radii, squared))
