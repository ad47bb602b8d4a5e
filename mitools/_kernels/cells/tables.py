"""The contingency table of cells at one level: chi-square ratios, occupied cells, entropies.

Codes and heaps are those of `mitools._kernels.cells.counts`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mitools._kernels.cells.counts import nodes

__all__ = ["cells_at_level", "ratio_at_level", "table_at_depth"]

Codes = NDArray[Any]  # uint32 up to 32 bits, else uint64
Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


@njit(cache=True, nogil=True)
def cells_at_level(codes: Codes, counts: Counts, hidden: int, cells: Codes, sizes: Counts) -> int:
    """Return how many joint cells hold samples once the last `hidden` bits are left out.

    Args:
        codes: Joint codes, sorted, with shape (m,); they may repeat.
        counts: How many samples each stands for, or empty for one each.
        hidden: Bits of a code below the level.
        cells: To be overwritten, with shape (m,): a full code of each cell.
        sizes: Likewise: the samples of each cell.
    """
    m = len(codes)
    single = len(counts) == 0
    found = np.int64(0)
    passed = np.int64(0)
    for i in range(m - 1):  # without branches: half of all codes end a cell, which is no pattern
        passed += np.int64(1) if single else counts[i]
        cells[found] = codes[i]
        sizes[found] = passed
        found += np.int64(np.uint64(codes[i] ^ codes[i + 1]) >> np.uint64(hidden) != 0)
    cells[found] = codes[m - 1]
    sizes[found] = passed + (np.int64(1) if single else counts[m - 1])
    found += 1
    for i in range(found - 1, 0, -1):
        sizes[i] -= sizes[i - 1]
    return int(found)


@njit(cache=True, nogil=True)
def ratio_at_level(
    cells: Codes,
    sizes: Counts,
    low_bits: int,
    interleaved: bool,
    first_heap: Counts,
    second_heap: Counts,
    steps: Counts,
    level: int,
) -> tuple[float, int, int]:
    r"""Return :math:`\sum N_{ij}^2/(N_i M_j)`, and how many cells of either side hold samples.

    Args:
        cells: As `cells_at_level` returns them for this level.
        sizes: Likewise.
        low_bits: How many bits the second side takes, where bits do not alternate.
        interleaved: Whether the two sides' bits alternate.
        first_heap: The first side's heap of counts.
        second_heap: The second side's.
        steps: Depths of the two sides, with shape (2,); 0 for labels.
        level: At which the cells are.
    """
    depth = max(steps[0], steps[1])
    ratio = 0.0
    for i in range(len(cells)):
        one, other = nodes(cells[i], low_bits, interleaved, depth, level)
        expected = np.float64(first_heap[one]) * np.float64(second_heap[other])
        ratio += np.float64(sizes[i]) * np.float64(sizes[i]) / expected
    return ratio, _occupied(first_heap, steps[0], level), _occupied(second_heap, steps[1], level)


@njit(cache=True, nogil=True)
def _occupied(heap: Counts, steps: int, level: int) -> int:
    """Return how many of a side's cells hold samples at one level."""
    first = 1 << min(level, steps)
    occupied = 0
    for node in range(first, 2 * first if steps > 0 else len(heap)):
        if heap[node] > 0:
            occupied += 1
    return occupied


@njit(cache=True, nogil=True)
def table_at_depth(
    codes: Codes,
    counts: Counts,
    low_bits: int,
    interleaved: bool,
    first_heap: Counts,
    second_heap: Counts,
    steps: Counts,
    level: int,
) -> Floats:
    r"""Describe the plain contingency table of the cells at one level.

    Returns:
        With shape (7,): the chi-square ratio :math:`\sum N_{ij}^2/(N_i M_j)`; the numbers of
        cells of the first side, of the second side, and of joint cells; the number of samples
        alone in their joint cell; and the entropies of the first side's and of the second side's
        cells, in nats.
    """
    out = np.zeros(7)
    m = len(codes)
    single = len(counts) == 0
    depth = max(steps[0], steps[1])
    level = min(level, depth)
    hidden = (2 if interleaved else 1) * (depth - level)
    total, together = np.int64(0), np.int64(0)
    for i in range(m):
        together += np.int64(1) if single else counts[i]
        here = np.uint64(codes[i]) >> np.uint64(hidden)
        if i + 1 < m and np.uint64(codes[i + 1]) >> np.uint64(hidden) == here:
            continue
        one, other = nodes(codes[i], low_bits, interleaved, depth, level)
        out[0] += (together / first_heap[one]) * (together / second_heap[other])
        out[3] += 1
        if together == 1:
            out[4] += 1
        total += together
        together = np.int64(0)
    for side in range(2):
        heap = first_heap if side == 0 else second_heap
        first = 1 << min(level, steps[side])
        last = 2 * first if steps[side] > 0 else len(heap)
        entropy = 0.0
        for node in range(first, last):
            if heap[node] > 0:
                out[1 + side] += 1
                entropy += heap[node] * (np.log(total) - np.log(heap[node]))
        out[5 + side] = entropy / total
    return out
