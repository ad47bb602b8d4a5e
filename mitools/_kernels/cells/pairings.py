"""Many pairings of the same two sides in one call: the members of an ensemble, and permutations.

One kernel joins the sides' codes, sorts them and walks the tree of cells, member by member and
pairing by pairing, in a fixed order and serially: the result does not depend on threads.
Estimates, permutations and corrections share it, because compiling it takes seconds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mitools._kernels.cells.counts import heap_of, nested_information, sort_codes, terms_of
from mitools._kernels.cells.lsh import cell_codes, place_codes
from mitools._kernels.cells.tables import cells_at_level, ratio_at_level, table_at_depth

__all__ = [
    "drawn_codes",
    "ensemble_codes",
    "paired_information",
    "shuffled_information",
    "shuffled_orders",
]

Codes = NDArray[Any]  # uint32 up to 32 bits, else uint64
Counts = NDArray[np.int64]
Floats = NDArray[np.float64]
Margins = NDArray[np.int32]  # counts of the finest cells alone: pages cost more than sums

#: Shuffled orders are made for about twice so many samples at a time.
ORDERS = 1 << 18


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
    codes = np.empty(len(coordinates), np.uint32)
    margins = np.zeros((len(scales), size), np.int32)
    for g in range(len(scales)):
        cell_codes(coordinates, scales[g], shifts[g], orders[g], steps, codes)
        for i in range(len(codes)):
            margins[g, codes[i]] += 1
        place_codes(codes, room[g], interleaved, shift)
    return room, margins


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
    level: int,
    shown: int,
    ratio_level: int,
) -> tuple[Floats, Floats, Floats]:
    """Return what every member's cells say for every pairing.

    Args:
        first: The leading side's placed codes, with shape (G, n).
        second: The other side's.
        orders: Pairings, with shape (B, n).
        inverse: Whether orders permute the first side, and not the second: both give the same
            pairs when labels of y lead.
        first_margins: Counts of the first side's finest cells, with shape (G, cells).
        second_margins: Likewise.
        bits: Of a joint code.
        low_bits: Bits of the second side, where they do not alternate.
        interleaved: Whether they alternate.
        steps: Depths of the two sides, with shape (2,); 0 for labels.
        table: f, as `nested_information` takes it.
        occupancies: The two k.
        level: At which to describe cells.
        shown: How many members to describe, under the first order.
        ratio_level: At which to take the chi-square ratio under the first order, at least `level`;
            or -1 for no ratio and no description.

    Returns:
        The estimates, with shape (G, B, 2); what `table_at_depth` returns, with shape (shown, 7);
        and what `ratio_at_level` returns, with shape (G, 3), NaN where it is not asked for.
    """
    members, n = first.shape
    ones = np.empty(0, np.int64)
    raw = np.empty((members, len(orders), 2))
    described = np.empty((shown, 7))
    ratios = np.full((members, 3), np.nan)
    sizes = np.empty(n if ratio_level >= 0 else 0, np.int64)
    hidden = (2 if interleaved else 1) * (max(steps[0], steps[1]) - ratio_level)
    joint, other = np.empty_like(first[0]), np.empty_like(first[0])
    for g in range(members):
        a = heap_of(first_margins[g], steps[0])
        b = heap_of(second_margins[g], steps[1])
        first_terms, second_terms = terms_of(a, table), terms_of(b, table)
        for row in range(len(orders)):
            for i in range(n):
                if inverse:
                    joint[i] = first[g, orders[row, i]] | second[g, i]
                else:
                    joint[i] = first[g, i] | second[g, orders[row, i]]
            codes = sort_codes(joint, other, bits)
            raw[g, row, 0], raw[g, row, 1] = nested_information(
                codes,
                ones,
                low_bits,
                interleaved,
                first_terms,
                second_terms,
                max(steps[0], steps[1]),
                table,
                occupancies,
            )
            if row > 0 or ratio_level < 0:
                continue
            # The larger cells are made of the smaller ones, of which there are fewer than samples.
            cells = joint if codes is other else other
            found = cells_at_level(codes, ones, hidden, cells, sizes)
            cells, held = cells[:found], sizes[:found]
            ratios[g, 0], ratios[g, 1], ratios[g, 2] = ratio_at_level(
                cells, held, low_bits, interleaved, a, b, steps, ratio_level
            )
            if g < shown:
                seen = table_at_depth(cells, held, low_bits, interleaved, a, b, steps, level)
                for i in range(len(seen)):  # assigning arrays takes a second to compile
                    described[g, i] = seen[i]
    return raw, described, ratios


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
def drawn_codes(
    margins: Margins, n: int, coarser: int, room: Codes, interleaved: bool, shift: int
) -> tuple[Codes, Margins]:
    """Return one side's placed codes as its counts have them, shape (G, drawn), and their counts.

    Args:
        margins: Counts of the side's finest cells, with shape (G, cells).
        n: Samples counted.
        coarser: How many steps less deep to draw.
        room: An array of joint codes' type and shape (G, drawn), to be overwritten.
        interleaved: Whether bits alternate.
        shift: How far to the left the side's bits lie.
    """
    drawn = room.shape[1]
    size = ((margins.shape[1] - 1) >> coarser) + 1
    out = np.zeros((len(margins), size), np.int32)
    for g in range(len(margins)):
        counts = np.zeros(size, np.int64)
        for cell in range(margins.shape[1]):
            counts[cell >> coarser] += margins[g, cell]
        codes = _expanded(counts, n, drawn)
        for i in range(drawn):
            out[g, codes[i]] += 1
        place_codes(codes, room[g], interleaved, shift)
    return room, out


@njit(cache=True, nogil=True)
def shuffled_orders(order: Counts, state: Any, inverses: bool, out: Counts) -> Any:
    """Fill `out` with random orders, each followed by its inverse if `inverses`.

    Args:
        order: The order that the last call left, with shape (n,), to be overwritten.
        state: The state of the random numbers.
        inverses: Whether every other row is the inverse of the one before.
        out: Output, with shape (B, n).

    Returns:
        The next state of the random numbers.
    """
    for row in range(len(out)):
        if inverses and row % 2 == 1:
            for i in range(len(order)):
                out[row, order[i]] = i
            continue
        state = _shuffle(order, state)
        for i in range(len(order)):
            out[row, i] = order[i]
    return state


def shuffled_information(
    first_margins: Margins,
    second_margins: Margins,
    n: int,
    room: Codes,
    bits: int,
    low_bits: int,
    interleaved: bool,
    steps: Counts,
    coarser: Counts,
    table: Floats,
    occupancies: Counts,
    repeats: int,
    seed: int,
) -> Floats:
    """Return the mean over members and random permutations of margins with the counts given.

    Each order is followed by its inverse: swapping the sides then swaps the two. Where both sides
    have the same counts, an order and its inverse give the same, and only one is taken.

    Args:
        first_margins: Counts of the leading side's finest cells, with one row per member.
        second_margins: The other side's.
        n: Samples counted.
        room: An array of joint codes' type, with shape (2, G, drawn), to be overwritten; margins
            are drawn evenly if `drawn` is smaller than n.
        bits: Of a joint code at the depth to permute at.
        low_bits: Bits of the second side, where they do not alternate.
        interleaved: Whether they alternate.
        steps: Depths of the margins, with shape (2,); 0 for labels.
        coarser: How many steps less deep to permute each side, with shape (2,).
        table: f, as `nested_information` takes it.
        occupancies: The two k.
        repeats: The number of pairings per member; one more for an odd number of unlike sides.
        seed: At least 0.

    Returns:
        The two means, with shape (2,).
    """
    shift, drawn = 1 if interleaved else low_bits, room.shape[2]
    a, first = drawn_codes(first_margins, n, coarser[0], room[0], interleaved, shift)
    b, second = drawn_codes(second_margins, n, coarser[1], room[1], interleaved, 0)
    values = []
    for g in range(len(first)):
        alike = interleaved and np.array_equal(first[g], second[g])
        left = repeats if alike else 2 * ((repeats + 1) // 2)
        order = np.arange(drawn)
        _, state = _random(np.uint64(seed & (2**64 - 1)) ^ np.uint64(g))
        while left:
            rows = min(left, max(2, 2 * (ORDERS // drawn)))
            orders = np.empty((rows, drawn), np.int64)
            state = shuffled_orders(order, np.uint64(state), not alike, orders)
            raw, _, _ = paired_information(
                a[g : g + 1],
                b[g : g + 1],
                orders,
                False,
                first[g : g + 1],
                second[g : g + 1],
                bits,
                low_bits,
                interleaved,
                steps - coarser,
                table,
                occupancies,
                0,
                0,
                -1,
            )
            values.append(raw[0])
            left -= rows
    mean: Floats = np.concatenate(values).mean(axis=0)
    return mean
