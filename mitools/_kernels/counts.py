"""Counting nested cells in numba, linear in the number of distinct cells.

The distinct joint codes, sorted, are a tree written down: a node at depth ``l`` is a run of codes
that agree in their first ``l`` steps. One side's tree is small, so its counts are kept in a heap:
the node at depth ``l`` with prefix ``c`` is entry ``2^l + c``. A side of labels has depth 0, and
entry ``1 + c``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = [
    "clipped_information",
    "compress",
    "heap_counts",
    "mean_neighbor_distances",
    "nested_information",
    "row_codes",
    "split_codes",
    "table_at_depth",
]

Codes = NDArray[np.uint64]
Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


@njit(cache=True, nogil=True)
def sort_codes(codes: Codes, bits: int) -> Codes:
    """Sort codes of at most `bits` bits, digit by digit; the array given is overwritten."""
    n = len(codes)
    passes = (bits + 10) // 11
    starts = np.zeros((passes, 2049), np.int64)
    digit = np.uint64(2047)
    for i in range(n):
        code = codes[i]
        for p in range(passes):
            starts[p, np.int64((code >> np.uint64(11 * p)) & digit) + 1] += 1
    other = np.empty(n, np.uint64)
    for p in range(passes):
        if starts[p].max() == n:  # one digit throughout
            continue
        place = np.cumsum(starts[p])
        shift = np.uint64(11 * p)
        for i in range(n):
            d = np.int64((codes[i] >> shift) & digit)
            other[place[d]] = codes[i]
            place[d] += 1
        codes, other = other, codes
    return codes


@njit(cache=True, nogil=True)
def digest(counts: Counts, state: Any) -> Any:
    """Mix an array of counts into a 64-bit digest."""
    for i in range(len(counts)):
        state = (state ^ np.uint64(counts[i])) * np.uint64(0x9E3779B97F4A7C15)
        state ^= state >> np.uint64(29)
    return state


@njit(cache=True, nogil=True)
def compress(codes: Codes) -> tuple[Codes, Counts]:
    """Return the distinct values of sorted `codes` and how often each occurs."""
    n = len(codes)
    distinct = np.empty(n, np.uint64)
    counts = np.empty(n, np.int64)
    last = -1
    for i in range(n):
        if i == 0 or codes[i] != distinct[last]:
            last += 1
            distinct[last] = codes[i]
            counts[last] = 0
        counts[last] += 1
    if 2 * last > n:  # a copy would hardly save memory
        return distinct[: last + 1], counts[: last + 1]
    return distinct[: last + 1].copy(), counts[: last + 1].copy()


@njit(cache=True, nogil=True)
def _gather(code: Any) -> Any:
    """Undo `lsh._spread`: keep every second bit."""
    code = code & np.uint64(0x5555555555555555)
    code = (code | (code >> np.uint64(1))) & np.uint64(0x3333333333333333)
    code = (code | (code >> np.uint64(2))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    code = (code | (code >> np.uint64(4))) & np.uint64(0x00FF00FF00FF00FF)
    code = (code | (code >> np.uint64(8))) & np.uint64(0x0000FFFF0000FFFF)
    return (code | (code >> np.uint64(16))) & np.uint64(0x00000000FFFFFFFF)


@njit(cache=True, nogil=True)
def split_codes(codes: Codes, y_bits: int, interleave: bool) -> Counts:
    """Return the codes of the two sides, shape (2, m): the inverse of `lsh.joint_codes`."""
    m = len(codes)
    sides = np.empty((2, m), np.int64)
    mask = (np.uint64(1) << np.uint64(y_bits)) - np.uint64(1)
    for i in range(m):
        if interleave:
            sides[0, i] = np.int64(_gather(codes[i] >> np.uint64(1)))
            sides[1, i] = np.int64(_gather(codes[i]))
        else:
            sides[0, i] = np.int64(codes[i] >> np.uint64(y_bits))
            sides[1, i] = np.int64(codes[i] & mask)
    return sides


@njit(cache=True, nogil=True)
def heap_counts(codes: Counts, counts: Counts, steps: int, size: int) -> Counts:
    """Return one side's counts at every depth, as a heap; `size` is its number of finest cells."""
    first = 1 << steps
    heap = np.zeros(first + size, np.int64)
    for i in range(len(codes)):
        heap[first + codes[i]] += counts[i]
    for node in range(first - 1, 0, -1):
        heap[node] = heap[2 * node] + heap[2 * node + 1]
    return heap


