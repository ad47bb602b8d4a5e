r"""EDGE: mutual information from hashed cells, in time linear in the number of samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

from mitools._arrays import paired_samples
from mitools._kernels.counts import (
    compress,
    heap_counts,
    nested_information,
    pair_counts,
    split_codes,
)
from mitools.base import Estimate, MutualInformationEstimator
from mitools.counts import Block, CountState, Table
from mitools.directions import WIDEST, CanonicalDirections, random_directions
from mitools.hashing import Grid, Side

__all__ = ["EDGE"]

Matrix = NDArray[np.float64]

PROJECTIONS = ("auto", "canonical", "random", "none")
#: Up to this width, `projection="auto"` hashes the columns themselves.
NARROW = 3
#: The shuffled pairings of more samples than this are drawn from this many of them.
SHUFFLED = 1 << 15


@dataclass(frozen=True)
class EDGE(MutualInformationEstimator):
    members: int = 10
    occupancies: tuple[int, ...] = (3, 10)
    projection: str = "auto"
    dimensions: int | None = None
    folds: int = 2
    pairs: int = 64
    seed: int = 0

    @classmethod
    def released(cls, version: str = "4.4.1") -> MutualInformationEstimator:
        from mitools.estimators.released import ReleasedEDGE

        return ReleasedEDGE.released(version)

    @classmethod
    def semirobust(cls) -> MutualInformationEstimator:
        from mitools.estimators.released import ReleasedEDGE

        return ReleasedEDGE.semirobust()

    def ceiling(self, n_samples: int) -> float:
        return float(np.log(n_samples)) * (self.pairs if self.projection in ("auto", "canonical") else 1)

    def _estimate(self, x: Matrix, y: Matrix) -> tuple[float, dict[str, float]]:
        parts = self._split(x, y)
        results = [
            (len(rows), [self._finish(b, *_count(b, x[rows], y[rows])) for b in blocks]) for rows, blocks in parts
        ]
        return _combine(results)

    def _split(self, x: Matrix, y: Matrix):
        n = len(x)
        if self.projection == "none" or (self.projection == "auto" and max(x.shape[1], y.shape[1]) <= NARROW):
            return [(np.arange(n), [self._block(Side.fit(x), Side.fit(y), n)])]
        if self.projection == "random":
            raise NotImplementedError
        wx = random_directions(x, WIDEST, self.seed) if x.shape[1] > WIDEST else None
        wy = random_directions(y, WIDEST, self.seed) if y.shape[1] > WIDEST else None
        xr = x if wx is None else x @ wx
        yr = y if wy is None else y @ wy
        parts = []
        for fold in range(self.folds):
            held = np.arange(n) % self.folds == fold
            d = CanonicalDirections.fit(xr[~held], yr[~held])
            rows = np.flatnonzero(held)
            blocks = []
            for j in range(max(1, min(d.significant, self.pairs))):
                px = d.x[:, [j]] if wx is None else wx @ d.x[:, [j]]
                py = d.y[:, [j]] if wy is None else wy @ d.y[:, [j]]
                blocks.append(self._block(Side.fit(x[rows], px), Side.fit(y[rows], py), len(rows), j))
            parts.append((rows, blocks))
        return parts

    def _block(self, x: Side, y: Side, n: int, number: int = 0) -> Block:
        width = max(x.dimensions, y.dimensions)
        steps = int(np.clip(np.ceil(np.log2(max(n, 2) / self.occupancies[0])) + 1, 1, 31))
        rng = np.random.default_rng([self.seed, number])
        grids = []
        for m in range(self.members):
            scale = 2.0 ** (-(m + 0.5) / self.members)
            shifts = rng.random(width) * (1 - scale)
            grids.append(Grid(scale, shifts, (np.arange(width) + m) % width, steps))
        return Block(x, y, tuple(grids[:1] if x.discrete and y.discrete else grids))

    def _finish(self, block: Block, tables: Sequence[Table], n: int):
        values, nulls, stats = [], [], []
        for g, (grid, table) in enumerate(zip(block.grids, tables, strict=True)):
            rng = np.random.default_rng([self.seed, 1, g])
            value, margins, stat = self._of(block, grid, table, n)
            values.append(value); stats.append(stat)
            ns = min(n, SHUFFLED)
            cx, cy = (_draw(h, ns) for h in margins)
            for _ in range(self.members if len(block.grids) == 1 else 1):
                t = block.join(cx, rng.permutation(cy), grid.steps)
                nulls.append(self._of(block, grid, t, ns)[0])
        value, null = np.mean(values, 0), np.mean(nulls, 0)
        both = block.x.discrete and block.y.discrete
        s = np.mean(stats, 0)
        hx, hy = s[3], s[4]
        if both:
            h = min(hx, hy)
            v = (value[0] - null[0]) * h / (h - null[0]) if h - null[0] > 1e-9 else 0.0
            return v, null[0], s
        k1, k2 = self.occupancies
        D = block.x.dimensions * (not block.x.discrete) + block.y.dimensions * (not block.y.discrete)
        a1, a2 = k1 ** (2 / D), k2 ** (2 / D)
        w = min(a2 / (a2 - a1), WMAX)
        c = value - null
        return w * c[0] + (1 - w) * c[1], w * null[0] + (1 - w) * null[1], s

    def _of(self, block: Block, grid: Grid, table: Table, n: int):
        codes, counts = table
        both = block.x.discrete and block.y.discrete
        sides = split_codes(codes, block.low_bits(grid.steps), block.interleaved)
        if block.swapped:
            sides = sides[::-1].copy()
        steps = np.array([0 if s.discrete else grid.steps for s in (block.x, block.y)])
        heaps = [
            heap_counts(sides[i], counts, steps[i], len(s.labels) if s.discrete else 1 << grid.steps)
            for i, s in enumerate((block.x, block.y))
        ]
        table_f = _logs(n) if both else _psi(n)
        v, cells, alone = nested_information(codes, counts, sides, heaps[0], heaps[1], steps, table_f, np.array(self.occupancies))
        tops = [h[1 << s:] for h, s in zip(heaps, steps)]
        ent = [_entropy(t, n) for t in tops]
        return v, tops, (cells, alone / n, 0, *ent)


WMAX = 3.0

def _entropy(c, n):
    c = c[c > 0]
    return float(np.log(n) - (c * np.log(c)).sum() / n)


def _logs(n):
    return np.log(np.maximum(np.arange(n + 1), 1))

from functools import lru_cache
@lru_cache(8)
def _psi(n):
    return digamma(np.maximum(np.arange(n + 1), 1).astype(float))


def _draw(heap, n):
    cum = np.cumsum(heap)
    if cum[-1] == n:
        return np.repeat(np.arange(len(heap), dtype=np.uint64), heap)
    at = ((np.arange(n) + 0.5) * (cum[-1] / n)).astype(np.int64)
    return np.searchsorted(cum, at, side="right").astype(np.uint64)


def _count(block, x, y):
    st = CountState.empty(None, (block,))
    return st._count(x, y)[0], len(x)


def _combine(results):
    total = sum(n for n, _ in results)
    value = sum(n * sum(r[0] for r in rs) for n, rs in results) / total
    null = sum(n * sum(r[1] for r in rs) for n, rs in results) / total
    return value, {"null": null, "pairs": np.mean([len(rs) for _, rs in results])}
