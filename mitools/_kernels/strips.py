"""One feature a side, max norm: strips of equal count in x, each sorted by y.

A point looks along y in its own strip, then in the strips to its left and right, until the strip
itself is too far. Equal counts adapt to any margin and sorting within a strip to any dependence.
The points of a strip are served in order of y, so that the place to start in a neighbouring strip
only moves up. Sorted margins, which the strips need anyway, then give both counts. About n log n
in all.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mitools._kernels.knn import insert
from mitools._kernels.margins import Margin, index, margin_counts

__all__ = [
    "few_counts",
    "lay_out",
    "permuted_excess",
    "strip_counts",
    "strip_length",
    "strip_radii",
]

Vector = NDArray[np.float64]
Rows = NDArray[np.int64]


class Slots(NamedTuple):
    """The points strip by strip, and by y within a strip."""

    x: Vector
    y: Vector
    row: Rows
    places: Rows  # (n, 2), places in the sorted x and in the sorted y


#: Points in a strip, as a multiple of sqrt(n k): measured, flat between 0.5 and 2.
STRIP_FACTOR = 1.0


@njit(cache=True, nogil=True)
def strip_length(n_samples: int, k: int) -> int:  # pragma: no cover - compiled
    """Return how many points a strip holds, so that it is about as wide as a typical radius."""
    return max(8, int(STRIP_FACTOR * np.sqrt(n_samples * k)))


@njit(cache=True, nogil=True)
def lay_out(
    margin_x: Margin, margin_y: Margin, length: int
) -> Slots:  # pragma: no cover - compiled
    """Return the points strip by strip, by y within each."""
    n_samples = len(margin_x.ordered)
    n_strips = (n_samples + length - 1) // length
    free = np.arange(n_strips) * length
    slot_x, slot_y = np.empty(n_samples), np.empty(n_samples)
    slot_row = np.empty(n_samples, np.int64)
    slot_places = np.empty((n_samples, 2), np.int64)
    for place in range(n_samples):
        row = margin_y.order[place]
        place_x = margin_x.place[row]
        slot = free[place_x // length]
        free[place_x // length] += 1
        slot_x[slot] = margin_x.ordered[place_x]
        slot_y[slot] = margin_y.ordered[place]
        slot_row[slot] = row
        slot_places[slot, 0], slot_places[slot, 1] = place_x, place
    return Slots(slot_x, slot_y, slot_row, slot_places)


@njit(cache=True, nogil=True)
def first_at_least(
    slot_y: Vector, start: int, end: int, value: float
) -> int:  # pragma: no cover - compiled
    """Return the first slot in ``start:end`` whose y is at least `value`."""
    low, step = start - 1, 1
    high = start
    while high < end and slot_y[high] < value:
        low = high
        high += step
        step *= 2
    high = min(high, end)
    while high - low > 1:
        middle = (low + high) >> 1
        if slot_y[middle] < value:
            low = middle
        else:
            high = middle
    return high


@njit(cache=True, nogil=True)
def look_along(
    slots: Slots,
    bounds: tuple[int, int, int, int],
    here: tuple[float, float, float],
    distances: Vector,
    rows: Rows,
) -> float:  # pragma: no cover - compiled
    """Offer a strip's points to ``here = (x, y, k-th distance so far)``; return the new distance.

    Looks up from `low_end` and down from `low` in ``bounds = (start, low, low_end, end)``.
    """
    slot_x, slot_y, slot_row = slots.x, slots.y, slots.row
    start, low, low_end, end = bounds
    x, y, worst = here
    for slot in range(low_end, end):
        gap = slot_y[slot] - y
        if gap > worst:
            break
        distance = max(gap, abs(slot_x[slot] - x))
        if distance <= worst:
            worst = insert(distances, rows, distance, slot_row[slot])
    for slot in range(low - 1, start - 1, -1):
        gap = y - slot_y[slot]
        if gap > worst:
            break
        distance = max(gap, abs(slot_x[slot] - x))
        if distance <= worst:
            worst = insert(distances, rows, distance, slot_row[slot])
    return worst


@njit(cache=True, nogil=True)
def strip_radii(
    first: int,
    last: int,
    margin_x: Margin,
    margin_y: Margin,
    slots: Slots,
    settings: tuple[int, int, int],
    radii: Vector,
) -> None:  # pragma: no cover - compiled
    """Fill the strict radii for the points of strips ``first:last``, by place in each margin.

    Args:
        first: First strip of this share of the work.
        last: The strip after its last.
        margin_x: The sorted x.
        margin_y: The sorted y.
        slots: What `lay_out` returned.
        settings: ``(k, variant, points in a strip)``.
        radii: Output, with shape (2, n): on the x side by place in x, on the y side by place in y.
    """
    slot_x, slot_y, slot_row = slots.x, slots.y, slots.row
    k, variant, length = settings
    ordered_x = margin_x.ordered
    n_samples = len(ordered_x)
    n_strips = (n_samples + length - 1) // length
    distances, rows = np.empty(k), np.empty(k, np.int64)
    near = k // 2 + 1
    reached = np.empty(n_strips, np.int64)
    for strip in range(first, last):
        begin, stop = strip * length, min((strip + 1) * length, n_samples)
        for other in range(n_strips):
            reached[other] = other * length
        for here in range(begin, stop):
            x, y = slot_x[here], slot_y[here]
            worst = np.inf
            distances[:] = np.inf
            rows[:] = n_samples
            # the nearest slots either way first, so that the first bound is already close
            low, high = max(begin, here - near), min(stop, here + near + 1)
            for slot in range(low, high):
                distance = max(abs(slot_y[slot] - y), abs(slot_x[slot] - x))
                if slot != here and distance <= worst:
                    worst = insert(distances, rows, distance, slot_row[slot])
            bounds = (begin, low, high, stop)
            worst = look_along(slots, bounds, (x, y, worst), distances, rows)
            for other in range(strip + 1, n_strips):
                start = other * length
                if ordered_x[start] - x > worst:
                    break
                end = min(start + length, n_samples)
                middle = first_at_least(slot_y, reached[other], end, y)
                reached[other] = middle
                bounds = (start, middle, middle, end)
                worst = look_along(slots, bounds, (x, y, worst), distances, rows)
            for other in range(strip - 1, -1, -1):
                start, end = other * length, (other + 1) * length
                if x - ordered_x[end - 1] > worst:
                    break
                middle = first_at_least(slot_y, reached[other], end, y)
                reached[other] = middle
                bounds = (start, middle, middle, end)
                worst = look_along(slots, bounds, (x, y, worst), distances, rows)
            radius_x = radius_y = worst
            if variant == 2:
                radius_x = radius_y = 0.0
                for row in rows:
                    radius_x = max(radius_x, abs(ordered_x[margin_x.place[row]] - x))
                    radius_y = max(radius_y, abs(margin_y.ordered[margin_y.place[row]] - y))
                radius_x = np.nextafter(radius_x, np.inf)
                radius_y = np.nextafter(radius_y, np.inf)
            radii[0, slots.places[here, 0]] = radius_x
            radii[1, slots.places[here, 1]] = radius_y


@njit(cache=True, nogil=True)
def strip_counts(
    margin_x: Margin, margin_y: Margin, settings: tuple[int, int, int]
) -> Rows:  # pragma: no cover - compiled
    """Return the counts of every row, with shape (2, n): all steps in one call."""
    n_samples = len(margin_x.ordered)
    slots = lay_out(margin_x, margin_y, settings[2])
    radii, counts = np.empty((2, n_samples)), np.empty((2, n_samples), np.int64)
    n_strips = (n_samples + settings[2] - 1) // settings[2]
    strip_radii(0, n_strips, margin_x, margin_y, slots, settings, radii)
    margin_counts(0, n_samples, margin_x, radii[0], counts[0])
    margin_counts(0, n_samples, margin_y, radii[1], counts[1])
    return counts


@njit(cache=True, nogil=True)
def few_counts(
    x: Vector, y: Vector, order_x: Rows, order_y: Rows, k: int, variant: int
) -> Rows:  # pragma: no cover - compiled
    """Return the counts of every row, with shape (2, n), from the columns and their argsorts.

    For few points: nothing but arrays crosses over from Python, which would cost as much again.
    """
    settings = (k, variant, strip_length(len(x), k))
    return strip_counts(index(x, order_x), index(y, order_y), settings)


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
    """Fill ``totals[first:last]`` with the sum of ``table[counts]`` for each re-pairing of y.

    The sorted margins stay; only the strips' contents change. `table` holds psi(m) - psi(k) at the
    count that gives m.
    """
    k, variant = settings
    n_samples = len(margin_x.ordered)
    length = strip_length(n_samples, k)
    order, place = np.empty(n_samples, np.int64), np.empty(n_samples, np.int64)
    for b in range(first, last):
        for row in range(n_samples):
            place[row] = margin_y.place[permutations[b, row]]
            order[place[row]] = row
        paired = Margin(margin_y.ordered, order, place, margin_y.starts, margin_y.scale)
        counts = strip_counts(margin_x, paired, (k, variant, length))
        total = 0.0
        for row in range(n_samples):
            total += table[counts[0, row]] + table[counts[1, row]]
        totals[b] = total
