"""Permutations that move each sample only to the place of a neighbour."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["local_permutation"]


@njit(cache=True)
def local_permutation(
    neighbours: NDArray[np.int64], order: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Give every sample one of its neighbours, each used once as far as possible.

    Args:
        neighbours: Candidates of each sample in the order to be tried, with shape (n, k).
        order: The order in which the samples choose, with shape (n,).

    Returns:
        The sample chosen by each, with shape (n,).
    """
    n, k = neighbours.shape
    used = np.zeros(n, dtype=np.bool_)
    chosen = np.empty(n, dtype=np.int64)
    for i in order:
        pick = neighbours[i, k - 1]
        for j in range(k):
            if not used[neighbours[i, j]]:
                pick = neighbours[i, j]
                break
        used[pick] = True
        chosen[i] = pick
    return chosen
