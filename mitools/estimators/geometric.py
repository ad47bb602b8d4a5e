r"""Geometric mutual information, from the spanning tree of paired and permuted samples.

Half of the samples, m, keep their partner; the partners of the other half, m', are permuted. With
R the number of edges of the minimum spanning tree of them all that join a kept and a permuted
sample (Friedman and Rafsky's count),

.. math:: \hat G = 1 - R\, \frac{m + m'}{2 m m'}.

It converges to a Henze-Penrose divergence of the joint and the product distribution.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mitools._kernels.spanning import minimum_spanning_tree
from mitools.estimators.base import Found, Matrix, MutualInformationEstimator
from mitools.samples.scaling import standardized

__all__ = ["Geometric"]


@dataclass(frozen=True, repr=False)
class Geometric(MutualInformationEstimator):
    """Geometric mutual information (GMI) by minimum spanning trees (Yasaei Sekeh and Hero 2019).

    Use it as a test statistic or a ranking with no setting to choose and a finite value for any
    joint distribution: 0 at independence, with no bias at all, and 1 where the joint distribution
    is singular (Y a function of X), which it nears slowly (0.86 at n = 500, 0.94 at 2,000 in 1 + 1
    dimensions). **It is a divergence between 0 and 1, not nats**: do not
    compare it with other estimators, nor average it with them. Values slightly below 0 are noise,
    and are kept.

    Source: Yasaei Sekeh and Hero, "Geometric estimation of multivariate dependency" (Entropy
    2019), the estimate of Theorem 1; averaged over `n_splits` random halvings,
    which halves its variance or better.
    Ceiling: 1. Cost: n_splits spanning trees of O(n^2 (d_x + d_y)) time and O(n) memory.

    Attributes:
        n_splits: Halvings to average over.
        standardize: Divide each column by its standard deviation, so that units do not matter.
        seed: Seed of the halvings and permutations.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(1000, 1))
        >>> bool(Geometric().estimate(x, 2 * x).value > 0.85)
        True
    """

    n_splits: int = 4
    standardize: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        if self.n_splits < 1:
            raise ValueError(f"`n_splits` must be at least 1, got {self.n_splits}.")

    @property
    def unit(self) -> str:
        """It is a divergence between 0 and 1."""
        return "gmi"

    def minimum_samples(self) -> int:
        """Return 4: two kept and two permuted samples."""
        return 4

    def ceiling(self, n_samples: int) -> float:
        """Return what a single joining edge gives: just below 1."""
        kept = n_samples // 2
        return 1 - n_samples / (2 * kept * (n_samples - kept))

    def _pair(self, x: Matrix, y: Matrix) -> Found:
        if self.standardize:
            x, y = standardized(x), standardized(y)
        rng = np.random.default_rng(self.seed)
        values = [self._once(x, y, rng) for _ in range(self.n_splits)]
        return Found(float(np.mean(values)), stats={"split_deviation": float(np.std(values))})

    def _once(self, x: Matrix, y: Matrix, rng: np.random.Generator) -> float:
        n = len(x)
        order = rng.permutation(n)
        kept, moved = order[: n // 2], order[n // 2 :]
        # A cyclic shift of a random order has no fixed point: no pair survives by chance.
        partners = np.concatenate([kept, np.roll(moved, 1)])
        points = np.hstack([x[order], y[partners]])
        # The tree breaks ties by order, and must not see the halves in it.
        shuffle = rng.permutation(n)
        is_kept = shuffle < len(kept)
        parent = minimum_spanning_tree(np.ascontiguousarray(points[shuffle]))
        joining = int((is_kept[1:] != is_kept[parent[1:]]).sum())
        return 1 - joining * n / (2 * len(kept) * len(moved))
