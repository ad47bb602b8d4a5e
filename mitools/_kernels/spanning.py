"""Minimum spanning trees of points, without a matrix of distances."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["minimum_spanning_tree"]


@njit(cache=True)
def minimum_spanning_tree(points: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the parent of each point in the Euclidean minimum spanning tree, -1 for point 0.

    Prim's algorithm: O(n^2 d) time, O(n) memory. Equal distances go to the point of least index.

    Args:
        points: With shape (n, d).
    """
    n, d = points.shape
    parent = np.full(n, -1, dtype=np.int64)
    nearest = np.full(n, np.inf)  # squared distance to the tree
    waiting = np.arange(1, n)
    n_waiting = n - 1
    last = 0
    while n_waiting > 0:
        best = 0
        for place in range(n_waiting):
            i = waiting[place]
            squares = 0.0
            for column in range(d):
                step = points[i, column] - points[last, column]
                squares += step * step
                if squares >= nearest[i]:
                    break
            if squares < nearest[i]:
                nearest[i] = squares
                parent[i] = last
            at_best = waiting[best]
            if nearest[i] < nearest[at_best] or (nearest[i] == nearest[at_best] and i < at_best):
                best = place
        last = waiting[best]
        n_waiting -= 1
        waiting[best] = waiting[n_waiting]
    return parent
