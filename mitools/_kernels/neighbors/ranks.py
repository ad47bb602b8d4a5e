"""Ranks, max norm: the sums of KSG 1 over many pairs of columns of ranks, or over permutations.

Ranks without ties are the whole numbers from 0 to n - 1, each once, so three things are simpler
than for values. A pair is one sequence: the rank in y at each rank in x. The points near in x are
those at the next places of it. And how many others lie strictly within e of a rank needs no
look-up: e - 1 on either side, less what lies beyond the ends.

A block of points next to each other in x is searched for at once, with one lane for each: what
stands r places above, then r below, for r = 1, 2, ..., until r reaches the largest k-th distance
of the block. Each lane keeps its k smallest distances by minima and maxima alone, without
branches. At independence a k-th distance is about sqrt(n k) / 2, so a pair takes some n sqrt(n k)
steps, which are so small that up to 10,000 points no search takes less.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mitools._kernels.neighbors.blocks import insert_sorted

__all__ = ["rank_excess"]

Vector = NDArray[np.float64]
Singles = NDArray[np.float32]
Rows = NDArray[np.int64]

#: Lanes of a block, distances of a lane that are held in registers at a time, and places looked at
#: on either side before the block is asked whether it is done.
LANES, HELD, PLACES = 32, 4, 4


@njit(cache=True, nogil=True)
def rank_excess(
    first: int, last: int, sequences: Rows, k: int, table: Vector, totals: Vector
) -> None:  # pragma: no cover - compiled
    """Fill ``totals[first:last]`` with the sum over the points of ``table[counts]``, both sides'.

    Args:
        first: First sequence of this share of the work.
        last: The sequence after its last.
        sequences: For each pair, the rank in y at each rank in x, with shape (B, n), n <= 2^24.
        k: Number of neighbours, less than n.
        table: What a count of others is worth, with shape (n,) at least.
        totals: Output, with shape (B,).
    """
    n_samples = sequences.shape[1]
    margin = n_samples + PLACES + LANES
    # beyond both ends everything is infinitely far, so that the search need not know of them
    padded = np.full(n_samples + 2 * margin, np.float32(np.inf))
    groups = (k + HELD - 1) // HELD
    kth = k * LANES
    # one array for what a block holds, whose parts the compiler then knows to be apart: the ranks
    # in y, then the smallest distances in order
    block = np.empty((1 + HELD * groups) * LANES, np.float32)
    left = np.empty(2 * LANES, np.float32)
    for b in range(first, last):
        sequence = sequences[b]
        for place in range(n_samples):
            padded[margin + place] = sequence[place]
        total = 0.0
        for begin in range(0, n_samples, LANES):
            size = min(LANES, n_samples - begin)
            block[:LANES] = np.float32(0)
            for lane in range(size):
                block[lane] = padded[margin + begin + lane]
            block[LANES:] = np.float32(np.inf)
            block[kth + size : kth + LANES] = np.float32(0)  # lanes without a point wait for none
            places = 0
            while places < n_samples and waiting(block, kth, places):
                for near in range(places + 1, places + PLACES + 1):
                    look(padded, margin + begin, near, block, left)
                    for group in range(1, groups):
                        pass_on(block[(1 + group * HELD) * LANES :], left)
                places += PLACES
            for lane in range(size):
                radius = int(block[kth + lane])
                total += table[others(begin + lane, radius, n_samples)]
                total += table[others(int(block[lane]), radius, n_samples)]
        totals[b] = total


@njit(cache=True, nogil=True)
def others(rank: int, radius: int, n_samples: int) -> int:  # pragma: no cover - compiled
    """Return how many other ranks lie strictly within `radius` of one."""
    return min(rank, radius - 1) + min(n_samples - 1 - rank, radius - 1)


@njit(cache=True, nogil=True)
def waiting(block: Singles, kth: int, places: int) -> bool:  # pragma: no cover - compiled
    """Return whether any lane's k-th distance is larger than the number of places looked at."""
    found, bound = np.int32(0), np.float32(places)
    for lane in range(LANES):
        found += np.int32(1) if block[kth + lane] > bound else np.int32(0)
    return bool(found > 0)


@njit(cache=True, nogil=True)
def look(
    padded: Singles, begin: int, places: int, block: Singles, left: Singles
) -> None:  # pragma: no cover - compiled
    """Insert the distances to what stands so many places above and below into every lane.

    Args:
        padded: The ranks in y in order of x, infinite beyond both ends.
        begin: Where the first lane's point is.
        places: How many places away.
        block: The lanes: their ranks in y, then their smallest distances, to be updated.
        left: Output: what drops out of the first four, above then below, with shape (2 lanes,).
    """
    gap_x: Any = np.float32(places)  # float32, as all below, so that lanes are many
    for lane in range(LANES):
        rank: Any = block[lane]
        held = (
            block[LANES + lane],
            block[2 * LANES + lane],
            block[3 * LANES + lane],
            block[4 * LANES + lane],
        )
        gap_y = abs(padded[begin + lane + places] - rank)
        left[lane], held = insert_sorted(gap_y if gap_y > gap_x else gap_x, held)
        gap_y = abs(padded[begin + lane - places] - rank)
        left[LANES + lane], held = insert_sorted(gap_y if gap_y > gap_x else gap_x, held)
        block[LANES + lane] = held[0]
        block[2 * LANES + lane] = held[1]
        block[3 * LANES + lane] = held[2]
        block[4 * LANES + lane] = held[3]


@njit(cache=True, nogil=True)
def pass_on(rows: Singles, left: Singles) -> None:  # pragma: no cover - compiled
    """Insert what dropped out of a lane's smaller distances into the next four."""
    for lane in range(LANES):
        held = (rows[lane], rows[LANES + lane], rows[2 * LANES + lane], rows[3 * LANES + lane])
        left[lane], held = insert_sorted(left[lane], held)
        left[LANES + lane], held = insert_sorted(left[LANES + lane], held)
        rows[lane] = held[0]
        rows[LANES + lane] = held[1]
        rows[2 * LANES + lane] = held[2]
        rows[3 * LANES + lane] = held[3]
