"""One-dimensional margins: counts within a radius, by two look-ups in the sorted values."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["Margin", "index", "margin", "place_counts", "within"]

Vector = NDArray[np.float64]
Rows = NDArray[np.int64]

#: Values tested at once, where the end of a radius is expected.
WINDOW = 8


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
    would round differently at the radius; a shifted value only says where to look first. There a
    few values are tested at once, without a branch; where all or none pass, the end is farther.
    """
    if not radius > 0.0:
        return 0
    ordered = sorted_column.ordered
    value = ordered[place]
    if len(ordered) < WINDOW:
        return last_within(ordered, place, radius, place) - first_within(
            ordered, place, radius, place
        )
    start = window(guess(sorted_column, value + radius), len(ordered))
    found, few = 0, ordered[start : start + WINDOW]
    for p in range(WINDOW):
        found += few[p] - value < radius
    last = start + found - 1
    if found == 0 or found == WINDOW:
        last = last_within(ordered, place, radius, min(max(start, place), len(ordered) - 1))
    start = window(guess(sorted_column, value - radius), len(ordered))
    found, few = 0, ordered[start : start + WINDOW]
    for p in range(WINDOW):
        found += value - few[p] < radius
    first = start + WINDOW - found
    if found == 0 or found == WINDOW:
        first = first_within(ordered, place, radius, min(start, place))
    return last - first


@njit(cache=True, nogil=True)
def window(center: int, n_samples: int) -> int:  # pragma: no cover - compiled
    """Return where the `WINDOW` values around a place begin."""
    return max(0, min(center - WINDOW // 2, n_samples - WINDOW))


@njit(cache=True, nogil=True)
def last_within(
    ordered: Vector, place: int, radius: float, start: int
) -> int:  # pragma: no cover - compiled
    """Return the last place within `radius` of `place`, by steps that double from `start` on."""
    value, step = ordered[place], 1
    if ordered[start] - value < radius:
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
    return inside


@njit(cache=True, nogil=True)
def first_within(
    ordered: Vector, place: int, radius: float, start: int
) -> int:  # pragma: no cover - compiled
    """Return the first place within `radius` of `place`, likewise."""
    value, step = ordered[place], 1
    if value - ordered[start] < radius:
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
    return inside


@njit(cache=True, nogil=True)
def place_counts(
    first: int, last: int, sorted_column: Margin, radii: Vector, counts: Rows
) -> None:  # pragma: no cover - compiled
    """Fill ``counts[first:last]`` with how many others lie strictly within the radius at a place.

    `radii` and `counts` are both in order of place: ``counts[place]`` is that of row
    ``sorted_column.order[place]``.
    """
    for place in range(first, last):
        counts[place] = within(sorted_column, place, radii[place])
