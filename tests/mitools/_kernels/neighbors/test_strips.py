"""Strips of equal count in x: how points are laid out, and the radii of KSG 2."""

import numpy as np
import pytest

from mitools._kernels.neighbors.margins import margin
from mitools._kernels.neighbors.strips import (
    Slots,
    count_shares,
    fill_slots,
    first_at_least,
    strip_length,
    strip_radii,
)
from tests.mitools._kernels.neighbors.naive_counts import samples, strict_radii


def laid_out(x, y, length, shares):
    """Return the margins, and the points strip by strip, by as many shares of the work."""
    n = len(x)
    margins = margin(x[:, 0]), margin(y[:, 0])
    slots = Slots(np.empty(n), np.empty(n), np.empty((n, 2), np.int32))
    settings = length, -(-n // shares)
    found = np.empty(n, np.int32), np.empty((shares, -(-n // length)), np.int64)
    for share in range(shares):
        count_shares(share, share + 1, margins, settings, found)
    for share in range(shares):
        fill_slots(share, share + 1, margins, settings, found, slots)
    return margins, slots


@pytest.mark.parametrize("kind", ["smooth", "ties"])
@pytest.mark.parametrize("shares", [1, 3])
def test_points_stand_strip_by_strip_and_by_y_within_a_strip(kind, shares):
    x, y = samples(kind, 90, 1, 1)
    (margin_x, margin_y), slots = laid_out(x, y, 20, shares)
    rows = margin_x.order[slots.places[:, 0]]
    np.testing.assert_array_equal(np.sort(rows), np.arange(90))
    np.testing.assert_array_equal(rows, margin_y.order[slots.places[:, 1]])
    np.testing.assert_array_equal(slots.x, x[rows, 0])
    np.testing.assert_array_equal(slots.y, y[rows, 0])
    for start in range(0, 90, 20):
        assert set(slots.places[start : start + 20, 0]) == set(range(start, min(start + 20, 90)))
        assert (np.diff(slots.places[start : start + 20, 1]) > 0).all()


def test_the_first_slot_is_that_of_a_plain_search():
    ordered = np.sort(np.random.default_rng(0).integers(30, size=60).astype(float))
    for start, end in ((0, 60), (10, 45), (59, 60), (20, 20)):
        for value in np.arange(-1, 31, 0.5):
            expected = start + np.searchsorted(ordered[start:end], value)
            assert first_at_least(ordered, start, end, value) == expected


@pytest.mark.parametrize("kind", ["smooth", "ties"])
@pytest.mark.parametrize("length", [8, 25, 200])
@pytest.mark.parametrize("k", [1, 5])
def test_radii_are_those_of_the_twin_however_long_a_strip_is(kind, length, k):
    x, y = samples(kind, 130, 1, 1)
    margins, slots = laid_out(x, y, length, 2)
    radii = np.empty((2, 130))
    middle = -(-130 // length) // 2
    for first, last in ((0, middle), (middle, -(-130 // length))):
        strip_radii(first, last, *margins, slots, (k, length), radii)
    found = [radius[side.place] for radius, side in zip(radii, margins, strict=True)]
    np.testing.assert_array_equal(found, strict_radii(x, y, k, 2, False))


def test_strips_grow_with_the_root_of_the_samples_and_never_get_short():
    assert strip_length(4, 1) == 8
    assert strip_length(10_000, 4) == int(1.25 * 200)
