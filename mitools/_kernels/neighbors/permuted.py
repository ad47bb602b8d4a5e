"""Many permutations of few points: every distance within a side is computed and sorted once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mitools._kernels.neighbors.knn import insert, side_distance

__all__ = ["Distances", "all_distances", "table_excess"]

Matrix = NDArray[np.float64]
Rows = NDArray[np.int64]


class Distances(NamedTuple):
    """All distances within one side, n x n, for small n."""

    between: Matrix  # by row and row
    ordered: Matrix  # each row's, sorted
    nearest: Rows  # the rows in that order


def all_distances(points: Matrix, squared: bool) -> Distances:
    """Return every distance within one side, and each row's in order."""
    between = pairwise(points, squared)
    nearest = np.argsort(between, axis=1)
    return Distances(between, np.take_along_axis(between, nearest, axis=1), nearest)


@njit(cache=True, nogil=True)
def pairwise(points: Matrix, squared: bool) -> Matrix:  # pragma: no cover - compiled
    """Return the distance of every two rows."""
    n_samples = len(points)
    between = np.zeros((n_samples, n_samples))
    for i in range(n_samples):
        for j in range(i):
            between[i, j] = between[j, i] = side_distance(points, i, j, squared, np.inf)
    return between


@njit(cache=True, nogil=True)
def below(ordered: Matrix, radius: float) -> int:  # pragma: no cover - compiled
    """Return how many of a row's sorted distances are below `radius`, itself apart."""
    return max(0, int(np.searchsorted(ordered, radius)) - 1)


@njit(cache=True, nogil=True)
def table_excess(
    first: int,
    last: int,
    side_x: Distances,
    side_y: Distances,
    permutations: Rows,
    settings: tuple[int, int],
    table: Matrix,
    totals: Matrix,
) -> None:  # pragma: no cover - compiled
    """Fill ``totals[first:last]`` with the sum of ``table[counts]`` for each permutation of y.

    Args:
        first: First permutation of this share of the work.
        last: The permutation after its last.
        side_x: The distances within x.
        side_y: The distances within y.
        permutations: Row of y paired with each row of x, with shape (B, n).
        settings: ``(k, variant)``.
        table: psi(m) - psi(k) at the count that gives m.
        totals: Output, with shape (B,).
    """
    k, variant = settings
    n_samples = len(side_x.between)
    distances, rows = np.empty(k), np.empty(k, np.int64)
    for b in range(first, last):
        partner = permutations[b]
        total = 0.0
        for i in range(n_samples):
            y_of = side_y.between[partner[i]]
            worst = np.inf
            distances[:] = np.inf
            rows[:] = n_samples
            for t in range(n_samples):
                distance = side_x.ordered[i, t]
                if distance > worst:
                    break
                j = side_x.nearest[i, t]
                distance = max(distance, y_of[partner[j]])
                if distance <= worst and j != i:
                    worst = insert(distances, rows, distance, j)
            radius_x = radius_y = worst
            if variant == 2:
                radius_x = radius_y = 0.0
                for row in rows:
                    radius_x = max(radius_x, side_x.between[i, row])
                    radius_y = max(radius_y, y_of[partner[row]])
                radius_x = np.nextafter(radius_x, np.inf)
                radius_y = np.nextafter(radius_y, np.inf)
            total += table[below(side_x.ordered[i], radius_x)]
            total += table[below(side_y.ordered[partner[i]], radius_y)]
        totals[b] = total
