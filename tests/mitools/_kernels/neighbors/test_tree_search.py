"""The joint search in a tree against a naive twin."""

import numpy as np
import pytest

from mitools._kernels.neighbors.tree import build_tree
from mitools._kernels.neighbors.tree_search import LEAF, leaf_blocks, tree_radii
from tests.mitools._kernels.neighbors.naive_counts import samples, strict_radii


@pytest.mark.parametrize("kind", ["smooth", "ties"])
@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("variant", [1, 2])
@pytest.mark.parametrize("widths", [(1, 1), (2, 4)])
@pytest.mark.parametrize("k", [1, 5])
def test_radii_are_those_of_the_twin(kind, squared, variant, widths, k):
    x, y = samples(kind, 4 * LEAF + 9, *widths)
    n = len(x)
    tree = build_tree(np.ascontiguousarray(np.hstack([x, y]).T), LEAF)
    radii = np.empty((2, n))
    for first, last in ((0, 90), (90, n)):
        tree_radii(first, last, tree, leaf_blocks(tree), widths[0], k, (variant, squared), radii)
    np.testing.assert_array_equal(radii, strict_radii(x, y, k, variant, squared))


def test_more_neighbours_than_a_leaf_has_points():
    x, y = samples("smooth", 3 * LEAF, 2, 2)
    tree = build_tree(np.ascontiguousarray(np.hstack([x, y]).T), LEAF)
    radii = np.empty((2, len(x)))
    tree_radii(0, len(x), tree, leaf_blocks(tree), 2, 2 * LEAF, (1, False), radii)
    np.testing.assert_array_equal(radii, strict_radii(x, y, 2 * LEAF, 1, False))


def test_blocks_hold_the_leaves_and_nothing_else_is_near():
    points = samples("smooth", 2 * LEAF + 6, 3, 1)[0]
    tree = build_tree(np.ascontiguousarray(points.T), LEAF)
    blocks = leaf_blocks(tree)
    leaves = tree.edges[len(tree.edges) // 2 :]
    assert blocks.shape == (len(leaves), 3, LEAF)
    for block, (first, last) in zip(blocks, leaves, strict=True):
        np.testing.assert_array_equal(block[:, : last - first], tree.columns[:, first:last])
        assert np.isposinf(block[:, last - first :]).all()
