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

__all__ = ["cell_codes", "margin_quantiles", "place_codes"]

Codes = NDArray[Any]  # uint32 up to 32 bits, else uint64
SideCodes = NDArray[np.uint32]
Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


@njit(cache=True, nogil=True)
def margin_quantiles(values: Floats, knots: Floats) -> Floats:
    """Return the mid-rank of each value of a column among sorted `knots`, as a fraction in (0, 1).

    Ties with a knot get the middle of the tied ranks; between knots it is linear. Beyond them it
    goes on as steeply as between the last two, for a quarter of a rank, and is constant then: so a
    value that rounding has moved past the last knot moves no further.
    """
    m = len(knots)
    steps = (knots[1] - knots[0], knots[m - 1] - knots[m - 2]) if m > 1 else (0.0, 0.0)
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
            rank = 0.5 - (knots[0] - value) / steps[0] if steps[0] > 0 else 0.25
            out[i] = (rank if rank > 0.25 else 0.25) / m
            continue
        if value > knots[m - 1]:
            rank = 0.5 - (value - knots[m - 1]) / steps[1] if steps[1] > 0 else 0.25
            out[i] = (m - (rank if rank > 0.25 else 0.25)) / m
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
    quantiles: Floats, scale: float, shifts: Floats, order: Counts, steps: int, out: SideCodes
) -> SideCodes:
    """Write the code of each row of `quantiles`, shape (n, p), to `out`, with one bit per step.

    Step ``l`` appends the next bit of ``floor((scale u + shift) 2^depth)`` of coordinate
    ``order[l % width]``; a step whose coordinate this side lacks (it is >= p) appends 0. There are
    at most 31 steps. Labels (no shifts) are their own codes.

    Args:
        quantiles: The rows, with shape (n, p): quantiles in (0, 1), or label numbers.
        scale: The finest-to-coarsest factor of the grid.
        shifts: Its offsets, with shape (width,); none for labels.
        order: In which order its coordinates are halved, with shape (width,).
        steps: How often they are halved in all.
        out: Output, with shape (n,).

    Returns:
        `out`.
    """
    n, p = quantiles.shape
    width = len(shifts)
    if width == 0:
        for i in range(n):
            out[i] = np.uint32(np.int64(quantiles[i, 0]))
        return out
    depth = (steps + width - 1) // width
    size = 2.0**depth
    if width == 1:
        factor, shift = scale * size, shifts[0] * size  # powers of two: the same bits
        for i in range(n):
            out[i] = np.uint32(np.int64(quantiles[i, 0] * factor + shift))
        return out
    cells = np.empty(p, np.int64)
    for i in range(n):
        for j in range(p):
            cells[j] = np.int64((quantiles[i, j] * scale + shifts[j]) * size)
        code = np.int64(0)
        at, bit = 0, depth - 1
        for _ in range(steps):
            j = order[at]
            code <<= 1
            if j < p:
                code |= (cells[j] >> bit) & 1
            at += 1
            if at == width:
                at, bit = 0, bit - 1
        out[i] = np.uint32(code)
    return out


@njit(cache=True, nogil=True)
def _spread(code: Any) -> Any:
    """Put a zero bit before each of the low 32 bits (the usual Morton masks)."""
    code = (code | (code << np.uint64(16))) & np.uint64(0x0000FFFF0000FFFF)
    code = (code | (code << np.uint64(8))) & np.uint64(0x00FF00FF00FF00FF)
    code = (code | (code << np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    code = (code | (code << np.uint64(2))) & np.uint64(0x3333333333333333)
    return (code | (code << np.uint64(1))) & np.uint64(0x5555555555555555)


@njit(cache=True, nogil=True)
def place_codes(codes: SideCodes, out: Codes, interleaved: bool, shift: int) -> None:
    """Move a side's codes to where a joint code has its bits: every second one, or in one piece.

    Args:
        codes: One side's codes, with shape (n,).
        out: Where to, as wide as joint codes are.
        interleaved: Whether bits alternate.
        shift: How far to the left the side's bits lie.
    """
    for i in range(len(codes)):
        code = np.uint64(codes[i])
        if interleaved:
            code = _spread(code)
        code <<= np.uint64(shift)
        out[i] = code
