"""Many pairings of the same two sides in one call: an ensemble's members, permutations, shuffles.

Each kernel joins the sides' codes, sorts them and walks the tree of cells, member by member and
pairing by pairing, in a fixed order and serially: the result does not depend on threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mitools._kernels.counts import (
    heap_counts,
    heap_of,
    nested_information,
    sort_codes,
    table_at_depth,
    terms_of,
)
from mitools._kernels.lsh import cell_codes, place_codes

__all__ = ["ensemble_codes", "ensemble_information", "paired_information", "shuffled_information"]

Codes = NDArray[Any]  # uint32 up to 32 bits, else uint64
Counts = NDArray[np.int64]
Floats = NDArray[np.float64]
Margins = NDArray[np.int32]  # counts of the finest cells alone: pages cost more than sums


@njit(cache=True, nogil=True)
def ensemble_codes(
    coordinates: Floats,
    scales: Floats,
    shifts: Floats,
    orders: Counts,
    steps: int,
    size: int,
    room: Codes,
    interleaved: bool,
    shift: int,
) -> tuple[Codes, Margins]:
    """Return one side's placed codes, shape (G, n), and its finest cells' counts, (G, cells).

    Args:
        coordinates: As `Side.coordinates` returns them, with shape (n, p).
        scales: One per member, with shape (G,).
        shifts: With shape (G, width); width 0 for labels.
        orders: With shape (G, width).
        steps: Depth of the side.
        size: How many finest cells it has.
        room: An array of joint codes' type and shape (G, n), to be overwritten.
        interleaved: Whether bits alternate.
        shift: How far to the left the side's bits lie.
    """
    ones = np.empty(0, np.int64)
    codes = np.empty(len(coordinates), np.uint32)
    margins = np.empty((len(scales), size), np.int32)
    for g in range(len(scales)):
        cell_codes(coordinates, scales[g], shifts[g], orders[g], steps, codes)
        margins[g] = heap_counts(codes, ones, steps, size)[1 << steps :]
        place_codes(codes, room[g], interleaved, shift, False)
    return room, margins


@njit(cache=True, nogil=True)
def ensemble_information(
    first: Floats,
    second: Floats,
    scales: Floats,
    first_shifts: Floats,
    second_shifts: Floats,
    orders: Counts,
    room: Codes,
    bits: int,
    low_bits: int,
    interleaved: bool,
    steps: Counts,
    sizes: Counts,
    table: Floats,
    occupancies: Counts,
    level: int,
    shown: int,
) -> tuple[Floats, Floats, Margins, Margins]:
    """Hash, count and estimate, member by member, in memory that does not grow with their number.

    Args:
        first: The leading side's coordinates, with shape (n, p).
        second: The other side's, with shape (n, q).
        scales: One per member, with shape (G,).
        first_shifts: With shape (G, width); width 0 for labels.
        second_shifts: Likewise.
        orders: With shape (G, width).
        room: An array of joint codes' type and shape (2, n), to be overwritten.
        bits: Of a joint code.
        low_bits: Bits of the second side, where they do not alternate.
        interleaved: Whether they alternate.
        steps: Depths of the two sides, with shape (2,).
        sizes: How many finest cells each side has, with shape (2,).
        table: f, as `nested_information` takes it.
        occupancies: The two k.
        level: At which to describe cells.
        shown: How many members to describe.

    Returns:
        The estimates, with shape (G, 2); what `table_at_depth` returns, with shape (shown, 7); and
        both sides' counts of finest cells, with shape (G, cells).
    """
    members, n = len(scales), len(first)
    depth = max(steps[0], steps[1])
    ones = np.empty(0, np.int64)
    raw = np.empty((members, 2))
    described = np.empty((shown, 7))
    first_margins = np.empty((members, sizes[0]), np.int32)
    second_margins = np.empty((members, sizes[1]), np.int32)
    codes = np.empty(n, np.uint32)
    for g in range(members):
        cell_codes(first, scales[g], first_shifts[g], orders[g], steps[0], codes)
        a = heap_counts(codes, ones, steps[0], sizes[0])
        place_codes(codes, room[0], interleaved, 1 if interleaved else low_bits, False)
        cell_codes(second, scales[g], second_shifts[g], orders[g], steps[1], codes)
        b = heap_counts(codes, ones, steps[1], sizes[1])
        place_codes(codes, room[0], interleaved, 0, True)
        first_margins[g], second_margins[g] = a[1 << steps[0] :], b[1 << steps[1] :]
        joint = sort_codes(room[0], room[1], bits)
        raw[g] = nested_information(
            joint,
            ones,
            low_bits,
            interleaved,
            terms_of(a, table),
            terms_of(b, table),
            depth,
            table,
            occupancies,
        )
        if g < shown:
            described[g] = table_at_depth(joint, ones, low_bits, interleaved, a, b, steps, level)
    return raw, described, first_margins, second_margins


@njit(cache=True, nogil=True)
def paired_information(
    first: Codes,
    second: Codes,
    orders: Counts,
    inverse: bool,
    first_margins: Margins,
    second_margins: Margins,
    bits: int,
    low_bits: int,
    interleaved: bool,
    steps: Counts,
    table: Floats,
    occupancies: Counts,
) -> Floats:
    """Return the mean over members for each row of `orders`, shape (B, n), as shape (B, 2).

    The second side is re-paired by each order; the first side, if `inverse`: the two are the same
    pairs when labels of y lead.
    """
    members, n = first.shape
    ones = np.empty(0, np.int64)
    out = np.zeros((len(orders), 2))
    joint, other = np.empty_like(first[0]), np.empty_like(first[0])
    for g in range(members):
        first_terms = terms_of(heap_of(first_margins[g], steps[0], 0), table)
        second_terms = terms_of(heap_of(second_margins[g], steps[1], 0), table)
        for row in range(len(orders)):
            for i in range(n):
                if inverse:
                    joint[i] = first[g, orders[row, i]] | second[g, i]
                else:
                    joint[i] = first[g, i] | second[g, orders[row, i]]
            out[row] += nested_information(
                sort_codes(joint, other, bits),
                ones,
                low_bits,
                interleaved,
                first_terms,
                second_terms,
                max(steps[0], steps[1]),
                table,
                occupancies,
            )
    return out / members


@njit(cache=True, nogil=True)
def _random(state: Any) -> Any:
    """Return the next state and number of splitmix64 (Steele, Lea and Flood 2014)."""
    state = state + np.uint64(0x9E3779B97F4A7C15)
    mixed = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state, mixed ^ (mixed >> np.uint64(31))


@njit(cache=True, nogil=True)
def _shuffle(order: Counts, state: Any) -> Any:
    """Shuffle in place (Fisher and Yates), and return the generator's next state."""
    for i in range(len(order) - 1, 0, -1):
        state, number = _random(state)
        j = np.int64(((number >> np.uint64(32)) * np.uint64(i + 1)) >> np.uint64(32))
        order[i], order[j] = order[j], order[i]
    return state


