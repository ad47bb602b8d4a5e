"""One feature a side, max norm: strips of equal count in x, each sorted by y; radii of KSG 2.

A point looks along y in its own strip, then in the strips to its left and right, until the strip
itself is too far. Equal counts adapt to any margin and sorting within a strip to any dependence.
The points of a strip are served in order of y, so that the place to start in a neighbouring strip
only moves up. About n log n in all. (KSG 1 needs no neighbours, only the k-th distance, and
`mitools._kernels.neighbors.blocks` finds it faster.)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mitools._kernels.neighbors.knn import insert
from mitools._kernels.neighbors.margins import Margin

__all__ = ["Slots", "count_shares", "fill_slots", "first_at_least", "strip_length", "strip_radii"]

Vector = NDArray[np.float64]
Rows = NDArray[np.int64]


class Slots(NamedTuple):
    """The points strip by strip, and by y within a strip."""

    x: Vector
    y: Vector
    places: NDArray[np.int32]  # (n, 2), places in the sorted x and in the sorted y


#: Points in a strip, as a multiple of sqrt(n k): measured, flat between 0.75 and 2.
STRIP_FACTOR = 1.25


@njit(cache=True, nogil=True)
def strip_length(n_samples: int, k: int) -> int:  # pragma: no cover - compiled
    """Return how many points a strip holds, so that it is about as wide as a typical radius."""
    return max(8, int(STRIP_FACTOR * np.sqrt(n_samples * k)))


@njit(cache=True, nogil=True)
def count_shares(
    first: int, last: int, margins: tuple[Margin, Margin], settings: tuple[int, int], found: tuple
) -> None:  # pragma: no cover - compiled
    """Count, for shares ``first:last`` of the rows in order of y, the rows of each strip.

    Args:
        first: First share.
        last: The share after the last.
        margins: The sorted x and the sorted y.
        settings: ``(points in a strip, points in a share)``.
        found: Outputs: each row's place in x, by place in y, with shape (n,); and the counts, with
            shape (shares, strips).
    """
    margin_x, margin_y = margins
    length, share_length = settings
    places_x, counts = found
    n_samples = len(places_x)
    for share in range(first, last):
        own = counts[share]
        own[:] = 0
        begin, end = share * share_length, min((share + 1) * share_length, n_samples)
        for place in range(begin, end):
            place_x = margin_x.place[margin_y.order[place]]
            places_x[place] = place_x
            own[place_x // length] += 1


@njit(cache=True, nogil=True)
def fill_slots(
    first: int,
    last: int,
    margins: tuple[Margin, Margin],
    settings: tuple[int, int],
    found: tuple,
    slots: Slots,
) -> None:  # pragma: no cover - compiled
    """Lay out shares ``first:last`` of the rows in order of y: strip by strip, by y within each.

    Takes what `count_shares` takes and found.
    """
    margin_x, margin_y = margins
    length, share_length = settings
    places_x, counts = found
    n_samples, n_strips = len(places_x), counts.shape[1]
    free = np.arange(n_strips) * length
    for share in range(last):
        if share < first:
            free += counts[share]
            continue
        begin, end = share * share_length, min((share + 1) * share_length, n_samples)
        for place in range(begin, end):
            place_x = places_x[place]
            strip = place_x // length
            slot = free[strip]
            free[strip] += 1
            slots.x[slot] = margin_x.ordered[place_x]
            slots.y[slot] = margin_y.ordered[place]
            slots.places[slot, 0], slots.places[slot, 1] = place_x, place


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
    order_x: Rows,
    bounds: tuple[int, int, int, int],
    here: tuple[float, float, float],
    distances: Vector,
    rows: Rows,
) -> float:  # pragma: no cover - compiled
    """Compare a point with those of a strip, and insert the near ones among its k nearest.

    Args:
        slots: The points strip by strip.
        order_x: The rows in order of x.
        bounds: ``(start, low, low_end, end)``: looks up from `low_end`, and down from `low`.
        here: ``(x, y, k-th distance so far)`` of the point.
        distances: Its k smallest distances so far, in order, to be updated.
        rows: The rows they belong to, to be updated.

    Returns:
        The new k-th distance.
    """
    slot_x, slot_y = slots.x, slots.y
    start, low, low_end, end = bounds
    x, y, worst = here
    for slot in range(low_end, end):
        gap = slot_y[slot] - y
        if gap > worst:
            break
        distance = max(gap, abs(slot_x[slot] - x))
        if distance <= worst:
            worst = insert(distances, rows, distance, order_x[slots.places[slot, 0]])
    for slot in range(low - 1, start - 1, -1):
        gap = y - slot_y[slot]
        if gap > worst:
            break
        distance = max(gap, abs(slot_x[slot] - x))
        if distance <= worst:
            worst = insert(distances, rows, distance, order_x[slots.places[slot, 0]])
    return worst


@njit(cache=True, nogil=True)
def strip_radii(
    first: int,
    last: int,
    margin_x: Margin,
    margin_y: Margin,
    slots: Slots,
    settings: tuple[int, int],
    radii: Vector,
) -> None:  # pragma: no cover - compiled
    """Fill the strict radii of KSG 2 for the points of strips ``first:last``.

    Args:
        first: First strip of this share of the work.
        last: The strip after its last.
        margin_x: The sorted x.
        margin_y: The sorted y.
        slots: The points strip by strip.
        settings: ``(k, points in a strip)``.
        radii: Output, with shape (2, n): on the x side by place in x, on the y side by place in y.
    """
    slot_x, slot_y = slots.x, slots.y
    k, length = settings
    ordered_x, order_x = margin_x.ordered, margin_x.order
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
                    worst = insert(distances, rows, distance, order_x[slots.places[slot, 0]])
            bounds = (begin, low, high, stop)
            worst = look_along(slots, order_x, bounds, (x, y, worst), distances, rows)
            for other in range(strip + 1, n_strips):
                start = other * length
                if ordered_x[start] - x > worst:
                    break
                end = min(start + length, n_samples)
                middle = first_at_least(slot_y, reached[other], end, y)
                reached[other] = middle
                bounds = (start, middle, middle, end)
                worst = look_along(slots, order_x, bounds, (x, y, worst), distances, rows)
            for other in range(strip - 1, -1, -1):
                start, end = other * length, (other + 1) * length
                if x - ordered_x[end - 1] > worst:
                    break
                middle = first_at_least(slot_y, reached[other], end, y)
                reached[other] = middle
                bounds = (start, middle, middle, end)
                worst = look_along(slots, order_x, bounds, (x, y, worst), distances, rows)
            radius_x = radius_y = 0.0
            for row in rows:
                radius_x = max(radius_x, abs(ordered_x[margin_x.place[row]] - x))
                radius_y = max(radius_y, abs(margin_y.ordered[margin_y.place[row]] - y))
            radii[0, slots.places[here, 0]] = np.nextafter(radius_x, np.inf)
            radii[1, slots.places[here, 1]] = np.nextafter(radius_y, np.inf)
