"""Rows along directions, with a result that depends on the row and on nothing else.

BLAS adds up a row's products in an order that depends on the processor, on the number of threads,
on how many rows come with it and on where among them it stands. Two equal rows may then differ in
the last bit, a row of a stream from the same row of the sample, and what counts ties or looks
values up in a table (`margin_quantiles`) takes that for a difference.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["project"]

Floats = NDArray[np.float64]


@njit(cache=True, nogil=True)
def project(rows: Floats, directions: Floats) -> Floats:
    """Return ``rows @ directions``, the products of each row added in the order of the columns.

    A column whose entries in `directions` are 0 changes no bit. Four rows at a time, as each sum
    waits for its last addend; of one direction that is as fast as BLAS.

    Args:
        rows: Finite values, with shape (n, d).
        directions: Finite values, with shape (d, p).
    """
    n, d = rows.shape
    out = np.empty((n, directions.shape[1]))
    whole = n - n % 4
    for k in range(directions.shape[1]):
        weights = directions[:, k].copy()
        for i in range(0, whole, 4):
            first, second, third, fourth = 0.0, 0.0, 0.0, 0.0
            for j in range(d):
                first += rows[i, j] * weights[j]
                second += rows[i + 1, j] * weights[j]
                third += rows[i + 2, j] * weights[j]
                fourth += rows[i + 3, j] * weights[j]
            out[i, k], out[i + 1, k], out[i + 2, k], out[i + 3, k] = first, second, third, fourth
        for i in range(whole, n):
            first = 0.0
            for j in range(d):
                first += rows[i, j] * weights[j]
            out[i, k] = first
    return out
