"""Floor hashing in numba: margins to quantiles, quantiles to cells, two cells to a joint one.

A cell is not one bandwidth but a chain of them. Step ``l`` halves one coordinate, so the first
``l`` bits of a row's code name the cell it falls in at depth ``l``, and shifting the code to the
right coarsens it. Codes are exact: two rows share one if and only if they share a cell.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["cell_codes", "joint_codes", "margin_quantiles"]

Codes = NDArray[np.uint64]
Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


@njit(cache=True, nogil=True)
def margin_quantiles(values: Floats, knots: Floats) -> Floats:
    """Return the mid-rank of each value of a column among sorted `knots`, as a fraction in (0, 1).

    Ties with a knot get the middle of the tied ranks; between knots it is linear, and beyond them
    constant.
    """
    m = len(knots)
    out = np.empty(len(values))
    # A table of equal steps finds most places at once: what lies in an earlier step is smaller.
    buckets = 4 * m
    span = knots[m - 1] - knots[0]
    per_step = buckets / span if span > 0 and np.isfinite(buckets / span) else 0.0
    starts = np.full(buckets + 2, m, np.int64)
    for j in range(m - 1, -1, -1):
        starts[np.int64((knots[j] - knots[0]) * per_step)] = j
    for b in range(buckets, -1, -1):
        starts[b] = min(starts[b], starts[b + 1])
    for i in range(len(values)):
        value = values[i]
        if value < knots[0]:
            out[i] = 0.25 / m
            continue
        if value > knots[m - 1]:
            out[i] = (m - 0.25) / m
            continue
        bucket = np.int64((value - knots[0]) * per_step)
        low = starts[bucket]
        length = starts[bucket + 1] - low
        while length > 0:  # without a branch on the comparison, which no predictor can guess
            half = length >> 1
            low += (length - half) * (knots[low + half] < value)
            length = half
        if low < m and knots[low] == value:
            last = low
            if last + 1 < m and knots[last + 1] == value:  # an atom: find where it ends
                high = m
                while last < high:
                    middle = (last + high) >> 1
                    if knots[middle] <= value:
                        last = middle + 1
                    else:
                        high = middle
                last -= 1
            out[i] = (0.5 * (low + last) + 0.5) / m
        else:
            left, right = knots[low - 1], knots[low]
            out[i] = (low - 0.5 + (value - left) / (right - left)) / m
    return out


@njit(cache=True, nogil=True)
def cell_codes(
    quantiles: Floats, scale: float, shifts: Floats, order: Counts, steps: int, width: int
) -> Codes:
    """Return the code of each row of `quantiles`, shape (n, p), with one bit per step.

    Step ``l`` appends the next bit of ``floor((scale u + shift) 2^depth)`` of coordinate
    ``order[l % width]``; a step whose coordinate this side lacks (it is >= p) appends 0.
    """
    n, p = quantiles.shape
    depth = (steps + width - 1) // width
    cells = np.empty(p, np.int64)
    codes = np.empty(n, np.uint64)
    size = 2.0**depth
    for i in range(n):
        for j in range(p):
            cells[j] = np.int64((quantiles[i, j] * scale + shifts[j]) * size)
        if width == 1:
            codes[i] = np.uint64(cells[0])
            continue
        code = np.int64(0)
        for step in range(steps):
            j = order[step % width]
            code <<= 1
            if j < p:
                code |= (cells[j] >> (depth - 1 - step // width)) & 1
        codes[i] = np.uint64(code)
    return codes


@njit(cache=True, nogil=True)
def _spread(code: Any) -> Any:
    """Put a zero bit before each of the low 32 bits (the usual Morton masks)."""
    code = (code | (code << np.uint64(16))) & np.uint64(0x0000FFFF0000FFFF)
    code = (code | (code << np.uint64(8))) & np.uint64(0x00FF00FF00FF00FF)
    code = (code | (code << np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    code = (code | (code << np.uint64(2))) & np.uint64(0x3333333333333333)
    return (code | (code << np.uint64(1))) & np.uint64(0x5555555555555555)


@njit(cache=True, nogil=True)
def joint_codes(x_codes: Codes, y_codes: Codes, y_bits: int, interleave: bool) -> Codes:
    """Return one code per pair: bits of x and y in turn, or x's bits before the `y_bits` of y."""
    n = len(x_codes)
    out = np.empty(n, np.uint64)
    for i in range(n):
        if interleave:
            out[i] = (_spread(x_codes[i]) << np.uint64(1)) | _spread(y_codes[i])
        else:
            out[i] = (x_codes[i] << np.uint64(y_bits)) | y_codes[i]
    return out
