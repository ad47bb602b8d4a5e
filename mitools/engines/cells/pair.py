"""One hashed pair of sides: its ensemble of grids, and what counting its cells gives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

from mitools._kernels.cells.counts import (
    compress,
    heap_counts,
    nested_information,
    sort_codes,
    split_codes,
    terms_of,
)
from mitools._kernels.cells.pairings import ensemble_codes, paired_information
from mitools._kernels.cells.tables import cells_at_level, ratio_at_level, table_at_depth
from mitools.engines.cells.sides import Grid, Side

__all__ = ["Counted", "HashedPair", "Placed", "Table", "logarithms"]

Matrix = NDArray[np.float64]
Integers = NDArray[np.int64]
Margins = NDArray[np.signedinteger[Any]]
Table = tuple[NDArray[np.uint64], Integers]

#: psi or log is stored up to here, and computed beyond.
STORED = 1 << 16
#: Up to this many samples, cells are described for every member, beyond for the first.
DESCRIBED = 1 << 14
#: They are described at the level where permuted pairs would leave so many samples in each.
PER_CELL = 3.0
#: Up to this many samples, all members are hashed at once; beyond, memory would grow with them.
TOGETHER = 1 << 17


class Placed(NamedTuple):
    """Both sides' codes at their places in joint codes, and the counts of their own cells."""

    first: NDArray[Any]  # (G, n)
    second: NDArray[Any]
    first_margins: Margins  # (G, cells)
    second_margins: Margins


class Counted(NamedTuple):
    """What the counts of a hashed pair say before any correction."""

    raw: Matrix  # (G, 2): each member's estimate for each occupancy
    described: Matrix  # (members described, 7), as `table_at_depth` returns it, x before y
    ratios: Matrix  # (G, 3), as `ratio_at_level` returns it, x before y
    first_margins: Margins
    second_margins: Margins


