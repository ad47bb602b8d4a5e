"""One feature a side, max norm: the k-th distances of a block of points at once, for KSG 1.

The strips are those of `mitools._kernels.neighbors.strips`, but the points of a strip are searched
for 16 at a time, a block, with one lane for each. Every point near the block is compared with all
lanes, and each lane keeps its k smallest distances by minima and maxima alone. That compares a few
pairs more than needed, but has no branches for the processor to predict.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mitools._kernels.neighbors.margins import Margin
from mitools._kernels.neighbors.strips import Slots, first_at_least

__all__ = ["block_radii"]

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

#: Lanes of a block, and how many distances of a lane are held in registers at a time.
LANES, HELD = 16, 4

#: A coordinate plus a radius is rounded, so that a search reaches this much farther, relatively.
SLACK = 2.0**-50


@njit(cache=True, nogil=True)
def block_radii(
    first: int,
    last: int,
    margin_x: Margin,
    slots: Slots,
    settings: tuple[int, int],
    radii: Matrix,
) -> None:  # pragma: no cover - compiled
    """Fill the distance to the k-th neighbour for the points of strips ``first:last``.

    Args:
        first: First strip of this share of the work.
        last: The strip after its last.
        margin_x: The sorted x.
        slots: What `lay_out` returned.
        settings: ``(k, points in a strip)``.
        radii: Output, with shape (2, n): by place in x, and by place in y.
    """
    k, length = settings
    n_samples = len(slots.x)
    n_strips = (n_samples + length - 1) // length
    kept = np.empty(((k + HELD - 1) // HELD * HELD, LANES))
    lanes, spare = np.empty((2, LANES)), np.empty((2, LANES))
    worst = kept[k - 1]
    reached = np.empty(n_strips, np.int64)
    for strip in range(first, last):
        start, stop = strip * length, min((strip + 1) * length, n_samples)
        for other in range(n_strips):
            reached[other] = other * length
        for begin in range(start, stop, LANES):
            end = min(begin + LANES, stop)
            for lane in range(LANES):
                slot = min(begin + lane, end - 1)  # a short block repeats its last point
                lanes[0, lane], lanes[1, lane] = slots.x[slot], slots.y[slot]
            kept[:] = np.inf
            insert_own_points(lanes, end - begin, kept, spare)
            # enough of the own strip that every lane has a bound, then as far as the bounds say
            low, high = max(start, begin - k), min(stop, end + k)
            insert_points(slots, low, begin, lanes, kept, spare)
            insert_points(slots, end, high, lanes, kept, spare)
            bottom, top = reach(lanes, worst, 0.0, 0.0)
            farther = high
            while farther < stop and slots.y[farther] <= top:
                farther += 1
            insert_points(slots, high, farther, lanes, kept, spare)
            farther = low
            while farther > start and slots.y[farther - 1] >= bottom:
                farther -= 1
            insert_points(slots, farther, low, lanes, kept, spare)
            for step in (1, -1):
                other = strip + step
                while 0 <= other < n_strips:
                    from_slot, to_slot = other * length, min((other + 1) * length, n_samples)
                    edge = margin_x.ordered[from_slot if step > 0 else to_slot - 1]
                    bottom, top = reach(lanes, worst, edge, float(step))
                    if bottom > top:
                        break
                    low = reached[other]
                    if low > from_slot and slots.y[low - 1] >= bottom:
                        while low > from_slot and slots.y[low - 1] >= bottom:
                            low -= 1
                    else:
                        low = first_at_least(slots.y, low, to_slot, bottom)
                    reached[other] = high = low
                    while high < to_slot and slots.y[high] <= top:
                        high += 1
                    insert_points(slots, low, high, lanes, kept, spare)
                    other += step
            for slot in range(begin, end):
                radii[0, slots.places[slot, 0]] = worst[slot - begin]
                radii[1, slots.places[slot, 1]] = worst[slot - begin]


@njit(cache=True, nogil=True)
def reach(
    lanes: Matrix, worst: Vector, edge: float, side: float
) -> tuple[float, float]:  # pragma: no cover - compiled
    """Return the least and the largest y that any lane still needs; least > largest for none.

    Args:
        lanes: The block's points, with shape (2, lanes).
        worst: The k-th distance of each so far.
        edge: The nearest x of the strip in question.
        side: 1 for a strip of larger x, -1 for one of smaller x, 0 for the block's own.
    """
    bottom, top = np.inf, -np.inf
    for lane in range(LANES):
        y, radius = lanes[1, lane], worst[lane]
        slack = SLACK * (abs(y) + radius)
        asks = (edge - lanes[0, lane]) * side <= radius
        least = y - radius - slack if asks else np.inf
        largest = y + radius + slack if asks else -np.inf
        bottom = least if least < bottom else bottom
        top = largest if largest > top else top
    return bottom, top


@njit(cache=True, nogil=True)
def insert_points(
    slots: Slots, first: int, last: int, lanes: Matrix, kept: Matrix, spare: Matrix
) -> None:  # pragma: no cover - compiled
    """Insert the distances of the points at ``first:last``, two at a time, into every lane.

    Args:
        slots: The points strip by strip.
        first: The first point.
        last: The point after the last.
        lanes: The block's points, with shape (2, lanes).
        kept: Each lane's smallest distances, in order down its column, to be updated.
        spare: Scratch, with shape (2, lanes).
    """
    here_x, here_y = lanes[0], lanes[1]
    kept_0, kept_1, kept_2, kept_3 = kept[0], kept[1], kept[2], kept[3]
    left_a, left_b = spare[0], spare[1]
    for slot in range(first, last, 2):
        x_a, y_a = slots.x[slot], slots.y[slot]
        x_b = y_b = np.inf
        if slot + 1 < last:
            x_b, y_b = slots.x[slot + 1], slots.y[slot + 1]
        for lane in range(LANES):
            x, y = here_x[lane], here_y[lane]
            gap_x, gap_y = abs(x - x_a), abs(y - y_a)
            a = gap_x if gap_x > gap_y else gap_y
            gap_x, gap_y = abs(x - x_b), abs(y - y_b)
            b = gap_x if gap_x > gap_y else gap_y
            held = (kept_0[lane], kept_1[lane], kept_2[lane], kept_3[lane])
            a, held = insert_sorted(a, held)
            b, held = insert_sorted(b, held)
            kept_0[lane], kept_1[lane], kept_2[lane], kept_3[lane] = held
            left_a[lane], left_b[lane] = a, b
        if len(kept) > HELD:
            insert_distances(kept, left_a, HELD)
            insert_distances(kept, left_b, HELD)


@njit(cache=True, nogil=True)
def insert_own_points(
    lanes: Matrix, size: int, kept: Matrix, spare: Matrix
) -> None:  # pragma: no cover - compiled
    """Insert the distances of the block's own points into all lanes but their own."""
    here_x, here_y, left = lanes[0], lanes[1], spare[0]
    for own in range(size):
        own_x, own_y = here_x[own], here_y[own]
        for lane in range(LANES):
            gap_x, gap_y = abs(here_x[lane] - own_x), abs(here_y[lane] - own_y)
            left[lane] = gap_x if gap_x > gap_y else gap_y
        left[own] = np.inf
        if own == size - 1:
            left[size:] = np.inf  # the repeats of the last point
        insert_distances(kept, left, 0)


