"""How the nearest neighbours are looked up: the same integers from each, in a different time.

For one metric, `BruteForce`, `KDTree` and the others return the same counts to the last one,
because they share one arithmetic (see `mitools._kernels.knn`). `Automatic` picks by crossovers
measured on this code (benchmarks/speed.py).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mitools._kernels.knn import brute_counts, brute_radii, candidate_radii
from mitools._kernels.margins import margin, margin_counts
from mitools._kernels.permuted import all_distances, table_excess
from mitools._kernels.strips import (
    few_counts,
    lay_out,
    permuted_excess,
    strip_length,
    strip_radii,
)
from mitools._kernels.tiles import TINY, Products, products, tile_counts, tile_margin_counts
from mitools._kernels.tree import COUNT_LEAF, SEARCH_LEAF, build_tree, tree_counts, tree_radii
from mitools._threads import POINTS_PER_THREAD, over_points
from mitools.messages import require

__all__ = ["Automatic", "BruteForce", "Faiss", "KDTree", "NeighborSearch", "Strips", "Tiles"]

Matrix = NDArray[np.float64]
Counts = NDArray[np.int64]

#: The rows of either side in order of its one feature.
Orders = tuple[Counts, Counts]

#: Up to this many points, permutations keep all distances within a side: 40 MB at most.
ALL_DISTANCES = 1024

#: In the max norm a tree wins up to about this many joint columns, giving up on a pair early
#: above.
TREE_COLUMNS = 256

#: A tile has about this many numbers, and at least this many rows.
TILE_SIZE, TILE_ROWS = 2**20, 32


class Query(NamedTuple):
    """What is asked of a search: k, the KSG variant (1 or 2), and the norm within each side."""

    k: int
    variant: int
    metric: Literal["max", "l2"]

    @property
    def options(self) -> tuple[int, bool]:
        """The part the kernels need: (variant, whether distances are squared Euclidean)."""
        return self.variant, self.metric == "l2"


class NeighborSearch(ABC):
    """A way to find neighbours. Subclasses are frozen dataclasses, compared by value."""

    #: The per-side norms it can search with.
    metrics: ClassVar[tuple[str, ...]] = ("max", "l2")

    def counts(
        self, x: Matrix, y: Matrix, query: Query, orders: Orders | None = None
    ) -> tuple[Counts, Counts]:
        """Return, per point, how many others lie within its radius on each side.

        For variant 1 the radius is the distance to the k-th neighbour and points at the radius do
        not count; for variant 2 each side has its own radius and points at it do.

        Args:
            x: One side, with shape (n, d_x), n above k.
            y: The other side, with shape (n, d_y).
            query: k, variant and metric.
            orders: The rows in order of each side's one feature, where they are known; some
                searches need them.

        Returns:
            Two integer arrays with shape (n,): the counts on the x side and on the y side.

        Raises:
            ValueError: If this search does not know the metric, or not these dimensions.
        """
        if query.metric not in self.metrics:
            raise ValueError(
                f"{self} cannot search with metric={query.metric!r}, only with "
                f"{' or '.join(map(repr, self.metrics))}. Change one of the two, or leave "
                "`search` automatic."
            )
        return self._counts(x, y, query, orders)

    @abstractmethod
    def _counts(
        self, x: Matrix, y: Matrix, query: Query, orders: Orders | None
    ) -> tuple[Counts, Counts]:
        """Do what `counts` says, for a metric in `metrics`."""

    def permuted_sums(
        self, x: Matrix, y: Matrix, permutations: Counts, query: Query, table: Matrix
    ) -> Matrix:
        """Return, for y re-paired by each row of `permutations`, the sum of ``table[counts]``.

        What a re-pairing leaves alone is computed once: the sorted margins of one feature a side,
        or, for few points, all distances within each side. These give the counts of every search.

        Args:
            x: One side, with shape (n, d_x).
            y: The other side, with shape (n, d_y).
            permutations: Row of y for each row of x, with shape (B, n).
            query: k, variant and metric.
            table: What each count contributes, with shape (n,).

        Returns:
            One sum over both sides per permutation, with shape (B,).
        """
        n_samples, n_pairings = len(x), len(permutations)
        k, (variant, squared) = query.k, query.options
        totals = np.empty(n_pairings)
        rest = (permutations, (k, variant), table, totals)
        if x.shape[1] == y.shape[1] == 1 and not squared:
            margins = margin(x[:, 0]), margin(y[:, 0])
            over_points(permuted_excess, n_pairings, *margins, *rest, cost=n_samples)
        elif n_samples <= ALL_DISTANCES:
            sides = all_distances(x, squared), all_distances(y, squared)
            over_points(table_excess, n_pairings, *sides, *rest, cost=n_samples)
        else:
            for b, order in enumerate(permutations):
                n_x, n_y = self.counts(x, y[order], query)
                totals[b] = (table[n_x] + table[n_y]).sum()
        return totals


@dataclass(frozen=True)
class BruteForce(NeighborSearch):
    """Compare every pair, dropping a pair as soon as it is too far. Cost: n^2 d; memory: n."""

    def _counts(
        self, x: Matrix, y: Matrix, query: Query, orders: Orders | None
    ) -> tuple[Counts, Counts]:
        n_samples = len(x)
        cost = n_samples * (x.shape[1] + y.shape[1]) / 1000
        radii = np.empty((2, n_samples))
        over_points(brute_radii, n_samples, x, y, query.k, query.options, radii, cost=cost)
        sides = []
        for side, radius in zip((x, y), radii, strict=True):
            counts = np.empty(n_samples, np.int64)
            over_points(brute_counts, n_samples, side, query.options[1], radius, counts, cost=cost)
            sides.append(counts)
        return sides[0], sides[1]


@dataclass(frozen=True)
class KDTree(NeighborSearch):
    """A KD-tree for the joint search and one per side for the counts. Best in few dimensions.

    Cost: n log n in few dimensions, drifting to n^2 as they grow; memory: about three copies of
    the data.
    """

    def _counts(
        self, x: Matrix, y: Matrix, query: Query, orders: Orders | None
    ) -> tuple[Counts, Counts]:
        n_samples, d_x = x.shape
        tree = build_tree(np.ascontiguousarray(np.hstack([x, y]).T), SEARCH_LEAF)
        radii = np.empty((2, n_samples))
        over_points(tree_radii, n_samples, tree, d_x, query.k, query.options, radii, cost=4.0)
        squared = query.options[1]
        return side_counts(x, radii[0], squared), side_counts(y, radii[1], squared)


def side_counts(side: Matrix, radii: Matrix, squared: bool) -> Counts:
    """Return how many other rows of one side lie strictly within each row's radius."""
    counts = np.empty(len(side), np.int64)
    if side.shape[1] == 1 and not squared:
        column = margin(side[:, 0])
        over_points(margin_counts, len(side), column, radii[column.order], counts, cost=0.2)
    else:
        tree = build_tree(np.ascontiguousarray(side.T), COUNT_LEAF)
        over_points(tree_counts, len(side), tree, squared, radii, counts, cost=4.0)
    return counts