@dataclass(frozen=True, eq=False)
class HashedPair:
    """One hashed pair of sides with its ensemble of grids.

    In joint codes the bits of two nested sides alternate; labels lead, those of x first. "First"
    and "second" are the sides in that order.

    Attributes:
        x: The hash of X.
        y: The hash of Y.
        grids: One per member.
    """

    x: Side
    y: Side
    grids: tuple[Grid, ...]

    @property
    def interleaved(self) -> bool:
        """Whether both sides have nested cells, so that their bits alternate."""
        return not (self.x.discrete or self.y.discrete)

    @property
    def swapped(self) -> bool:
        """Whether y's labels lead the joint code, before the cells of x."""
        return self.y.discrete and not self.x.discrete

    @property
    def discrete(self) -> bool:
        """Whether both sides are labels."""
        return self.x.discrete and self.y.discrete

    @property
    def sides(self) -> tuple[Side, Side]:
        """The first and the second side."""
        return (self.y, self.x) if self.swapped else (self.x, self.y)

    @property
    def nested(self) -> int:
        """How many sides are not labels."""
        return sum(not side.discrete for side in (self.x, self.y))

    def steps(self, steps: int) -> Integers:
        """Return how deep each side's cells are nested, with shape (2,); labels are not."""
        return np.array([0 if side.discrete else steps for side in self.sides])

    def sizes(self, steps: int) -> Integers:
        """Return how many finest cells each side has, with shape (2,)."""
        return np.array([side.n_cells(steps) for side in self.sides])

    def takes(self, codes: NDArray[Any], steps: int) -> bool:
        """Return whether joint codes are those of cells that there are.

        Args:
            codes: The codes, with shape (n,), at least one.
            steps: How deep a side's cells are nested.
        """
        if self.interleaved:
            return int(codes.max()) < 1 << 2 * steps
        first, second = (int(size) for size in self.sizes(steps))
        low = self.low_bits(steps)
        ends = codes & codes.dtype.type((1 << low) - 1)
        return int(codes.max()) < first << low and int(ends.max()) < second

    def low_bits(self, steps: int) -> int:
        """How many bits the second side takes in a code that is not interleaved."""
        return max((self.y.n_cells(0) - 1).bit_length(), 1) if self.discrete else steps

    def bits(self, steps: int) -> int:
        """Return how many bits a joint code has."""
        if self.interleaved:
            return 2 * steps
        return self.low_bits(steps) + max((self.sides[0].n_cells(0) - 1).bit_length(), 1)

    def dtype(self, steps: int) -> type[np.unsignedinteger[Any]]:
        """Return the type that joint codes fit into."""
        return np.uint32 if self.bits(steps) <= 32 else np.uint64

    def count(self, x: Matrix, y: Matrix) -> tuple[Table, ...]:
        """Return the tables of counts of rows, one for each grid.

        A table holds the distinct joint codes, sorted, and their counts.

        Args:
            x: Samples of X, validated, with shape (n, d_x).
            y: Paired samples of Y.
        """
        coordinates = self._coordinates(x, y)
        steps = self.grids[0].steps
        tables = []
        for grid in self.grids:  # one at a time: a chunk's codes need no memory per member
            first, second = replace(self, grids=(grid,))._place(coordinates)[:2]
            joint = first[0] | second[0]
            codes, counts = compress(sort_codes(joint, first[0], self.bits(steps)))
            tables.append((codes.astype(np.uint64), counts))
        return tuple(tables)

    def place(self, x: Matrix, y: Matrix) -> Placed:
        """Return the codes and margins of all members.

        Args:
            x: Samples of X, validated, with shape (n, d_x).
            y: Paired samples of Y.
        """
        return self._place(self._coordinates(x, y))

    def counted(self, x: Matrix, y: Matrix, ks: Integers) -> Counted:
        """Return what the counts of rows say; the same as `recount` of `count`.

        Args:
            x: Samples of X, validated, with shape (n, d_x).
            y: Paired samples of Y.
            ks: The two occupancies.
        """
        n, coordinates = len(x), self._coordinates(x, y)
        together = np.arange(n)[None]
        groups = [self.grids] if n <= TOGETHER else [(grid,) for grid in self.grids]
        raw, described, ratios, first, second = [], [], [], [], []
        for group in groups:
            placed = replace(self, grids=group)._place(coordinates)
            shown = (len(group) if n <= DESCRIBED else 1) if group is groups[0] else 0
            values, tables, squares = self._paired(
                placed, together, False, ks, n, shown, self.ratio_level(n)
            )
            raw.append(values[:, 0])
            described.append(tables)
            ratios.append(squares)
            first.append(placed.first_margins)
            second.append(placed.second_margins)
        return Counted(
            np.concatenate(raw),
            self._in_order(np.concatenate(described)),
            self._in_order(np.concatenate(ratios)),
            np.concatenate(first),
            np.concatenate(second),
        )

    def recount(self, tables: Sequence[Table], n: int, ks: Integers) -> Counted:
        """Return what the counts in tables say.

        Args:
            tables: One table for each grid.
            n: How many samples were counted.
            ks: The two occupancies.
        """
        steps = self.grids[0].steps
        low, depths, sizes = self.low_bits(steps), self.steps(steps), self.sizes(steps)
        terms = logarithms(self.discrete)
        raw, ratios, described = np.empty((len(tables), 2)), np.empty((len(tables), 3)), []
        margins: tuple[list[Margins], list[Margins]] = [], []
        kind = np.int32 if n < 2**31 else np.int64
        for g, (codes, counts) in enumerate(tables):
            codes = codes.astype(self.dtype(steps))
            split = split_codes(codes, low, self.interleaved)
            first, second = (heap_counts(split[i], counts, depths[i], sizes[i]) for i in range(2))
            cells = codes, counts, low, self.interleaved
            weighed = terms_of(first, terms), terms_of(second, terms)
            raw[g] = nested_information(*cells, *weighed, depths.max(), terms, ks)
            ratios[g] = self._ratio(codes, counts, first, second, n)
            if g == 0 or n <= DESCRIBED:
                level = self._level(n, PER_CELL)
                described.append(table_at_depth(*cells, first, second, depths, level))
            margins[0].append(first[1 << depths[0] :].astype(kind))
            margins[1].append(second[1 << depths[1] :].astype(kind))
        return Counted(
            raw,
            self._in_order(np.array(described)),
            self._in_order(ratios),
            *map(np.array, margins),
        )

    def permuted(self, placed: Placed, orders: Integers, ks: Integers) -> Matrix:
        """Return the mean over members, shape (B, 2), with y permuted by each row of `orders`.

        Args:
            placed: The codes of both sides.
            orders: Orders of the samples of y, with shape (B, n).
            ks: The two occupancies.
        """
        values, _, _ = self._paired(placed, orders, self.swapped, ks, placed.first.shape[1], 0, -1)
        mean: Matrix = values.mean(axis=0)
        return mean

    def _paired(
        self,
        placed: Placed,
        orders: Integers,
        inverse: bool,
        ks: Integers,
        n: int,
        shown: int,
        ratio_level: int,
    ) -> tuple[Matrix, Matrix, Matrix]:
        steps = self.grids[0].steps
        found: tuple[Matrix, Matrix, Matrix] = paired_information(
            placed.first,
            placed.second,
            orders,
            inverse,
            placed.first_margins,
            placed.second_margins,
            self.bits(steps),
            self.low_bits(steps),
            self.interleaved,
            self.steps(steps),
            logarithms(self.discrete),
            ks,
            self._level(n, PER_CELL),
            shown,
            ratio_level,
        )
        return found

    def _coordinates(self, x: Matrix, y: Matrix) -> tuple[Matrix, Matrix]:
        """Return the first and the second side's coordinates."""
        u, v = self.x.coordinates(x), self.y.coordinates(y)
        return (v, u) if self.swapped else (u, v)

    def _hashes(self) -> tuple[Matrix, tuple[Matrix, Matrix], Integers]:
        """Return the members' scales, each side's shifts (none for labels), and their orders."""
        scales = np.array([grid.scale for grid in self.grids])
        shifts = np.array([grid.shifts for grid in self.grids])
        first, second = (shifts[:, :0] if side.discrete else shifts for side in self.sides)
        orders = np.array([grid.order for grid in self.grids])
        return scales, (first.copy(), second.copy()), orders

    def _place(self, coordinates: tuple[Matrix, Matrix]) -> Placed:
        steps = self.grids[0].steps
        scales, shifts, orders = self._hashes()
        shape = len(self.grids), len(coordinates[0])
        (first, first_margins), (second, second_margins) = (
            ensemble_codes(
                coordinates[i],
                scales,
                shifts[i],
                orders,
                self.steps(steps)[i],
                self.sizes(steps)[i],
                np.empty(shape, self.dtype(steps)),
                self.interleaved,
                (1 if self.interleaved else self.low_bits(steps)) if i == 0 else 0,
            )
            for i in range(2)
        )
        return Placed(first, second, first_margins, second_margins)

    def ratio_level(self, n: int) -> int:
        """Return the level of the chi-square ratio: finer, as chance is subtracted from it."""
        return self._level(n, PER_CELL / 4)

    def _ratio(
        self, codes: NDArray[Any], counts: Integers, first: Integers, second: Integers, n: int
    ) -> tuple[float, int, int]:
        """Return what `ratio_at_level` does for one table and its heaps."""
        level, steps = self.ratio_level(n), self.grids[0].steps
        hidden = (2 if self.interleaved else 1) * (int(self.steps(steps).max()) - level)
        cells, sizes = np.empty_like(codes), np.empty_like(counts)
        found = cells_at_level(codes, counts, hidden, cells, sizes)
        ratio: tuple[float, int, int] = ratio_at_level(
            cells[:found],
            sizes[:found],
            self.low_bits(steps),
            self.interleaved,
            first,
            second,
            self.steps(steps),
            level,
        )
        return ratio

    def _level(self, n: int, per_cell: float) -> int:
        """Return the finest level at which n samples are so many a joint cell, on average."""
        if self.nested == 0:
            return 0
        labels = math.prod(side.n_cells(0) for side in self.sides if side.discrete)
        level = math.log2(max(n / per_cell / labels, 1)) / self.nested
        return min(int(level), self.grids[0].steps)

    def _in_order(self, described: Matrix) -> Matrix:
        """Return the tables, or the ratios, with x's columns before y's."""
        order = [0, 2, 1, 3, 4, 6, 5][: described.shape[1]]
        return described[:, order] if self.swapped else described


@lru_cache(maxsize=2)
def logarithms(plain: bool) -> Matrix:
    """Return log(0), log(1), ... if `plain`, with 0 for log(0), else psi(0), ... likewise."""
    counts = np.maximum(np.arange(STORED, dtype=float), 1)
    table: Matrix = np.log(counts) if plain else digamma(counts)
    table.setflags(write=False)
    return table
