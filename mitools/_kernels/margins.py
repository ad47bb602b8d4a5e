"""One-dimensional margins: counts within a radius, by two look-ups in the sorted values."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["Margin", "index", "margin", "margin_counts", "within"]

Vector = NDArray[np.float64]
Rows = NDArray[np.int64]


class Margin(NamedTuple):
    """One sorted column, and a table that finds a value's place in it in about one step."""

    ordered: Vector  # the values in order
    order: Rows  # the row at each place
    place: Rows  # the place of each row
    starts: NDArray[np.int32]  # per equal-width bucket of values, its first place; then n
    scale: float  # buckets per unit of value


def margin(column: Vector, order: Rows | None = None) -> Margin:
    """Return the sorted form of `column`, for finite values; `order` is its argsort, if known."""
    return index(column, np.argsort(column) if order is None else order)


@njit(cache=True, nogil=True)
def index(column: Vector, order: Rows) -> Margin:  # pragma: no cover - compiled
    """Return the sorted form of `column`, given the rows in order of value."""
    n_samples = len(column)
    ordered = np.empty(n_samples)
    place = np.empty(n_samples, np.int64)
    for p in range(n_samples):
        ordered[p] = column[order[p]]
        place[order[p]] = p
    n_buckets = max(1, n_samples // 2)
    width = ordered[-1] - ordered[0]
    scale = n_buckets / width if width > 0.0 else 0.0
    if not scale < 1e300:
        scale = 0.0  # a range too small to divide by: one bucket
    starts = np.empty(n_buckets + 1, np.int32)
    bucket = 0
    for p in range(n_samples):
        own = min(n_buckets - 1, int((ordered[p] - ordered[0]) * scale))
        while bucket <= own:
            starts[bucket] = p
            bucket += 1
    starts[bucket:] = n_samples
    return Margin(ordered, order, place, starts, scale)


@njit(cache=True, nogil=True)
def guess(sorted_column: Margin, value: float) -> int:  # pragma: no cover - compiled
    """Return about where `value` belongs; exact places are found from there."""
    starts = sorted_column.starts
    position = (value - sorted_column.ordered[0]) * sorted_column.scale
    if position <= 0.0:
        return 0
    if position >= len(starts) - 1:
        return len(sorted_column.ordered)
    bucket = int(position)
    low, high = starts[bucket], starts[bucket + 1]
    return low + int((position - bucket) * (high - low))


@njit(cache=True, nogil=True)
def within(sorted_column: Margin, place: int, radius: float) -> int:  # pragma: no cover - compiled
    """Return how many other values lie strictly within `radius` of the one at `place`.

    The test is the subtraction itself, as in every other search, never a shifted value, which
    would round differently at the radius; a shifted value only says where to start.
    """
    if not radius > 0.0:
        return 0
    ordered = sorted_column.ordered
    value = ordered[place]
    # above: `inside` is a place that counts, `outside` the nearest known one that does not
    start = min(max(guess(sorted_column, value + radius), place + 1), len(ordered))
    step = 1
    if start < len(ordered) and ordered[start] - value < radius:
        inside, outside = start, start + 1
        while outside < len(ordered) and ordered[outside] - value < radius:
            inside = outside
            step *= 2
            outside += step
        outside = min(outside, len(ordered))
    else:
        inside, outside = start - 1, start
        while inside > place and not ordered[inside] - value < radius:
            outside = inside
            step *= 2
            inside -= step
        inside = max(inside, place)
    while outside - inside > 1:
        middle = (inside + outside) >> 1
        if ordered[middle] - value < radius:
            inside = middle
        else:
            outside = middle
    above = inside - place
    # below, likewise
    start = max(min(guess(sorted_column, value - radius), place - 1), -1)
    step = 1
    if start >= 0 and value - ordered[start] < radius:
        inside, outside = start, start - 1
        while outside >= 0 and value - ordered[outside] < radius:
            inside = outside
            step *= 2
            outside -= step
        outside = max(outside, -1)
    else:
        inside, outside = start + 1, start
        while inside < place and not value - ordered[inside] < radius:
            outside = inside
            step *= 2
            inside += step
        inside = min(inside, place)
    while inside - outside > 1:
        middle = (inside + outside) >> 1
        if value - ordered[middle] < radius:
            inside = middle
        else:
            outside = middle
    return above + place - inside


@njit(cache=True, nogil=True)
def margin_counts(
    first: int, last: int, sorted_column: Margin, radii: Vector, counts: Rows
) -> None:  # pragma: no cover - compiled
    """Fill, for the rows at places ``first:last``, how many others lie strictly within a radius.

    `radii` are in order of place, `counts` in order of row.
    """
    for place in range(first, last):
        counts[sorted_column.order[place]] = within(sorted_column, place, radii[place])
