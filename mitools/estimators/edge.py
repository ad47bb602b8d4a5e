r"""EDGE: mutual information from hashed cells, in time linear in the number of samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

from mitools._arrays import paired_samples
from mitools._kernels.counts import (
    digest,
    heap_counts,
    nested_information,
    split_codes,
    table_at_depth,
)
from mitools.base import Estimate, MutualInformationEstimator
from mitools.counts import Block, Codes, CountState, Table
from mitools.directions import WIDEST, CanonicalDirections, random_directions
from mitools.estimators.released import ReleasedEDGE
from mitools.hashing import Grid, Side
from mitools.messages import unknown

__all__ = ["EDGE"]

Matrix = NDArray[np.float64]

PROJECTIONS = ("auto", "canonical", "random", "none")
#: Up to this width on both sides, ``projection="auto"`` hashes the columns themselves.
NARROW = 3
#: Shuffled pairings of more samples than this are made of fewer, in cells as full; see `_thinned`.
SHUFFLED = 1 << 14
#: The most weight the smaller occupancy gets; more cancels more bias in six and more dimensions,
#: and adds noise.
HEAVIEST = 3.0
#: Shuffled samples, in all, that a kept null rests on per member; and how many nulls are kept.
EFFORT, KEPT = 1 << 14, 256
#: Pairs of labels are shuffled up to this many samples.
LABELS_SHUFFLED = 1 << 20
#: Each side is halved this often at most: 65 536 cells, which resolve up to 11 nats.
FINEST = 16
#: psi or log is stored up to here, and computed beyond.
STORED = 1 << 16
#: A stream's cells are halved this often at most: 4^9 = 262 144 joint cells per member bound its
#: memory.
STREAM_STEPS = 9

_NULLS: dict[tuple[Any, ...], Matrix] = {}


class Part(NamedTuple):
    """One hashed pair of sides: its estimate, its shuffled mean and its statistics."""

    value: float
    null: float
    ceiling: float
    table: Matrix  # as `table_at_depth` returns it
    debiased_ratio: float


@dataclass(frozen=True)
class EDGE(MutualInformationEstimator):
    r"""Ensemble dependency graph estimator: counts of hashed cells, corrected by shuffling.

    When to use it: many samples (it is linear in n), streams and sums over machines (`fit_hash`),
    wide data with a linear core, and quick permutation nulls. KSG is as good or better for a few
    thousand samples in two to five dimensions with curved dependence.

    **Hash.** Each coordinate becomes its quantile u in (0, 1), by its own side's samples alone,
    which makes the estimate invariant to increasing maps of single columns. Member m of the
    ensemble hashes u to :math:`H_1(u) = \lfloor (u + b_m)/\epsilon \rfloor` (Noshad, Zeng and Hero
    2019, section 3) for a chain of nested bandwidths :math:`\epsilon = \epsilon_m, \epsilon_m/2,
    \ldots`; cells are exact, with no second hash. Discrete sides use one cell per distinct row.

    **Count.** With :math:`N_i, M_j, N_{ij}` samples in the cells (their eq. 6-8), a sample adds
    :math:`\psi(N_{ij}) - \psi(N_i) - \psi(M_j) + \psi(n)` at the smallest joint cell that holds at
    least k samples: the bandwidth is chosen sample by sample, as KSG chooses its radius. Digamma
    replaces the logarithm of their eq. 9 because a logarithm of a small count is biased. Two
    discrete sides use eq. 9 with logarithms.

    **Correct.** From each member its mean over shuffled pairings is subtracted, which is exactly 0
    on average for independent data of any width. The two `occupancies` k are then combined so that
    a smoothing bias in proportion to :math:`\epsilon^2 \propto k^{2/d}`, d = d_x + d_y, cancels:
    the idea of their eq. 12-14, with two members whose weights stay below 3, because the
    equation's own weights amplify noise. With labels on a side, the correction is scaled as in
    adjusted mutual information (Vinh et al. 2010, eq. 3), so that I(X; X) = H(X) for discrete X.

    **Wide data.** Above three columns, directions come from canonical correlation analysis on one
    half of the samples and are hashed on the other half, in turn; the estimate is the sum over the
    pairs of directions that correlate significantly. For independent data it is still 0 on
    average. The sum is a lower bound where the canonical variates of either side are independent
    (as for Gaussians), and misses what is not linear at all.

    Ceiling: `Estimate.ceiling`, from the data: about ln n - 0.8 for 1+1 columns, the sum over
    pairs of directions for wide data, the smaller entropy for discrete data. Cost: O(n log n) for
    sorting codes, members x 0.1 s per million samples for 1+1 columns; wide data add O(n d min(d,
    128)).

    Attributes:
        members: Size of the ensemble over bandwidths and shifts.
        occupancies: The two k: fewest samples in a cell.
        projection: ``"canonical"`` as above, ``"random"`` for `dimensions` Gaussian directions per
            side that do not depend on the data's pairing, ``"none"`` to hash all columns, or
            ``"auto"``: none up to 3 columns.
        dimensions: Columns hashed together with random projections, or beside labels; by default
            log2(n)/4.
        pairs: The most canonical pairs to sum over.
        seed: For shifts, random directions and shuffles; the same seed gives the same bits.

    Example:
        >>> import numpy as np
        >>> from mitools import EDGE
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=5000)
        >>> y = x + rng.normal(size=5000)  # I = ln(2) / 2 = 0.347 nats
        >>> abs(EDGE().estimate(x, y).value - 0.347) < 0.05
        True
    """

    members: int = 10
    occupancies: tuple[int, int] = (3, 10)
    projection: str = "auto"
    dimensions: int | None = None
    pairs: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        if self.members < 1:
            raise ValueError(f"`members` must be at least 1, got {self.members}.")
        occupancies = tuple(self.occupancies)
        if len(occupancies) != 2 or not 2 <= occupancies[0] < occupancies[1]:
            raise ValueError(
                "`occupancies` must be two increasing counts of at least 2, got "
                f"{self.occupancies!r}."
            )
        object.__setattr__(self, "occupancies", occupancies)
        if self.projection not in PROJECTIONS:
            raise ValueError(unknown("projection", self.projection, PROJECTIONS))
        if self.dimensions is not None and self.dimensions < 1:
            raise ValueError(f"`dimensions` must be at least 1, got {self.dimensions}.")
        if self.pairs < 1:
            raise ValueError(f"`pairs` must be at least 1, got {self.pairs}.")

    def __repr__(self) -> str:
        changed = (
            f"{field.name}={getattr(self, field.name)!r}"
            for field in fields(self)
            if getattr(self, field.name) != field.default
        )
        return f"EDGE({', '.join(changed)})"

    @classmethod
    def released(cls, version: str = "4.4.1") -> ReleasedEDGE:
        """Return the released code ``"4.4.1"`` or ``"4.3.1"`` with its default arguments."""
        return ReleasedEDGE.released(version)

    @classmethod
    def semirobust(cls) -> ReleasedEDGE:
        """Return the exact settings behind the published connectivity rho."""
        return ReleasedEDGE.semirobust()

    def ceiling(self, n_samples: int) -> float:
        """Return a bound for data of any kind; `Estimate.ceiling` is the one for the data seen.

        One hashed pair of sides gives at most ln n, plus 1.8 at the default occupancies if it has
        six dimensions or more and each side determines the other; `pairs` of them may be summed.
        """
        pairs = self.pairs if self.projection in ("auto", "canonical") else 1
        lifted = HEAVIEST * digamma(self.occupancies[0]) - (HEAVIEST - 1) * digamma(
            self.occupancies[1]
        )
        return (float(np.log(n_samples)) + max(0.0, -float(lifted))) * pairs

    def minimum_samples(self) -> int:
        """Return 4: two for the directions, two to hash."""
        return 4

    def fit_hash(self, x: Any, y: Any, *, steps: int | None = None) -> CountState:
        """Fix the hash on a sample, and return a state of counts that is still empty.

        The hash is directions, quantiles, bandwidths and shifts.

        Args:
            x: A sample of X, with shape (n, d_x) or (n,). A few thousand rows do.
            y: The paired sample of Y.
            steps: How often cells are halved. More resolve stronger dependence and take more
                memory: up to 4^steps joint cells a member. By default at most 9.

        Returns: A state that has counted nothing yet, not even the sample. Canonical directions
            learn from the sample's pairing, so leave the sample out of what you count, or make it
            a small part.
        """
        x, y = paired_samples(x, y)
        if steps is None:
            steps = min(self._steps(len(x)), STREAM_STEPS)
        return CountState.empty(self, self._blocks(x, y, x, y, steps))

    def from_counts(self, state: CountState) -> Estimate:
        """Return the estimate from counted cells; the same as ``state.finalize()``."""
        n = state.n_samples
        if n < self.minimum_samples():
            raise ValueError(
                f"{self} needs at least {self.minimum_samples()} samples, got {n}. Update the "
                "state with more chunks first."
            )
        parts = [
            self._part(block, tables, n)
            for block, tables in zip(state.blocks, state.tables, strict=True)
        ]
        value, stats = _combine([(n, parts, state.blocks)])
        ceiling = min(self.ceiling(n), stats.pop("ceiling"))
        return Estimate(value, n, ceiling, self, stats=stats)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values, for JSON."""
        return {**asdict(self), "occupancies": list(self.occupancies)}

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> EDGE:
        """Return the estimator with the settings of `to_dict`."""
        return cls(**{**settings, "occupancies": tuple(settings["occupancies"])})

    def _estimate(self, x: Matrix, y: Matrix) -> tuple[float, dict[str, float]]:
        results = []
        x, y = self._mixed(x, y)
        for rows, blocks in self._folds(x, y):
            state = CountState.empty(self, blocks)
            tables = state.count(x[rows], y[rows])
            n = len(rows)
            parts = [self._part(b, t, n) for b, t in zip(blocks, tables, strict=True)]
            results.append((n, parts, blocks))
        return _combine(results)

    def _permuted(self, x: Matrix, y: Matrix, permutations: NDArray[np.int64]) -> Matrix:
        """Re-pair within folds, on the same cells: only the joint counts change.

        Directions of one fold come from the other, so that re-pairing a fold leaves them as they
        are.
        """
        values = np.zeros(len(permutations))
        x, y = self._mixed(x, y)
        for rows, blocks in self._folds(x, y):
            n = len(rows)
            # A permutation of all rows orders the fold's own rows, uniformly among their orders.
            orders = [order[np.isin(order, rows)] for order in permutations]
            places = np.full(len(x), -1)
            places[rows] = np.arange(n)
            for block in blocks:
                u = block.x.coordinates(x[rows])
                v = block.y.coordinates(y[rows])
                codes = [(g.codes(block.x, u), g.codes(block.y, v)) for g in block.grids]
                tables = [
                    block.join(a, b, g.steps) for (a, b), g in zip(codes, block.grids, strict=True)
                ]
                heaps = [_heaps(block, g, t) for g, t in zip(block.grids, tables, strict=True)]
                nulls, ks = self._nulls(block, heaps, n), self._occupancies(block, n)
                for i, order in enumerate(orders):
                    raw = [
                        self._raw(block, g, block.join(a, b[places[order]], g.steps), h, ks)
                        for (a, b), g, h in zip(codes, block.grids, heaps, strict=True)
                    ]
                    value, _, _ = self._corrected(block, np.mean(raw, axis=0), nulls, heaps[0], n)
                    values[i] += value * n / len(x)
        return values

    def _mixed(self, x: Matrix, y: Matrix) -> tuple[Matrix, Matrix]:
        """Bring wide sides down to random mixtures, once for both folds, before learning."""
        if not self._learns(x, y):
            return x, y
        x, y = (
            rows
            if rows.shape[1] <= WIDEST or Side.discrete_or_none(rows)
            else rows @ random_directions(rows, WIDEST, self.seed)
            for rows in (x, y)
        )
        return x, y

    def _folds(self, x: Matrix, y: Matrix) -> list[tuple[NDArray[np.int64], tuple[Block, ...]]]:
        """Return rows with the blocks to hash them by: two folds where directions are learned."""
        n = len(x)
        everything = np.arange(n)
        if not self._learns(x, y):
            return [(everything, self._blocks(x, y, x, y, self._steps(n)))]
        folds = []
        for fold in range(2):
            held = everything % 2 == fold
            rows = np.flatnonzero(held)
            blocks = self._blocks(x[~held], y[~held], x[held], y[held], self._steps(len(rows)))
            folds.append((rows, blocks))
        return folds

    def _learns(self, x: Matrix, y: Matrix) -> bool:
        if self.projection == "canonical":
            return True
        return self.projection == "auto" and max(x.shape[1], y.shape[1]) > NARROW

    def _blocks(
        self, x: Matrix, y: Matrix, hashed_x: Matrix, hashed_y: Matrix, steps: int
    ) -> tuple[Block, ...]:
        """Learn directions from `x` and `y`; return the blocks for `hashed_x` and `hashed_y`."""
        sides = Side.discrete_or_none(hashed_x), Side.discrete_or_none(hashed_y)
        learned = self._learns(x, y)
        if all(sides) or not (learned or self.projection == "random"):
            a, b = (
                side or Side.fit(rows)
                for side, rows in zip(sides, (hashed_x, hashed_y), strict=True)
            )
            return (self._block(a, b, steps),)
        r = self.dimensions or max(1, int(np.log2(len(hashed_x)) / 4))
        if not learned:
            a, b = (
                side or Side.fit(rows, random_directions(rows, min(r, rows.shape[1]), self.seed))
                for side, rows in zip(sides, (hashed_x, hashed_y), strict=True)
            )
            return (self._block(a, b, steps),)
        found = CanonicalDirections.fit(x, y, self.seed, tuple(side is not None for side in sides))
        if any(sides):
            r = max(1, min(r, found.significant))
            a, b = (
                side or Side.fit(rows, directions[:, :r])
                for side, rows, directions in zip(
                    sides, (hashed_x, hashed_y), (found.x, found.y), strict=True
                )
            )
            return (self._block(a, b, steps),)
        pairs = max(1, min(found.significant, self.pairs))
        # The noise of shifts averages out over pairs as it does over members.
        members = min(self.members, max(3, 2 * self.members // pairs))
        return tuple(
            self._block(
                Side.fit(hashed_x, found.x[:, j : j + 1]),
                Side.fit(hashed_y, found.y[:, j : j + 1]),
                steps,
                members,
            )
            for j in range(pairs)
        )

    def _block(self, x: Side, y: Side, steps: int, members: int | None = None) -> Block:
        members = members or self.members
        width = max(x.dimensions, y.dimensions)
        rng = np.random.default_rng([self.seed, 0])
        grids = []
        for member in range(members):
            scale = 2.0 ** (-(member + 0.5) / members)
            shifts = rng.random(width) * (1 - scale)
            order = (np.arange(width) + member) % width
            grids.append(Grid(scale, shifts, order, steps))
        return Block(x, y, tuple(grids[:1] if x.discrete and y.discrete else grids))

    def _steps(self, n: int) -> int:
        """Return how often to halve: until a margin's cells hold under k samples, or `FINEST`."""
        return int(np.clip(np.ceil(np.log2(n / self.occupancies[0])) + 1, 1, FINEST))

    def _part(self, block: Block, tables: Sequence[Table], n: int) -> Part:
        heaps = [_heaps(block, grid, t) for grid, t in zip(block.grids, tables, strict=True)]
        ks = self._occupancies(block, n)
        raw = [
            self._raw(block, grid, t, h, ks)
            for grid, t, h in zip(block.grids, tables, heaps, strict=True)
        ]
        nulls = self._nulls(block, heaps, n)
        value, null, ceiling = self._corrected(block, np.mean(raw, axis=0), nulls, heaps[0], n)
        shown = len(tables) if n <= SHUFFLED and len(tables) == self.members else 1
        described = np.array(
            [
                _described(block, g, t, h, n)
                for g, t, h in zip(block.grids[:shown], tables, heaps, strict=False)
            ]
        )
        chance = (described[:, 1] - 1) * (described[:, 2] - 1) / (n - 1)
        debiased = float(np.mean(described[:, 0] - chance))
        return Part(value, null, ceiling, described.mean(axis=0), debiased)

    def _raw(
        self,
        block: Block,
        grid: Grid,
        table: Table,
        heaps: list[NDArray[np.int64]],
        ks: NDArray[np.int64],
    ) -> Matrix:
        """Return one member's uncorrected estimate for each occupancy, in nats."""
        codes, counts = table
        raw: Matrix = nested_information(
            codes,
            counts,
            _sides(block, grid, codes),
            heaps[0],
            heaps[1],
            block.steps(grid),
            _table(block.x.discrete and block.y.discrete),
            ks,
        )
        return raw

    def _occupancies(self, block: Block, n: int) -> NDArray[np.int64]:
        """Return the two k: the settings', or up to ten times them where depth is capped.

        Streams cap it. Dependence then fills some of the deepest cells past k, shuffling does
        not, and the shuffled mean corrects too much. For k = 30 it is too small to matter.
        """
        if block.x.discrete and block.y.discrete:
            return np.array([1, 2])  # every cell counts, by eq. 9 itself
        small, large = self.occupancies
        steps = block.grids[0].steps
        factor = 1
        if n > 2 * small << steps:
            cells = np.prod([side.n_cells(steps) for side in (block.x, block.y)], dtype=float)
            factor = int(np.clip(64 * n / cells, 1, 10))
        return np.array([small * factor, large * factor])

    def _nulls(self, block: Block, heaps: list[list[NDArray[np.int64]]], n: int) -> Matrix:
        """Return the mean over shuffled pairings of the same margins, for each occupancy.

        It depends on the margins' counts alone, which for columns without ties are the same for
        every data
        set and every pair of directions: such nulls are kept, and so may rest on more shuffles.
        """
        if block.x.dimensions > 1 or block.y.dimensions > 1:
            return self._shuffled(block, heaps, n, 1)
        mixed = [np.uint64(n)]
        for pair in heaps:
            for heap in pair:
                mixed.append(np.uint64(digest(heap[len(heap) // 2 :], mixed[-1])))
        key = (
            self,
            block.x.discrete,
            block.y.discrete,
            n,
            block.grids[0].steps,
            len(block.grids),
            int(mixed[-1]),
        )
        known = _NULLS.get(key)
        if known is None:
            repeats = int(np.clip(EFFORT // n, 1, 8))
            known = self._shuffled(block, heaps, n, repeats)
            if len(_NULLS) >= KEPT:
                _NULLS.pop(next(iter(_NULLS)), None)
            _NULLS[key] = known
        return known

    def _shuffled(
        self, block: Block, heaps: list[list[NDArray[np.int64]]], n: int, repeats: int
    ) -> Matrix:
        both = block.x.discrete and block.y.discrete
        ks = self._occupancies(block, n)
        coarser, drawn = _thinned(block, n)
        repeats *= 2 * (self.members if both else 1)
        nulls = []
        for number, (finest, pair) in enumerate(zip(block.grids, heaps, strict=True)):
            grid = replace(finest, steps=max(finest.steps - coarser, 1))
            rng = np.random.default_rng([self.seed, 1, number])
            x_codes, y_codes = (
                _expanded(heap[1 << steps : 2 << steps] if steps else heap[1:], n, drawn)
                for heap, steps in zip(pair, block.steps(grid), strict=True)
            )
            margins = pair
            order = np.arange(drawn)
            for repeat in range(repeats):
                # Each order is followed by its inverse: swapping the sides then swaps the two.
                order = rng.permutation(drawn) if repeat % 2 == 0 else np.argsort(order)
                table = block.join(x_codes, y_codes[order], grid.steps)
                if drawn < n and repeat == 0:
                    margins = _heaps(block, grid, table)
                nulls.append(self._raw(block, grid, table, margins, ks))
        null: Matrix = np.mean(nulls, axis=0)
        # Among labels alone, chance is worth (K_x - 1)(K_y - 1) / 2n.
        return null * drawn / n if both else null

    def _corrected(
        self, block: Block, raw: Matrix, nulls: Matrix, heaps: list[NDArray[np.int64]], n: int
    ) -> tuple[float, float, float]:
        """Return the estimate, what was subtracted, and the largest estimate possible, in nats."""
        sides = (block.x, block.y)
        if block.x.discrete or block.y.discrete:
            entropy = min(
                _entropy(heap[1:])
                for heap, side in zip(heaps, sides, strict=True)
                if side.discrete
            )
            if block.x.discrete and block.y.discrete:
                best = entropy
            else:
                labels = heaps[0 if block.x.discrete else 1][1:]
                best = float(digamma(n) - (labels * digamma(np.maximum(labels, 1))).sum() / n)
            if best - nulls[0] <= 1e-12:
                return 0.0, float(nulls[0]), entropy
            scaled = (raw - nulls) * entropy / (best - nulls)
            if block.x.discrete and block.y.discrete:
                return float(scaled[0]), float(nulls[0]), entropy
            weights = self._weights(sum(s.dimensions for s in sides if not s.discrete))
            return float(weights @ scaled), float(weights @ nulls), entropy
        weights = self._weights(block.x.dimensions + block.y.dimensions)
        resolved = (block.grids[0].steps + 1) * np.log(2)
        best_of = np.minimum(digamma(n) - digamma(self._occupancies(block, n)), resolved) - nulls
        return (
            float(weights @ (raw - nulls)),
            float(weights @ nulls),
            float(weights @ best_of),
        )

    def _weights(self, d: int) -> Matrix:
        """Return weights that sum to 1 and cancel a bias in k^(2/d), up to `HEAVIEST`."""
        a, b = (k ** (2 / d) for k in self.occupancies)
        weight = min(b / (b - a), HEAVIEST)
        return np.array([weight, 1 - weight])


def _combine(
    results: list[tuple[int, list[Part], tuple[Block, ...]]],
) -> tuple[float, dict[str, float]]:
    """Sum over blocks and average over folds; the cells described are the strongest pair's."""
    total = sum(n for n, _, _ in results)
    shares = [n / total for n, _, _ in results]

    def mean(numbers: list[float]) -> float:
        return float(sum(s * number for s, number in zip(shares, numbers, strict=True)))

    first = [parts[0].table for _, parts, _ in results]
    stats = {
        "null": mean([sum(p.null for p in parts) for _, parts, _ in results]),
        "ceiling": mean([sum(p.ceiling for p in parts) for _, parts, _ in results]),
        "pairs": mean([len(parts) for _, parts, _ in results]),
        "dimensions_x": mean([sum(b.x.dimensions for b in blocks) for _, _, blocks in results]),
        "dimensions_y": mean([sum(b.y.dimensions for b in blocks) for _, _, blocks in results]),
        "cells_x": mean([table[1] for table in first]),
        "cells_y": mean([table[2] for table in first]),
        "cells_xy": mean([table[3] for table in first]),
        "singleton_fraction": mean([table[4] for table in first]),
        "entropy_x": mean([table[5] for table in first]),
        "entropy_y": mean([table[6] for table in first]),
        "chi_square_ratio": mean(
            [float(np.prod([p.table[0] for p in parts])) for _, parts, _ in results]
        ),
        "chi_square_ratio_debiased": mean(
            [float(np.prod([p.debiased_ratio for p in parts])) for _, parts, _ in results]
        ),
    }
    return mean([sum(p.value for p in parts) for _, parts, _ in results]), stats


def _sides(block: Block, grid: Grid, codes: Codes) -> NDArray[np.int64]:
    sides: NDArray[np.int64] = split_codes(codes, block.low_bits(grid.steps), block.interleaved)
    return np.ascontiguousarray(sides[::-1]) if block.swapped else sides


def _heaps(block: Block, grid: Grid, table: Table) -> list[NDArray[np.int64]]:
    """Return the counts of each side's cells at every depth."""
    codes, counts = table
    sides = _sides(block, grid, codes)
    return [
        heap_counts(sides[i], counts, steps, side.n_cells(grid.steps))
        for i, (side, steps) in enumerate(zip((block.x, block.y), block.steps(grid), strict=True))
    ]


def _described(
    block: Block, grid: Grid, table: Table, heaps: list[NDArray[np.int64]], n: int
) -> Matrix:
    """Describe the cells of one bandwidth, where shuffled pairs fill at most n/3 of them."""
    codes, counts = table
    nested = sum(not side.discrete for side in (block.x, block.y))
    labels = np.prod([side.n_cells(0) for side in (block.x, block.y) if side.discrete])
    depth = int(np.clip(np.log2(max(n / 3 / labels, 1)) / nested, 0, grid.steps)) if nested else 0
    described: Matrix = table_at_depth(
        codes, counts, _sides(block, grid, codes), heaps[0], heaps[1], block.steps(grid), depth
    )
    described[4] /= n
    return described


def _thinned(block: Block, n: int) -> tuple[int, int]:
    """Return how many steps coarser, and with how many samples, to shuffle.

    Cells j steps coarser over 4^j times fewer samples (2^j beside labels) are as full, so that the
    mean over shuffled pairings is that of all samples, at a bounded cost.
    """
    nested = sum(not side.discrete for side in (block.x, block.y))
    if nested == 0:
        return 0, min(n, LABELS_SHUFFLED)
    if n <= SHUFFLED:
        return 0, n
    coarser = int(np.ceil(np.log2(n / SHUFFLED) / nested)) + (n > 16 * SHUFFLED)
    return coarser, n >> (nested * coarser)


def _expanded(counts: NDArray[np.int64], n: int, drawn: int) -> Codes:
    """Return each cell as often as it was counted, or evenly spaced ones if fewer are drawn."""
    if drawn == n:
        return np.repeat(np.arange(len(counts), dtype=np.uint64), counts)
    places = ((np.arange(drawn) + 0.5) * (n / drawn)).astype(np.int64)
    return np.searchsorted(np.cumsum(counts), places, side="right").astype(np.uint64)


def _entropy(counts: NDArray[np.int64]) -> float:
    seen = counts[counts > 0]
    n = seen.sum()
    return float(np.log(n) - (seen * np.log(seen)).sum() / n)


@lru_cache(maxsize=2)
def _table(logarithm: bool) -> Matrix:
    counts = np.maximum(np.arange(STORED, dtype=float), 1)
    table: Matrix = np.log(counts) if logarithm else digamma(counts)
    table.setflags(write=False)
    return table