@njit(cache=True, nogil=True)
def _shared_steps(codes: Codes, depth: int, bits: int) -> Any:
    """Return how many steps each code shares with the next; -1 if not even the label."""
    m = len(codes)
    shared = np.full(m, -1, np.int8)
    if bits == 0:
        return shared
    for i in range(m - 1):
        differ = codes[i] ^ codes[i + 1]
        length = 1
        for step in (32, 16, 8, 4, 2, 1):  # its bit length, without branches
            moved = step * (differ >> np.uint64(step) != 0)
            differ >>= np.uint64(moved)
            length += moved
        shared[i] = max(depth - (length + bits - 1) // bits, -1)
    return shared


@njit(cache=True, nogil=True)
def _at(table: Floats, count: Any) -> Any:
    """Look up f(count); beyond the table, psi by its asymptotic series, or log if f(1) = 0."""
    if count < len(table):
        return table[count]
    inverse = 1.0 / count
    correction = inverse * (0.5 + inverse / 12.0) if table[1] < 0.0 else 0.0
    return np.log(count) - correction


@njit(cache=True, nogil=True)
def nested_information(
    codes: Codes,
    counts: Counts,
    sides: Counts,
    x_heap: Counts,
    y_heap: Counts,
    steps: Counts,
    table: Floats,
    occupancies: Counts,
) -> Floats:
    r"""Return the mean log-ratio when each sample uses its smallest cell with enough samples.

    For an occupancy :math:`k`, sample :math:`i` uses the deepest joint cell that holds at least
    :math:`k` samples, and adds :math:`f(N_{ij}) - f(N_i) - f(M_j) + f(n)` with the counts of that
    cell. Samples whose label holds fewer than k in all add 0.

    The tree of cells is walked once, from left to right, with its open branches on a stack: one
    visit per distinct code and per branching.

    Args:
        codes: Distinct joint codes, sorted, with shape (m,).
        counts: How many samples have each code.
        sides: The codes of x and y in each joint code, with shape (2, m).
        x_heap: Counts of x's cells at each depth.
        y_heap: Counts of y's cells at each depth.
        steps: Depths of x's and of y's codes, with shape (2,); 0 for labels.
        table: :math:`f(0), f(1), \ldots`, either psi or log, as far as it is worth storing.
        occupancies: The two values of :math:`k`, increasing.

    Returns:
        The two means in nats, with shape (2,).
    """
    m = len(codes)
    x_steps, y_steps = steps[0], steps[1]
    depth = max(x_steps, y_steps)
    bits = (1 if x_steps > 0 else 0) + (1 if y_steps > 0 else 0)
    small, large = occupancies[0], occupancies[1]
    levels = np.empty(depth + 2, np.int64)
    weights = np.empty((depth + 2, 3), np.int64)  # samples; those no smaller cell took, for each k
    total = counts.sum()
    next_shared = _shared_steps(codes, depth, bits)
    of_all = _at(table, total)
    first, second = 0.0, 0.0
    top = -1
    for i in range(m):
        shared = next_shared[i]
        level, weight = depth, counts[i]
        rest_small, rest_large = weight, weight
        while True:
            if weight >= small and rest_large > 0:
                x_level, y_level = min(level, x_steps), min(level, y_steps)
                term = (
                    _at(table, weight)
                    - _at(table, x_heap[(1 << x_level) + (sides[0, i] >> (x_steps - x_level))])
                    - _at(table, y_heap[(1 << y_level) + (sides[1, i] >> (y_steps - y_level))])
                    + of_all
                )
                first += rest_small * term
                rest_small = 0
                if weight >= large:
                    second += rest_large * term
                    rest_large = 0
            if top >= 0 and levels[top] >= shared:
                weight += weights[top, 0]
                rest_small += weights[top, 1]
                rest_large += weights[top, 2]
                if levels[top] == shared:
                    weights[top, 0], weights[top, 1], weights[top, 2] = (
                        weight,
                        rest_small,
                        rest_large,
                    )
                    break
                level = levels[top]
                top -= 1
            else:
                if shared >= 0:
                    top += 1
                    levels[top] = shared
                    weights[top, 0], weights[top, 1], weights[top, 2] = (
                        weight,
                        rest_small,
                        rest_large,
                    )
                break
    return np.array([first / total, second / total])


@njit(cache=True, nogil=True)
def table_at_depth(
    codes: Codes,
    counts: Counts,
    sides: Counts,
    x_heap: Counts,
    y_heap: Counts,
    steps: Counts,
    depth: int,
) -> Floats:
    r"""Describe the plain contingency table of the cells at one depth.

    Returns: The chi-square ratio :math:`\sum N_{ij}^2/(N_i M_j)`, cells of x, of y, joint ones,
        the samples alone in theirs, and the entropies of x's and y's cells in nats, as shape (7,).
    """
    out = np.zeros(7)
    total = np.int64(0)
    for i in range(len(codes)):
        total += counts[i]
    x_depth, y_depth = min(depth, steps[0]), min(depth, steps[1])
    start = 0
    while start < len(codes):
        x = sides[0, start] >> (steps[0] - x_depth)
        y = sides[1, start] >> (steps[1] - y_depth)
        together, end = counts[start], start + 1
        while (
            end < len(codes)
            and sides[0, end] >> (steps[0] - x_depth) == x
            and sides[1, end] >> (steps[1] - y_depth) == y
        ):
            together += counts[end]
            end += 1
        n_x, n_y = x_heap[(1 << x_depth) + x], y_heap[(1 << y_depth) + y]
        out[0] += (together / n_x) * (together / n_y)
        out[3] += 1
        if together == 1:
            out[4] += 1
        start = end
    for side in range(2):
        heap = x_heap if side == 0 else y_heap
        first = 1 << (x_depth if side == 0 else y_depth)
        last = 2 * first if steps[side] > 0 else len(heap)
        entropy = 0.0
        for node in range(first, last):
            if heap[node] > 0:
                out[1 + side] += 1
                entropy += heap[node] * (np.log(total) - np.log(heap[node]))
        out[5 + side] = entropy / total
    return out


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
