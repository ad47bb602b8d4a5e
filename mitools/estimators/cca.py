r"""Canonical directions before estimating: `Reduced(KSG(), CCA(2))`.

Unlike other reductions this one sees the pairing, and what is fitted to a pairing finds dependence
in noise: with d columns a side and n = 4 d independent samples, the first canonical correlation is
near 1. So it is cross-fitted. Directions learned on one half of the samples are applied to the
other, the estimate is made on those rows only, and the two halves' estimates are averaged. Every
permutation repeats the whole, learning included, so that a null is one of the same procedure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mitools.engines.linear.components import RIDGE, Whitened
from mitools.engines.linear.held_out import PAIRS, HeldOutSide
from mitools.estimators.base import Matrix, check_whole
from mitools.estimators.reduction import Reduction
from mitools.samples.scaling import drop_constant, standardized

__all__ = ["CCA"]


@dataclass(frozen=True, repr=False)
class CCA(Reduction):
    r"""The projections that correlate most across the sides, learned on other samples.

    Use it for few linear signals in many columns, where `PCA` would keep the noise that varies
    most. What correlates with nothing is lost (Y = X^2), and heavy tails or outliers decide the
    directions: `Canonical` ranks the columns first, and measures more than a few pairs.

    Columns are standardised, then rotated to principal components with a ridge of 0.1 % of the
    mean variance. How many components a direction may use (10, 30, 90, or a quarter of the half)
    is chosen within the half that it is learned on. Up to the ridge, and while no more than ten
    columns a side leave no choice, invertible linear maps of a side change nothing.

    The estimate tends to :math:`I(U; V) \le I(X; Y)`, with :math:`U, V` the projections. Source:
    Hotelling (1936); cross-fitting as in Chernozhukov et al. (2018), "Double/debiased machine
    learning". Cost: O(n d^2 + d^3), and as much again for every permutation but for the rotation.

    Attributes:
        n_components: Pairs of directions to keep, at most.
        seed: Seed of the halves.

    Example:
        >>> from mitools import CCA, KSG, PCA, Reduced
        >>> from mitools.distributions import Gaussian
        >>> truth = Gaussian((0.9,), width=40, rotated=True)  # I = 0.830
        >>> x, y = truth.sample(2000, seed=0)
        >>> bool(abs(Reduced(KSG(), CCA(1)).estimate(x, y).value - 0.830) < 0.1)
        True
        >>> bool(abs(Reduced(KSG(), PCA(1)).estimate(x, y).value) < 0.1)
        True
    """

    n_components: int
    seed: int = 0

    def __post_init__(self) -> None:
        check_whole("n_components", self.n_components)

    @property
    def cross_fitted(self) -> bool:
        """True: each half of the samples is seen along directions that the other half chose."""
        return True

    def folds(self, x: Any, y: Any) -> list[tuple[Matrix, Matrix]]:
        """Return both halves, each along the directions that the other half chose: `halves`.

        Args:
            x: Samples of X, with shape (n, d_x) or (n,); trailing axes are flattened.
            y: Paired samples of Y.

        Returns:
            Two pairs of standardised projections, with shapes (m, k), k <= n_components.

        Raises:
            ValueError: For fewer than 40 samples.
        """
        return self.halves(x, y)

    def minimum_samples(self) -> int:
        """Return 40: ten points in each half of a half."""
        return 40

    def _reduce(self, x: Matrix) -> Matrix:
        raise TypeError(f"{self} reduces two sides together: call `halves(x, y)`.")

    def _side(self, x: Matrix) -> Matrix:
        """Return the principal components of one side, largest first: they know no pairing."""
        x = drop_constant(x)
        return Whitened.of(standardized(x)).scores if x.shape[1] else np.zeros((len(x), 1))

    def _halves(self, x: Matrix, y: Matrix) -> list[tuple[Matrix, Matrix]]:
        # a half may lack what the whole has: hence the ridge
        side = HeldOutSide.of(Whitened(x), self.seed, RIDGE)
        most = max(self.n_components, PAIRS)  # by which numbers of components are compared
        return [
            (u[:, : self.n_components], v[:, : self.n_components])
            for _, u, v in side.paired(Whitened(y), most)
        ]

    def _width(self, width: int) -> int:
        return min(width, self.n_components)