@dataclass(frozen=True)
class Strips(NeighborSearch):
    """One feature a side: strips of equal count in x, sorted by y, and sorted margins.

    Cost: about n log n, whatever the margins and the dependence; memory: about 20 numbers per
    sample.
    """

    metrics = ("max",)

    def _counts(
        self, x: Matrix, y: Matrix, query: Query, orders: Orders | None
    ) -> tuple[Counts, Counts]:
        if x.shape[1] != 1 or y.shape[1] != 1:
            raise ValueError(
                f"Strips() searches one feature a side, got {x.shape[1]} and {y.shape[1]}. Use "
                "KDTree(), or leave `search` automatic."
            )
        column_x, column_y = x[:, 0], y[:, 0]
        order_x, order_y = orders or (np.argsort(column_x), np.argsort(column_y))
        n_samples = len(x)
        if n_samples <= 2 * POINTS_PER_THREAD:
            counts = few_counts(column_x, column_y, order_x, order_y, query.k, query.variant)
            return counts[0], counts[1]
        margin_x, margin_y = margin(column_x, order_x), margin(column_y, order_y)
        length = strip_length(n_samples, query.k)
        settings = (query.k, query.variant, length)
        slots = lay_out(margin_x, margin_y, length)
        radii, counts = np.empty((2, n_samples)), np.empty((2, n_samples), np.int64)
        over_points(
            strip_radii,
            -(-n_samples // length),
            margin_x,
            margin_y,
            slots,
            settings,
            radii,
            cost=0.5 * length,
        )
        for side, radius, count in zip((margin_x, margin_y), radii, counts, strict=True):
            over_points(margin_counts, n_samples, side, radius, count, cost=0.2)
        return counts[0], counts[1]


@dataclass(frozen=True)
class Tiles(NeighborSearch):
    """Float32 matrix products rule out most pairs, float64 decides. Best in many dimensions.

    Cost: n^2 (d_x + d_y) at the speed of matrix products; memory: two tiles, of 32 MB in all up to
    n = 1e5, never n x n.
    """

    metrics = ("l2",)

    def _counts(
        self, x: Matrix, y: Matrix, query: Query, orders: Orders | None
    ) -> tuple[Counts, Counts]:
        n_samples = len(x)
        sides = products(x, y)
        block = min(n_samples, max(TILE_ROWS, TILE_SIZE // n_samples))
        buffers = [np.empty((block, n_samples), np.float32) for _ in sides]
        counts = np.empty((2, n_samples), np.int64)
        settings = (query.k, query.options)
        for offset in range(0, n_samples, block):
            size = min(block, n_samples - offset)
            tiles = tuple(
                np.matmul(side.rows[offset : offset + size], side.rows.T, out=buffer[:size])
                for side, buffer in zip(sides, buffers, strict=True)
            )
            cost = n_samples / 100
            over_points(
                tile_counts, size, offset, tiles, tuple(sides), (x, y), settings, counts, cost=cost
            )
        return counts[0], counts[1]


@dataclass(frozen=True)
class Faiss(NeighborSearch):
    r"""faiss proposes neighbours, float64 decides. Needs the faiss extra.

    faiss knows neither the larger of two sides' distances nor counts within a radius of each
    point's own, so it serves the first step only: of rows nearest in :math:`d_x^2 + d_y^2`, all
    others are at least half that far in :math:`\max(d_x^2, d_y^2)`. Points for which that does
    not settle the k nearest are searched with more candidates, then by brute force. For the max
    norm faiss is slow and is not offered.
    """

    metrics = ("l2",)

    def _counts(
        self, x: Matrix, y: Matrix, query: Query, orders: Orders | None
    ) -> tuple[Counts, Counts]:
        faiss = require("faiss", extra="faiss", purpose="The Faiss() neighbour search")
        n_samples = len(x)
        sides = products(x, y)
        joint = np.hstack([side.rows for side in sides])
        index = faiss.IndexFlatL2(joint.shape[1])
        index.add(joint)
        # how far faiss' float32 distances may lie above the true ones (see mitools._kernels.tiles)
        norms = np.einsum("ij,ij->i", joint, joint, dtype=np.float64)
        slack = (joint.shape[1] + 16) * 2.0**-23 * (norms + norms.max()) + TINY
        radii = np.empty((2, n_samples))
        pending = np.arange(n_samples)
        settings = (query.k, query.options)
        for n_candidates in (4 * query.k + 16, 16 * query.k + 256):
            asked = min(n_candidates, n_samples)
            far, near = index.search(joint[pending], asked)
            candidates = np.full((n_samples, asked), -1, np.int64)
            unseen = np.full(n_samples, np.inf)
            candidates[pending] = near
            if asked < n_samples:
                unseen[pending] = (far[:, -1] - slack[pending]) / 2 * sides[0].scale
            complete = np.zeros(n_samples, bool)
            found = np.empty((2, n_samples))
            over_points(
                candidate_radii, n_samples, (x, y), candidates, unseen, settings, found, complete
            )
            settled = pending[complete[pending]]
            radii[:, settled] = found[:, settled]
            pending = pending[~complete[pending]]
            if not len(pending):
                break
        for row in pending.tolist():
            brute_radii(row, row + 1, x, y, query.k, query.options, radii)
        n_x, n_y = (
            tiled_side_counts(points, side, radius)
            for points, side, radius in zip((x, y), sides, radii, strict=True)
        )
        return n_x, n_y


def tiled_side_counts(points: Matrix, side: Products, radii: Matrix) -> Counts:
    """Return one side's counts within known radii, by tiles."""
    n_samples = len(points)
    counts = np.empty(n_samples, np.int64)
    block = min(n_samples, max(TILE_ROWS, TILE_SIZE // n_samples))
    for offset in range(0, n_samples, block):
        tile = side.rows[offset : offset + block] @ side.rows.T
        cost = n_samples / 100
        over_points(
            tile_margin_counts, len(tile), offset, tile, side, points, radii, counts, cost=cost
        )
    return counts


@dataclass(frozen=True)
class Automatic(NeighborSearch):
    """Pick the fastest search by size, dimensions and metric; never one that needs an extra."""

    def choose(self, x: Matrix, y: Matrix, query: Query) -> NeighborSearch:
        """Return the search used for these data."""
        n_samples, n_columns = len(x), x.shape[1] + y.shape[1]
        if x.shape[1] == y.shape[1] == 1:
            return Strips() if query.metric == "max" else KDTree()
        if query.metric == "l2":
            # tiles are n^2 at any width; trees grow slower with n, while they still prune
            return Tiles() if n_columns >= (10 if n_samples <= 20_000 else 14) else KDTree()
        return KDTree() if n_columns <= TREE_COLUMNS else BruteForce()

    def _counts(
        self, x: Matrix, y: Matrix, query: Query, orders: Orders | None
    ) -> tuple[Counts, Counts]:
        return self.choose(x, y, query).counts(x, y, query, orders)
