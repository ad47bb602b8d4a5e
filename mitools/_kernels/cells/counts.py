"""Counting nested cells in numba, linear in the number of distinct cells.

The distinct joint codes, sorted, are a tree written down: a node at depth ``l`` is a run of codes
that agree in their first ``l`` steps. One side's tree is small, so its counts are kept in a heap:
the node at depth ``l`` with prefix ``c`` is entry ``2^l + c``. A side of labels has depth 0, and
entry ``1 + c``. The "first" side leads a joint code: labels if there are any. An empty array of
counts stands for ones. All kernels are serial.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = [
    "compress",
    "digest",
    "heap_counts",
    "heap_of",
    "nested_information",
    "nodes",
    "sort_codes",
    "split_codes",
    "terms_of",
]

Codes = NDArray[Any]  # uint32 up to 32 bits, else uint64
Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

#: Codes below this number are sorted by insertion.
FEW = 48
#: Equal-prefix runs shorter than this, on average, are cheaper to insert than to sort by digits.
SHORT = 6.0


@njit(cache=True, nogil=True)
def _insert(codes: Codes) -> None:
    """Sort in place by insertion: linear where codes are nearly sorted."""
    for i in range(1, len(codes)):
        code = codes[i]
        j = i - 1
        while j >= 0 and codes[j] > code:
            codes[j + 1] = codes[j]
            j -= 1
        codes[j + 1] = code


@njit(cache=True, nogil=True)
def sort_codes(codes: Codes, other: Codes, bits: int) -> Codes:
    """Sort codes of at most `bits` bits, digit by digit.

    Leading digits that tell nearly all codes apart leave short runs, which insertion finishes.

    Args:
        codes: The codes, with shape (n,), to be overwritten.
        other: An array of their type and shape, to be overwritten.
        bits: How many bits the largest code has, at most.

    Returns:
        Whichever of the two arrays holds the sorted codes.
    """
    n = len(codes)
    if n <= FEW:
        _insert(codes)
        return codes
    # Few wide digits for many codes, more narrow ones for few: a digit costs its table as well.
    passes = 1
    best = np.inf
    for tried in range(1, 9):
        width = (bits + tried - 1) // tried
        if width <= 11 and tried * (n + (1 << width)) < best:
            best = tried * (n + (1 << width))
            passes = tried
    if best == np.inf:
        passes = (bits + 10) // 11
    width = max((bits + passes - 1) // passes, 1)
    size = 1 << width
    starts = np.zeros((passes, size + 1), np.int64)
    digit = size - 1
    for i in range(n):
        code = np.int64(codes[i])
        for p in range(passes):
            starts[p, ((code >> (width * p)) & digit) + 1] += 1
    lowest = 0
    if passes > 1 and n <= 1 << 22:
        # How a leading digit splits the codes foretells how the next ones do.
        pairs = 0.0
        for d in range(1, size + 1):
            pairs += float(starts[passes - 1, d]) ** 2
        together = pairs / n / n
        run = float(n)
        for p in range(passes - 1, 0, -1):
            run *= together
            if run < SHORT:
                lowest = p
                break
    for p in range(lowest, passes):
        place = starts[p]
        if place[((np.int64(codes[0]) >> (width * p)) & digit) + 1] == n:  # one digit throughout
            continue
        for d in range(1, size):
            place[d] += place[d - 1]
        shift = width * p
        for i in range(n):
            at = (np.int64(codes[i]) >> shift) & digit
            other[place[at]] = codes[i]
            place[at] += 1
        codes, other = other, codes
    if lowest > 0:
        _insert(codes)
    return codes


@njit(cache=True, nogil=True)
def digest(counts: Any, state: Any) -> Any:
    """Mix counts, with shape (G, cells), into a 64-bit digest."""
    for g in range(len(counts)):
        total = np.uint64(0)
        for i in range(counts.shape[1]):  # a sum of products, which runs in parallel lanes
            factor = np.uint64(i + 1) * np.uint64(0x9E3779B97F4A7C15)
            total += np.uint64(counts[g, i]) * (factor ^ (factor >> np.uint64(29)))
        state = (state ^ total) * np.uint64(0xBF58476D1CE4E5B9)
        state ^= state >> np.uint64(29)
    return state


@njit(cache=True, nogil=True)
def compress(codes: Codes) -> tuple[Codes, Counts]:
    """Return the distinct values of sorted `codes` and how often each occurs."""
    n = len(codes)
    distinct = np.empty_like(codes)
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
            sides[0, i] = np.int64(_gather(np.uint64(codes[i]) >> np.uint64(1)))
            sides[1, i] = np.int64(_gather(np.uint64(codes[i])))
        else:
            sides[0, i] = np.int64(np.uint64(codes[i]) >> np.uint64(y_bits))
            sides[1, i] = np.int64(np.uint64(codes[i]) & mask)
    return sides


@njit(cache=True, nogil=True)
def heap_counts(codes: Any, counts: Counts, steps: int, size: int) -> Counts:
    """Return one side's counts at every depth, as a heap; `size` is its number of finest cells."""
    first = 1 << steps
    heap = np.zeros(first + size, np.int64)
    single = len(counts) == 0
    for i in range(len(codes)):
        heap[first + np.int64(codes[i])] += 1 if single else counts[i]
    for node in range(first - 1, 0, -1):
        heap[node] = heap[2 * node] + heap[2 * node + 1]
    return heap


