"""How the nearest neighbours are looked up: the same integers from each, in a different time.

For one metric, `BruteForce`, `KDTree` and the others return the same counts to the last one,
because they share one arithmetic (see `mitools._kernels.neighbors.knn`). `Automatic` picks by
crossovers measured on this code (benchmarks/speed.py).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mitools._kernels.neighbors.features import permuted_excess
from mitools._kernels.neighbors.knn import brute_counts, brute_radii, candidate_radii
from mitools._kernels.neighbors.margins import Margin, margin, place_counts
from mitools._kernels.neighbors.permuted import all_distances, table_excess
from mitools._kernels.neighbors.tiles import TINY, max_norms, products, tile_counts
from mitools._kernels.neighbors.tree import COUNT_LEAF, Tree, build_tree, tree_counts
from mitools._kernels.neighbors.tree_search import LEAF, leaf_blocks, tree_radii
from mitools.engines.neighbors.one_feature import place_ordered, sorted_rows
from mitools.engines.neighbors.tiling import over_tiles, tiled_side_counts
from mitools.engines.workers.threads import call_on_both, over_points
from mitools.samples.messages import require

__all__ = ["Automatic", "BruteForce", "Faiss", "KDTree", "NeighborSearch", "Strips", "Tiles"]

Matrix = NDArray[np.float64]
Single = NDArray[np.float32]
Counts = NDArray[np.int64]

#: The rows of either side in order of its one feature.
Orders = tuple[Counts, Counts]

#: Up to this many points, permutations keep all distances within a side: 40 MB at most.
ALL_DISTANCES = 1024

#: Where tiles beat trees: from this many joint columns on, up to so many samples. Measured.
TILES = {
    "max": ((8, 1_500), (10, 10_000), (14, 30_000), (20, 200_000), (30, np.inf)),
    "l2": ((6, 3_000), (8, 12_000), (10, 30_000), (14, 100_000), (20, np.inf)),
}


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
        self._check(query)
        return self._counts(x, y, query, orders)

    def tally(self, x: Matrix, y: Matrix, query: Query, orders: Orders | None = None) -> Counts:
        """Return how often each count occurs on either side: entry m, of points with m others.

        The same as `counts`, but a search need not put them in order of row first.

        Args:
            x: One side, with shape (n, d_x).
            y: The other side, with shape (n, d_y).
            query: k, variant and metric.
            orders: The rows in order of each side's one feature, where they are known.

        Raises:
            ValueError: As for `counts`.
        """
        self._check(query)
        return self._tally(x, y, query, orders)

    def _check(self, query: Query) -> None:
        if query.metric not in self.metrics:
            raise ValueError(
                f"{self} cannot search with metric={query.metric!r}, only with "
                f"{' or '.join(map(repr, self.metrics))}. Change one of the two, or leave "
                "`search` automatic."
            )

    def _tally(self, x: Matrix, y: Matrix, query: Query, orders: Orders | None) -> Counts:
        return tallied(*self._counts(x, y, query, orders))

    @abstractmethod
    def _counts(
        self, x: Matrix, y: Matrix, query: Query, orders: Orders | None
    ) -> tuple[Counts, Counts]:
        """Do what `counts` says, for a metric in `metrics`."""

    def permuted_sums(
        self, x: Matrix, y: Matrix, permutations: Counts, query: Query, table: Matrix
    ) -> Matrix:
        """Return, for y permuted by each row of `permutations`, the sum of ``table[counts]``.

        What does not depend on the pairing is computed once: the sorted margins of one feature a
        side, or, for few points, all distances within each side. The counts are those of every
        search.

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


