"""Kernels of the released EDGE codes: hashed rows, neighbours along one axis, clipped sums."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["clipped_information", "mean_neighbor_distances", "row_codes"]

Codes = NDArray[np.uint64]
Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


@njit(cache=True, nogil=True)
def row_codes(rows: Floats) -> Codes:
    """Return one mixed 64-bit code per row of whole numbers, shape (n, r)."""
    n, r = rows.shape
    codes = np.empty(n, np.uint64)
    for i in range(n):
        code = np.uint64(0)
        for j in range(r):
            code ^= np.uint64(np.int64(rows[i, j]))
            # The finaliser of splitmix64: a bijection, so a single column never collides.
            code = (code + np.uint64(0x9E3779B97F4A7C15)) & np.uint64(0xFFFFFFFFFFFFFFFF)
            code = (code ^ (code >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            code = (code ^ (code >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            code ^= code >> np.uint64(31)
        codes[i] = code
    return codes


@njit(cache=True, nogil=True)
def mean_neighbor_distances(ordered: Floats, probes: Floats, k: int) -> float:
    """Return the probes' mean distance to their k-th neighbour in `ordered`, sorted.

    Probes are values of `ordered`, and each is its own first neighbour.
    """
    n = len(ordered)
    total = 0.0
    for i in range(len(probes)):
        value = probes[i]
        at = np.searchsorted(ordered, value)
        # The k nearest are a window of k; its far end decides, and the best window is found by
        # bisection.
        low, high = max(0, at - k + 1), min(at, n - k)
        while low < high:
            middle = (low + high) >> 1
            if value - ordered[middle] > ordered[middle + k] - value:
                low = middle + 1
            else:
                high = middle
        total += max(value - ordered[low], ordered[low + k - 1] - value)
    return total / len(probes)


@njit(cache=True, nogil=True)
def clipped_information(
    joint: Counts, x_counts: Counts, y_counts: Counts, n: int, lower: float, upper: float
) -> tuple[float, int, int]:
    r"""Return the mean clipped log-ratio in bits, from sorted codes ``i K + j``.

    Returns:
        The sum in bits, joint cells, and samples alone in theirs.
    """
    width = len(y_counts)
    value = 0.0
    cells, alone, start = 0, 0, 0
    while start < n:
        code = joint[start]
        end = start + 1
        while end < n and joint[end] == code:
            end += 1
        together = end - start
        ratio = (
            np.log2(together)
            + np.log2(n)
            - np.log2(x_counts[code // width])
            - np.log2(y_counts[code % width])
        )
        value += together * min(max(ratio, lower), upper)
        cells += 1
        alone += 1 if together == 1 else 0
        start = end
    return value / n, cells, alone
