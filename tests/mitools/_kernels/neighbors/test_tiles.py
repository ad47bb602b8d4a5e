"""Tiles in float32 that float64 settles: their errors are bounded, and the counts exact."""

import numpy as np
import pytest

from mitools._kernels.neighbors.tiles import (
    GROUP,
    LANE_NEIGHBORS,
    max_norm_tile,
    max_norms,
    products,
    tile_counts,
    tile_margin_counts,
)
from tests.mitools._kernels.neighbors.naive_counts import counts, distances, samples, strict_radii

READY = {True: products, False: max_norms}


def tile_of(side, squared, first, last):
    """Return the approximate distances of some rows to all."""
    if squared:
        return side.left[first:last] @ side.right
    tile = np.empty((last - first, len(side.slack)), np.float32)
    max_norm_tile(first, side, tile)
    return tile


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("d", [1, 3, 40])
@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e8])
def test_a_tile_errs_by_no_more_than_it_says(squared, d, scale):
    x, y = (scale * side for side in samples("smooth", 150, d, d))
    x = x + 1e4 * scale  # a mean that centring takes off
    for points, side in zip((x, y), READY[squared](x, y), strict=True):
        exact = distances(points - points.mean(axis=0), squared) / side.scale
        error = np.abs(tile_of(side, squared, 0, 150) - exact)
        assert (error <= side.slack[:, None] + side.slack).all()
        starts = np.arange(0, 150, GROUP)
        np.testing.assert_array_equal(side.group_slack, np.maximum.reduceat(side.slack, starts))


@pytest.mark.parametrize("kind", ["smooth", "ties"])
@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("variant", [1, 2])
@pytest.mark.parametrize("k", [1, 4, LANE_NEIGHBORS + 4])
@pytest.mark.parametrize("n", [30, 3 * GROUP + 5])
def test_counts_are_those_of_the_twin(kind, squared, variant, k, n):
    x, y = samples(kind, n, 3, 5)
    sides = tuple(READY[squared](x, y))
    found = np.full((2, n), -1)
    for first, last in ((0, n // 3), (n // 3, n)):
        tiles = tuple(tile_of(side, squared, first, last) for side in sides)
        tile_counts(first, tiles, sides, (x, y), (k, (variant, squared)), found)
    radii = strict_radii(x, y, k, variant, squared)
    expected = [counts(side, r, squared) for side, r in zip((x, y), radii, strict=True)]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("kind", ["smooth", "ties"])
def test_counts_of_one_side_within_known_radii(kind):
    points = samples(kind, 130, 4, 1)[0]
    (side,) = products(points)
    radii = np.random.default_rng(0).choice([0.0, 1.0, 2.0, 7.0, 1e3], size=130)
    found = np.full(130, -1)
    tile_margin_counts(40, tile_of(side, True, 40, 130), side, points, radii, found)
    np.testing.assert_array_equal(found[40:], counts(points, radii, True)[40:])
    assert (found[:40] == -1).all()