def tallied(n_x: Counts, n_y: Counts) -> Counts:
    """Return how often each number occurs in both arrays together.

    Args:
        n_x: Numbers from 0 on, with shape (n,).
        n_y: Others, with any length.
    """
    found = [np.bincount(counts) for counts in (n_x, n_y)]
    shorter, longer = sorted(found, key=len)
    longer[: len(shorter)] += shorter
    return longer


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

    Cost: n log n in few dimensions, drifting to n^2 as they grow; memory: about seven copies of
    the data.
    """

    def _counts(
        self, x: Matrix, y: Matrix, query: Query, orders: Orders | None
    ) -> tuple[Counts, Counts]:
        n_samples, d_x = x.shape
        squared = query.options[1]
        # in two threads: the joint tree takes about as long as the other two
        (tree, blocks), sides = call_on_both(
            lambda make: make(),
            lambda: joint_tree(x, y),
            lambda: [ready_to_count(side, squared) for side in (x, y)],
            n_samples,
        )
        radii = np.empty((2, n_samples))
        over_points(
            tree_radii, n_samples, tree, blocks, d_x, query.k, query.options, radii, cost=4.0
        )
        n_x, n_y = (
            side_counts(side, radius, squared) for side, radius in zip(sides, radii, strict=True)
        )
        return n_x, n_y


def joint_tree(x: Matrix, y: Matrix) -> tuple[Tree, Matrix]:
    """Return the tree over both sides, and its points in blocks.

    Args:
        x: One side, with shape (n, d_x).
        y: The other side, with shape (n, d_y).
    """
    tree = build_tree(np.ascontiguousarray(np.hstack([x, y]).T), LEAF)
    return tree, leaf_blocks(tree)


def ready_to_count(side: Matrix, squared: bool) -> Tree | Margin:
    """Return what `side_counts` needs: the sorted column of one feature, or a tree.

    Args:
        side: The side, with shape (n, d).
        squared: Whether distances are squared Euclidean, and not of the max norm.
    """
    if side.shape[1] == 1 and not squared:
        return margin(side[:, 0])
    return build_tree(np.ascontiguousarray(side.T), COUNT_LEAF)


def side_counts(side: Tree | Margin, radii: Matrix, squared: bool) -> Counts:
    """Return how many other rows of one side lie strictly within each row's radius.

    Args:
        side: What `ready_to_count` returns.
        radii: The radius of each row, with shape (n,).
        squared: As for `ready_to_count`.
    """
    n_samples = len(radii)
    counts = np.empty(n_samples, np.int64)
    if isinstance(side, Margin):
        places = np.empty(n_samples, np.int64)
        over_points(place_counts, n_samples, side, radii[side.order], places, cost=0.2)
        counts[side.order] = places
    else:
        over_points(tree_counts, n_samples, side, squared, radii, counts, cost=4.0)
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
        self._one_feature(x, y)
        orders = orders or call_on_both(sorted_rows, x, y, len(x))
        counts = np.empty((2, len(x)), np.int64)
        for of_rows, order, of_places in zip(
            counts, orders, place_ordered(x, y, query.k, query.variant, orders), strict=True
        ):
            of_rows[order] = of_places
        return counts[0], counts[1]

    def _tally(self, x: Matrix, y: Matrix, query: Query, orders: Orders | None) -> Counts:
        self._one_feature(x, y)
        orders = orders or call_on_both(sorted_rows, x, y, len(x))
        return tallied(*place_ordered(x, y, query.k, query.variant, orders))

    def _one_feature(self, x: Matrix, y: Matrix) -> None:
        if x.shape[1] != 1 or y.shape[1] != 1:
            raise ValueError(
                f"Strips() searches one feature a side, got {x.shape[1]} and {y.shape[1]}. Use "
                "KDTree(), or leave `search` automatic."
            )


@dataclass(frozen=True)
class Tiles(NeighborSearch):
    """Float32 distances of all pairs rule out most of them, float64 decides.

    Best in many dimensions, and for few samples in several. Cost: n^2 (d_x + d_y), in the
    Euclidean norm at the speed of matrix products; memory: two tiles a thread, of 4 MB each or 64
    rows, never n x n.
    """

    def _counts(
        self, x: Matrix, y: Matrix, query: Query, orders: Orders | None
    ) -> tuple[Counts, Counts]:
        squared = query.options[1]
        side_x, side_y = products(x, y) if squared else max_norms(x, y)
        counts = np.empty((2, len(x)), np.int64)
        settings = (query.k, query.options)

        def fill(offset: int, of_x: Single, of_y: Single) -> None:
            tile_counts(offset, (of_x, of_y), (side_x, side_y), (x, y), settings, counts)

        over_tiles(fill, side_x, side_y, squared=squared)
        return counts[0], counts[1]


@dataclass(frozen=True)
class Faiss(NeighborSearch):
    r"""faiss proposes neighbours, float64 decides. Needs the faiss extra.

    faiss knows neither the larger of two sides' distances nor counts within a radius of each
    point's own, so it serves the first step only: of rows nearest in :math:`d_x^2 + d_y^2`, all
    others are at least half that far in :math:`\max(d_x^2, d_y^2)`. Points for which that does
    not settle the k nearest are searched with more candidates, then by brute force. For the max
    norm faiss is slow and not supported.
    """

    metrics = ("l2",)

    def _counts(
        self, x: Matrix, y: Matrix, query: Query, orders: Orders | None
    ) -> tuple[Counts, Counts]:
        faiss = require("faiss", extra="faiss", purpose="The Faiss() neighbour search")
        n_samples = len(x)
        sides = products(x, y)
        joint = np.hstack([side.right[:-2].T for side in sides])
        index = faiss.IndexFlatL2(joint.shape[1])
        index.add(joint)
        # how far faiss' float32 distances may lie above the true ones (see the kernel `tiles`)
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


@dataclass(frozen=True)
class Automatic(NeighborSearch):
    """Pick the fastest search by size, dimensions and metric; never one that needs an extra."""

    def choose(self, x: Matrix, y: Matrix, query: Query) -> NeighborSearch:
        """Return the search used for these data.

        Args:
            x: One side, with shape (n, d_x).
            y: The other side, with shape (n, d_y).
            query: k, variant and metric.
        """
        n_samples, n_columns = len(x), x.shape[1] + y.shape[1]
        if x.shape[1] == y.shape[1] == 1:
            return Strips() if query.metric == "max" else KDTree()
        for columns, most in reversed(TILES[query.metric]):
            if n_columns >= columns:
                return Tiles() if n_samples <= most else KDTree()
        return KDTree()

    def _counts(
        self, x: Matrix, y: Matrix, query: Query, orders: Orders | None
    ) -> tuple[Counts, Counts]:
        return self.choose(x, y, query).counts(x, y, query, orders)

    def _tally(self, x: Matrix, y: Matrix, query: Query, orders: Orders | None) -> Counts:
        return self.choose(x, y, query).tally(x, y, query, orders)
