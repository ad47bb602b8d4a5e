"""The k-th distances of blocks of points against a naive twin."""

import numpy as np
import pytest

from mitools._kernels.neighbors.blocks import HELD, LANES, block_radii, insert_sorted
from tests.mitools._kernels.neighbors.naive_counts import samples, strict_radii
from tests.mitools._kernels.neighbors.test_strips import laid_out


@pytest.mark.parametrize("kind", ["smooth", "ties"])
@pytest.mark.parametrize("n", [LANES - 3, 5 * LANES + 1])
@pytest.mark.parametrize("length", [8, 30, 200])
@pytest.mark.parametrize("k", [1, HELD, HELD + 1, 9])
def test_distances_are_those_of_the_twin(kind, n, length, k):
    x, y = samples(kind, n, 1, 1)
    margins, slots = laid_out(x, y, length, 1)
    radii = np.empty((2, n))
    for strip in range(-(-n // length)):
        block_radii(strip, strip + 1, margins[0], slots, (k, length), radii)
    found = [radius[side.place] for radius, side in zip(radii, margins, strict=True)]
    np.testing.assert_array_equal(found, strict_radii(x, y, k, 1, False))


def test_four_distances_are_kept_in_order_and_the_largest_passed_on():
    rng = np.random.default_rng(0)
    for _ in range(200):
        five = rng.integers(5, size=5).astype(float)
        left, held = insert_sorted(five[0], tuple(np.sort(five[1:])))
        assert [*held, left] == sorted(five)