@njit(cache=True, nogil=True)
def insert_distances(
    kept: Matrix, left: Vector, first: int
) -> None:  # pragma: no cover - compiled
    """Insert a distance into each lane, from its place `first` on; `left` gets what drops out."""
    for row in range(first, len(kept), HELD):
        kept_0, kept_1, kept_2, kept_3 = kept[row], kept[row + 1], kept[row + 2], kept[row + 3]
        for lane in range(LANES):
            held = (kept_0[lane], kept_1[lane], kept_2[lane], kept_3[lane])
            left[lane], held = insert_sorted(left[lane], held)
            kept_0[lane], kept_1[lane], kept_2[lane], kept_3[lane] = held


@njit(cache=True, nogil=True)
def insert_sorted(
    distance: float, held: tuple[float, float, float, float]
) -> tuple[float, tuple[float, float, float, float]]:  # pragma: no cover - compiled
    """Insert a distance among four in order: return the largest of the five, and the others."""
    one, two, three, four = held
    low = distance if distance < one else one
    distance, one = one if distance < one else distance, low
    low = distance if distance < two else two
    distance, two = two if distance < two else distance, low
    low = distance if distance < three else three
    distance, three = three if distance < three else distance, low
    low = distance if distance < four else four
    distance, four = four if distance < four else distance, low
    return distance, (one, two, three, four)
