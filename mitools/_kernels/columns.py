"""Passes over the rows of one side: column extremes, repeated values, a key for each row."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["adjacent_twins", "extremes", "moments", "row_keys", "twins_in"]

Matrix = NDArray[np.float64]


@njit(cache=True, nogil=True)
def extremes(side: Matrix) -> tuple[Matrix, Matrix]:  # pragma: no cover - compiled
    """Return each column's least and largest value, in one pass over the rows."""
    least, largest = side[0].copy(), side[0].copy()
    for i in range(len(side)):
        for c in range(side.shape[1]):
            value = side[i, c]
            least[c] = value if value < least[c] else least[c]
            largest[c] = value if value > largest[c] else largest[c]
    return least, largest


@njit(cache=True, nogil=True)
def moments(rows: Matrix) -> tuple[Matrix, ...]:  # pragma: no cover - compiled
    """Return each column's extremes, and its sum and sum of squares about its first value.

    One pass for all of them: on wide data, each takes as long as reading the memory.
    """
    least, largest = rows[0].copy(), rows[0].copy()
    total, squares = np.zeros(rows.shape[1]), np.zeros(rows.shape[1])
    for i in range(len(rows)):
        for j in range(rows.shape[1]):
            value = rows[i, j]
            least[j] = value if value < least[j] else least[j]
            largest[j] = value if value > largest[j] else largest[j]
            moved = value - rows[0, j]
            total[j] += moved
            squares[j] += moved * moved
    return least, largest, total, squares


@njit(cache=True, nogil=True)
def adjacent_twins(ordered: Matrix) -> bool:  # pragma: no cover - compiled
    """Return whether a sorted column holds some value twice."""
    for p in range(1, len(ordered)):
        if ordered[p] == ordered[p - 1]:
            return True
    return False


@njit(cache=True, nogil=True)
def twins_in(column: Matrix, order: NDArray[np.int64]) -> bool:  # pragma: no cover - compiled
    """Return whether a column holds some value twice, given its rows in order."""
    for p in range(1, len(order)):
        if column[order[p]] == column[order[p - 1]]:
            return True
    return False


@njit(cache=True, nogil=True)
def row_keys(side: Matrix) -> NDArray[np.uint64]:  # pragma: no cover - compiled
    """Return a 64-bit key of each row: equal rows get equal keys, others almost surely do not."""
    n_samples, n_columns = side.shape
    keys = np.empty(n_samples, np.uint64)
    value = np.empty(1)
    bits = value.view(np.uint64)
    for i in range(n_samples):
        key = np.uint64(0x9E3779B97F4A7C15)
        for c in range(n_columns):
            value[0] = side[i, c] + 0.0  # -0.0 and 0.0 are one value
            key = (key ^ bits[0]) * np.uint64(0xBF58476D1CE4E5B9)
            key ^= key >> np.uint64(29)
        keys[i] = key
    return keys