@njit(cache=True, nogil=True)
def _expanded(counts: Any, n: int, drawn: int) -> Any:
    """Return each cell as often as it was counted, or evenly spaced ones if fewer are drawn."""
    codes = np.empty(drawn, np.uint32)
    cell, passed = 0, counts[0]
    for i in range(drawn):
        place = i if drawn == n else np.int64((i + 0.5) * (n / drawn))
        while place >= passed:
            cell += 1
            passed += counts[cell]
        codes[i] = cell
    return codes


@njit(cache=True, nogil=True)
def shuffled_information(
    first_margins: Margins,
    second_margins: Margins,
    n: int,
    drawn: int,
    room: Codes,
    bits: int,
    low_bits: int,
    interleaved: bool,
    steps: Counts,
    coarser: Counts,
    table: Floats,
    occupancies: Counts,
    repeats: int,
    seed: Any,
) -> Floats:
    """Return the mean over members and shuffled pairings of margins with the counts given.

    Each order is followed by its inverse: swapping the sides then swaps the two. Where both sides
    have the same counts, an order and its inverse are worth the same, and only one is taken.

    Args:
        first_margins: Counts of the leading side's finest cells, with one row per member.
        second_margins: The other side's.
        n: Samples counted.
        drawn: Samples to shuffle, at most n; margins are drawn evenly if fewer.
        room: An array of joint codes' type, with shape (2, drawn), to be overwritten.
        bits: Of a joint code at the depth to shuffle at.
        low_bits: Bits of the second side, where they do not alternate.
        interleaved: Whether they alternate.
        steps: Depths of the margins, with shape (2,); 0 for labels.
        coarser: How many steps less deep to shuffle each side, with shape (2,).
        table: f, as `nested_information` takes it.
        occupancies: The two k.
        repeats: The number of pairings per member; one more for an odd number of unlike sides.
        seed: 64 bits.

    Returns:
        The two means, with shape (2,).
    """
    members = len(first_margins)
    depth = max(steps[0] - coarser[0], steps[1] - coarser[1])
    first_cell, second_cell = 1 << (steps[0] - coarser[0]), 1 << (steps[1] - coarser[1])
    ones = np.empty(0, np.int64)
    order, inverse = np.empty(drawn, np.int64), np.empty(drawn, np.int64)
    joint, other = np.empty_like(room[0]), np.empty_like(room[0])
    out = np.zeros(2)
    shift = 1 if interleaved else low_bits
    pairings = 0
    for g in range(members):
        a = heap_of(first_margins[g], steps[0], coarser[0])
        b = heap_of(second_margins[g], steps[1], coarser[1])
        lead = _expanded(a[first_cell:], n, drawn)
        trail = _expanded(b[second_cell:], n, drawn)
        if drawn < n:
            a = heap_counts(lead, ones, steps[0] - coarser[0], len(a) - first_cell)
            b = heap_counts(trail, ones, steps[1] - coarser[1], len(b) - second_cell)
        first_terms, second_terms = terms_of(a, table), terms_of(b, table)
        first, second = room[0], room[1]
        place_codes(lead, first, interleaved, shift, False)
        place_codes(trail, second, interleaved, 0, False)
        _, state = _random(seed ^ np.uint64(g))
        for i in range(drawn):
            order[i] = i
        alike = interleaved and np.array_equal(a, b)
        taken = repeats if alike else 2 * ((repeats + 1) // 2)
        pairings += taken
        for repeat in range(taken):
            if alike or repeat % 2 == 0:
                state = _shuffle(order, state)
                for i in range(drawn):
                    inverse[order[i]] = i
            by = order if alike or repeat % 2 == 0 else inverse
            for i in range(drawn):
                joint[i] = first[i] | second[by[i]]
            out += nested_information(
                sort_codes(joint, other, bits),
                ones,
                low_bits,
                interleaved,
                first_terms,
                second_terms,
                depth,
                table,
                occupancies,
            )
    return out / pairings
