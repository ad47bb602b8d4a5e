"""One feature a side, max norm: both counts of every row, for few points or permutations.

What `mitools.engines.neighbors.search` does step by step in several threads is one compiled call
here.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mitools._kernels.neighbors.blocks import block_radii
from mitools._kernels.neighbors.margins import Margin, place_counts
from mitools._kernels.neighbors.strips import (
    Slots,
    count_shares,
    fill_slots,
    strip_length,
    strip_radii,
)

__all__ = ["block_counts", "permuted_excess", "rectangle_counts"]

Vector = NDArray[np.float64]
Rows = NDArray[np.int64]


@njit(cache=True, nogil=True)
def block_counts(
    margin_x: Margin, margin_y: Margin, k: int
) -> Rows:  # pragma: no cover - compiled
    """Return the counts of KSG 1 by place in each margin, with shape (2, n)."""
    slots, length = laid_out(margin_x, margin_y, k)
    n_samples = len(slots.x)
    radii, counts = np.empty((2, n_samples)), np.empty((2, n_samples), np.int64)
    block_radii(0, (n_samples + length - 1) // length, margin_x, slots, (k, length), radii)
    place_counts(0, n_samples, margin_x, radii[0], counts[0])
    place_counts(0, n_samples, margin_y, radii[1], counts[1])
    return counts


@njit(cache=True, nogil=True)
def rectangle_counts(
    margin_x: Margin, margin_y: Margin, k: int
) -> Rows:  # pragma: no cover - compiled
    """Return the counts of KSG 2 by place in each margin, with shape (2, n)."""
    slots, length = laid_out(margin_x, margin_y, k)
    n_samples = len(slots.x)
    radii, counts = np.empty((2, n_samples)), np.empty((2, n_samples), np.int64)
    n_strips = (n_samples + length - 1) // length
    strip_radii(0, n_strips, margin_x, margin_y, slots, (k, length), radii)
    place_counts(0, n_samples, margin_x, radii[0], counts[0])
    place_counts(0, n_samples, margin_y, radii[1], counts[1])
    return counts


@njit(cache=True, nogil=True)
def laid_out(
    margin_x: Margin, margin_y: Margin, k: int
) -> tuple[Slots, int]:  # pragma: no cover - compiled
    """Return the points strip by strip, and how many a strip holds."""
    n_samples = len(margin_x.ordered)
    length = strip_length(n_samples, k)
    n_strips = (n_samples + length - 1) // length
    slots = Slots(np.empty(n_samples), np.empty(n_samples), np.empty((n_samples, 2), np.int32))
    margins, sizes = (margin_x, margin_y), (length, n_samples)
    found = np.empty(n_samples, np.int32), np.empty((1, n_strips), np.int64)
    count_shares(0, 1, margins, sizes, found)
    fill_slots(0, 1, margins, sizes, found, slots)
    return slots, length


@njit(cache=True, nogil=True)
def permuted_excess(
    first: int,
    last: int,
    margin_x: Margin,
    margin_y: Margin,
    permutations: Rows,
    settings: tuple[int, int],
    table: Vector,
    totals: Vector,
) -> None:  # pragma: no cover - compiled
    """Fill ``totals[first:last]`` with the sum of ``table[counts]`` for each permutation of y.

    The sorted margins stay; only the strips' contents change. `table` holds psi(m) - psi(k) at the
    count that gives m.
    """
    k, variant = settings
    n_samples = len(margin_x.ordered)
    order, place = np.empty(n_samples, np.int64), np.empty(n_samples, np.int64)
    for b in range(first, last):
        for row in range(n_samples):
            place[row] = margin_y.place[permutations[b, row]]
            order[place[row]] = row
        paired = Margin(margin_y.ordered, order, place, margin_y.starts, margin_y.scale)
        if variant == 1:
            counts = block_counts(margin_x, paired, k)
        else:
            counts = rectangle_counts(margin_x, paired, k)
        total = 0.0
        for place_here in range(n_samples):
            total += table[counts[0, place_here]] + table[counts[1, place_here]]
        totals[b] = total