@njit(cache=True, nogil=True)
def heap_of(cells: Any, steps: int) -> Counts:
    """Return the heap over the counts of a side's finest cells."""
    first = 1 << steps
    heap = np.zeros(first + len(cells), np.int64)
    for cell in range(len(cells)):
        heap[first + cell] = cells[cell]
    for node in range(first - 1, 0, -1):
        heap[node] = heap[2 * node] + heap[2 * node + 1]
    return heap


@njit(cache=True, nogil=True)
def _shared_steps(codes: Codes, depth: int, bits: int) -> Any:
    """Return how many steps each code shares with the next; -1 if not even the label."""
    m = len(codes)
    shared = np.empty(m, np.int8)
    half = bits >> 1
    for i in range(m - 1):
        differ = np.uint64(codes[i]) ^ np.uint64(codes[i + 1])
        length = np.int64(0)
        for step in (32, 16, 8, 4, 2, 1):  # its bit length, without branches
            moved = np.int64(differ >> np.uint64(step) != 0) * step
            differ >>= np.uint64(moved)
            length += moved
        length += np.int64(differ)
        steps: Any = depth - ((length + half) >> half)
        shared[i] = max(steps, -1)
    shared[m - 1] = -1
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
def terms_of(heap: Counts, table: Floats) -> Floats:
    """Return f(count) for every count of a heap."""
    terms = np.empty(len(heap))
    for node in range(len(heap)):
        terms[node] = _at(table, heap[node])
    return terms


@njit(cache=True, nogil=True)
def nodes(code: Any, low_bits: int, interleaved: bool, depth: int, level: int) -> Any:
    """Return the two sides' heap entries for the cell of a joint code at one level."""
    if interleaved:
        prefix = np.uint64(code) >> np.uint64(2 * (depth - level))
        top = np.int64(1) << level
        return top + np.int64(_gather(prefix >> np.uint64(1))), top + np.int64(_gather(prefix))
    label = np.int64(np.uint64(code) >> np.uint64(low_bits))
    rest = np.int64(np.uint64(code)) & ((np.int64(1) << low_bits) - 1)
    return 1 + label, (np.int64(1) << level) + (rest >> (depth - level))


@njit(cache=True, nogil=True)
def nested_information(
    codes: Codes,
    counts: Counts,
    low_bits: int,
    interleaved: bool,
    first_terms: Floats,
    second_terms: Floats,
    depth: int,
    table: Floats,
    occupancies: Counts,
) -> tuple[float, float]:
    r"""Return the mean log-ratio when each sample uses its smallest cell with enough samples.

    For an occupancy :math:`k`, sample :math:`i` uses the deepest joint cell that holds at least
    :math:`k` samples, and adds :math:`f(N_{ij}) - f(N_i) - f(M_j) + f(n)` with the counts of that
    cell. Samples whose label holds fewer than k in all add 0.

    The tree of cells is walked once, from left to right, with its open branches on a stack: one
    visit per distinct code and per branching.

    Args:
        codes: Joint codes, sorted, with shape (m,); they may repeat.
        counts: How many samples each stands for, or empty for one each.
        low_bits: How many bits the second side takes, where bits do not alternate.
        interleaved: Whether the two sides' bits alternate.
        first_terms: f of the first side's heap of counts.
        second_terms: f of the second side's.
        depth: Steps of the nested sides; 0 for labels on both.
        table: :math:`f(0), f(1), \ldots`, either psi or log, as far as it is worth storing.
        occupancies: The two values of :math:`k`, increasing.

    Returns:
        The two means in nats.
    """
    m = len(codes)
    bits = 2 if interleaved else 1
    small, large = occupancies[0], occupancies[1]
    levels = np.empty(depth + 2, np.int64)
    weights = np.empty((depth + 2, 3), np.int64)  # samples; those no smaller cell took, for each k
    single = len(counts) == 0
    total = np.int64(m)
    if not single:
        total = np.int64(0)
        for i in range(m):
            total += counts[i]
    next_shared = _shared_steps(codes, depth, bits)
    of_all = _at(table, total)
    first, second = 0.0, 0.0
    top = -1
    weight = np.int64(0)
    for i in range(m):
        weight += np.int64(1) if single else counts[i]
        shared = np.int64(next_shared[i])
        if shared == depth:  # the same cell goes on
            continue
        level = depth
        rest_small, rest_large = weight, weight
        while True:
            if weight >= small and rest_large > 0:
                one, other = nodes(codes[i], low_bits, interleaved, depth, level)
                term = _at(table, weight) - first_terms[one] - second_terms[other] + of_all
                first += rest_small * term
                rest_small = 0
                if weight >= large:
                    second += rest_large * term
                    rest_large = 0
            if top >= 0 and levels[top] >= shared:
                weight += weights[top, 0]
                rest_small += weights[top, 1]
                rest_large += weights[top, 2]
                level = levels[top]
                if level != shared:
                    top -= 1
                    continue
            elif shared >= 0:
                top += 1
                levels[top] = shared
            else:
                break
            weights[top, 0], weights[top, 1], weights[top, 2] = weight, rest_small, rest_large
            break
        weight = np.int64(0)
    return first / total, second / total
