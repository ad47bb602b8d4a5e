"""One feature a side, step by step in several threads: orders, strips, radii and counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mitools._kernels.neighbors.blocks import block_radii
from mitools._kernels.neighbors.features import block_counts, rectangle_counts
from mitools._kernels.neighbors.margins import index, place_counts
from mitools._kernels.neighbors.strips import (
    Slots,
    count_shares,
    fill_slots,
    strip_length,
    strip_radii,
)
from mitools.engines.workers.threads import (
    POINTS_PER_THREAD,
    call_on_both,
    over_points,
    thread_count,
)

__all__ = ["place_ordered", "sorted_rows"]

Matrix = NDArray[np.float64]
Counts = NDArray[np.int64]


def sorted_rows(side: Matrix) -> Counts:
    """Return the rows in order of a side's one feature."""
    return np.argsort(side[:, 0])


def place_ordered(
    x: Matrix, y: Matrix, k: int, variant: int, orders: tuple[Counts, Counts]
) -> Counts:
    """Return the counts of one feature a side, those of x in order of x, those of y in order of y.

    Args:
        x: One side, with shape (n, 1).
        y: The other side, with shape (n, 1).
        k: Number of neighbours.
        variant: Of KSG, 1 or 2.
        orders: The rows in order of either.

    Returns:
        The counts, with shape (2, n).
    """
    n_samples = len(x)
    if n_samples <= 2 * POINTS_PER_THREAD:
        whole = block_counts if variant == 1 else rectangle_counts
        return whole(index(x[:, 0], orders[0]), index(y[:, 0], orders[1]), k)
    margins = call_on_both(
        lambda side: index(side[0][:, 0], side[1]), (x, orders[0]), (y, orders[1]), n_samples // 8
    )
    length = strip_length(n_samples, k)
    n_strips = -(-n_samples // length)
    n_shares = min(thread_count(n_samples), n_strips)
    settings = length, -(-n_samples // n_shares)
    slots = Slots(np.empty(n_samples), np.empty(n_samples), np.empty((n_samples, 2), np.int32))
    found = np.empty(n_samples, np.int32), np.empty((n_shares, n_strips), np.int64)
    work = n_samples / n_shares / 4
    over_points(count_shares, n_shares, margins, settings, found, cost=work)
    over_points(fill_slots, n_shares, margins, settings, found, slots, cost=work)
    radii, counts = np.empty((2, n_samples)), np.empty((2, n_samples), np.int64)
    asked = (slots, (k, length), radii)
    if variant == 1:
        over_points(block_radii, n_strips, margins[0], *asked, cost=length / 2)
    else:
        over_points(strip_radii, n_strips, *margins, *asked, cost=length)

    def count(side: int) -> None:
        over_points(place_counts, n_samples, margins[side], radii[side], counts[side], cost=0.2)

    call_on_both(count, 0, 1, n_samples // 2)
    return counts
