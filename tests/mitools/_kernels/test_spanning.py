"""Minimum spanning trees against those of scipy."""

import numpy as np
import pytest
from scipy.sparse.csgraph import minimum_spanning_tree as scipy_tree
from scipy.spatial.distance import cdist

from mitools._kernels.spanning import minimum_spanning_tree


@pytest.mark.parametrize("d", [1, 3, 40])
def test_tree_has_the_length_scipy_finds(d):
    points = np.random.default_rng(d).normal(size=(60, d))
    parent = minimum_spanning_tree(points)
    length = np.linalg.norm(points[1:] - points[parent[1:]], axis=1).sum()
    assert length == pytest.approx(scipy_tree(cdist(points, points)).sum(), rel=1e-12)
    np.testing.assert_array_equal(parent, minimum_spanning_tree.py_func(points))


def test_tree_connects_everything_even_with_twins():
    points = np.random.default_rng(0).integers(3, size=(50, 2)).astype(float)
    parent = minimum_spanning_tree(points)
    assert parent[0] == -1
    for start in range(50):
        seen, node = set(), start
        while node:
            assert node not in seen
            seen.add(node)
            node = parent[node]
    lengths = np.linalg.norm(points[1:] - points[parent[1:]], axis=1)
    assert (lengths > 0).sum() == len(np.unique(points, axis=0)) - 1
