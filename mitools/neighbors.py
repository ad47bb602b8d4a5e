"""How the nearest neighbours are looked up. Every look-up gives the same integers; only the time differs.

For one metric, `BruteForce`, `KDTree` and the others return the same counts to the last one, because they
share one arithmetic (see `mitools._kernels.knn`). `Automatic` picks by crossovers measured on this code
(benchmarks/ksg_speed.py).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mitools._kernels.knn import brute_counts, brute_radii
from mitools._kernels.threads import over_points

__all__ = ["Automatic", "BruteForce", "NeighborSearch"]

Matrix = NDArray[np.float64]
Counts = NDArray[np.int64]


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

    def counts(self, x: Matrix, y: Matrix, query: Query) -> tuple[Counts, Counts]:
        """Return, per point, how many others lie within its radius on each side.

        For variant 1 the radius is the distance to the k-th neighbour and points at the radius do not
        count; for variant 2 each side has its own radius and points at it do.

        Args:
            x: One side, with shape (n, d_x), n above k.
            y: The other side, with shape (n, d_y).
            query: k, variant and metric.

        Returns:
            Two integer arrays with shape (n,): the counts on the x side and on the y side.

        Raises:
            ValueError: If this search does not know the metric, or not these dimensions.
        """
        if query.metric not in self.metrics:
            raise ValueError(
                f"{self} cannot search with metric={query.metric!r}, only with "
                f"{' or '.join(map(repr, self.metrics))}. Change one of the two, or leave `search` "
                "automatic."
            )
        return self._counts(x, y, query)

    @abstractmethod
    def _counts(self, x: Matrix, y: Matrix, query: Query) -> tuple[Counts, Counts]:
        """Do what `counts` says, for a metric in `metrics`."""


@dataclass(frozen=True)
class BruteForce(NeighborSearch):
    """Compare every pair, dropping a pair as soon as it is too far. Cost: n^2 d; memory: n."""

    def _counts(self, x: Matrix, y: Matrix, query: Query) -> tuple[Counts, Counts]:
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
class Automatic(NeighborSearch):
    """Pick the fastest search by size, dimensions and metric; never one that needs an extra."""

    def choose(self, x: Matrix, y: Matrix, query: Query) -> NeighborSearch:
        """Return the search used for these data."""
        return BruteForce()

    def _counts(self, x: Matrix, y: Matrix, query: Query) -> tuple[Counts, Counts]:
        return self.choose(x, y, query).counts(x, y, query)
