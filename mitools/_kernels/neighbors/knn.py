"""Exact neighbour searches by comparing every pair, and the pieces all searches share.

All searches speak one language, so that they give the same integers:

* A side's distance is the max norm, or the *squared* Euclidean norm summed in column order. The
  joint distance is the larger of the two sides'.
* The k nearest are the k smallest pairs (distance, row): rows break ties, in every search alike.
* A radius is strict: a row is counted when its distance is smaller, in the same arithmetic.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = [
    "brute_counts",
    "brute_radii",
    "candidate_radii",
    "insert",
    "side_distance",
    "strict_radii",
]

Matrix = NDArray[np.float64]


@njit(cache=True, nogil=True)
def side_distance(
    points: Matrix, i: int, j: int, squared: bool, limit: float
) -> float:  # pragma: no cover - compiled
    """Return the distance of rows i and j; once it exceeds `limit`, any number above `limit`."""
    total = 0.0
    if squared:
        for c in range(points.shape[1]):
            gap = points[i, c] - points[j, c]
            total += gap * gap
            if total > limit:
                return total
    else:
        for c in range(points.shape[1]):
            gap = abs(points[i, c] - points[j, c])
            if gap > total:
                total = gap
                if total > limit:
                    return total
    return total


@njit(cache=True, nogil=True)
def insert(
    distances: Matrix, rows: NDArray[np.int64], distance: float, row: int
) -> float:  # pragma: no cover - compiled
    """Put (distance, row) among the k smallest; return the new k-th distance."""
    place = len(distances) - 1
    if distance == distances[place] and row > rows[place]:
        return distance
    while place > 0 and (
        distances[place - 1] > distance
        or (distances[place - 1] == distance and rows[place - 1] > row)
    ):
        distances[place] = distances[place - 1]
        rows[place] = rows[place - 1]
        place -= 1
    distances[place] = distance
    rows[place] = row
    return distances[len(distances) - 1]


@njit(cache=True, nogil=True)
def strict_radii(
    x: Matrix, y: Matrix, i: int, distances: Matrix, rows: NDArray[np.int64], options: tuple
) -> tuple[float, float]:  # pragma: no cover - compiled
    """Return the strict radii of point i on each side, from its k nearest."""
    variant, squared = options
    if variant == 1:
        return distances[-1], distances[-1]
    radius_x, radius_y = 0.0, 0.0
    for row in rows:
        radius_x = max(radius_x, side_distance(x, i, row, squared, np.inf))
        radius_y = max(radius_y, side_distance(y, i, row, squared, np.inf))
    # eq. 9 counts the points *on* the rectangle as well: "not above r" is "below the next number"
    return np.nextafter(radius_x, np.inf), np.nextafter(radius_y, np.inf)


@njit(cache=True, nogil=True)
def brute_radii(
    first: int, last: int, x: Matrix, y: Matrix, k: int, options: tuple, radii: Matrix
) -> None:  # pragma: no cover - compiled
    """Fill ``radii[:, first:last]`` with the strict radii on each side.

    Args:
        first: First point of this share of the work.
        last: The point after its last.
        x: One side, with shape (n, d_x).
        y: The other side, with shape (n, d_y).
        k: Number of neighbours.
        options: ``(variant, squared)``: KSG 1 or 2; squared Euclidean or max norm per side.
        radii: Output, with shape (2, n).
    """
    squared = options[1]
    distances = np.empty(k)
    rows = np.empty(k, np.int64)
    for i in range(first, last):
        worst = np.inf
        distances[:] = np.inf
        rows[:] = len(x)
        for j in range(len(x)):
            if j == i:
                continue
            distance = side_distance(x, i, j, squared, worst)
            if distance > worst:
                continue
            other = side_distance(y, i, j, squared, worst)
            if other <= worst:
                worst = insert(distances, rows, max(distance, other), j)
        radii[0, i], radii[1, i] = strict_radii(x, y, i, distances, rows, options)


@njit(cache=True, nogil=True)
def brute_counts(
    first: int,
    last: int,
    points: Matrix,
    squared: bool,
    radii: Matrix,
    counts: NDArray[np.int64],
) -> None:  # pragma: no cover - compiled
    """Fill ``counts[first:last]`` with the number of other rows strictly within each radius."""
    for i in range(first, last):
        radius, found = radii[i], 0
        for j in range(len(points)):
            if side_distance(points, i, j, squared, radius) < radius and j != i:
                found += 1
        counts[i] = found


@njit(cache=True, nogil=True)
def candidate_radii(
    first: int,
    last: int,
    sides: tuple[Matrix, Matrix],
    candidates: NDArray[np.int64],
    unseen: Matrix,
    settings: tuple[int, tuple[int, bool]],
    radii: Matrix,
    complete: NDArray[np.bool_],
) -> None:  # pragma: no cover - compiled
    """Fill ``radii[:, first:last]`` from candidates, and say where no other row could be nearer.

    Args:
        first: First point of this share of the work.
        last: The point after its last.
        sides: Both sides, with shapes (n, d_x) and (n, d_y).
        candidates: Rows to look at for each point, with shape (n, m); -1 and the point itself are
            passed over.
        unseen: A bound below the joint distance of every other row, with shape (n,).
        settings: ``(k, (variant, squared))``.
        radii: Output, with shape (2, n).
        complete: Output, with shape (n,).
    """
    x, y = sides
    k, options = settings
    distances, rows = np.empty(k), np.empty(k, np.int64)
    for i in range(first, last):
        worst = np.inf
        distances[:] = np.inf
        rows[:] = len(x)
        for j in candidates[i]:
            if j == i or j < 0:
                continue
            distance = side_distance(x, i, j, options[1], worst)
            if distance > worst:
                continue
            other = side_distance(y, i, j, options[1], worst)
            if other <= worst:
                worst = insert(distances, rows, max(distance, other), j)
        complete[i] = worst < unseen[i]
        if complete[i]:
            radii[0, i], radii[1, i] = strict_radii(x, y, i, distances, rows, options)
