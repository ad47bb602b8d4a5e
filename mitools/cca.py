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
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from mitools._arrays import paired_samples
from mitools._preparation import drop_constant, standardized
from mitools.base import Matrix, as_call, check_whole

__all__ = ["CCA"]

Rows = NDArray[np.int64]

#: Numbers of principal components tried, beside the most allowed: a few suffice for a low-rank
#: signal in wide data, where all of them would drown it.
COMPONENTS = (10, 30, 90)
#: Variance added to components of about unit variance, as a half may lack what the whole has.
RIDGE = 1e-3
#: Pairs by which numbers of components are compared.
PAIRS = 10


@dataclass(frozen=True, repr=False)
class CCA:
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

    def __repr__(self) -> str:
        return as_call(self)

    def folds(self, x: Any, y: Any) -> list[tuple[Matrix, Matrix]]:
        """Return both halves, each along the directions that the other half chose.

        Args:
            x: Samples of X, with shape (n, d_x) or (n,); trailing axes are flattened.
            y: Paired samples of Y.

        Returns:
            Two pairs of standardised projections, with shapes (m, k), k <= n_components.

        Raises:
            ValueError: For fewer than 40 samples.
        """
        x, y = paired_samples(x, y)
        if len(x) < self.minimum_samples():
            raise ValueError(
                f"{self} needs at least {self.minimum_samples()} samples, got {len(x)}. Pass "
                "more, or take a reduction that is not fitted to the pairing, such as PCA(4)."
            )
        return self._folds(_whitened(x), _whitened(y))

    def minimum_samples(self) -> int:
        """Return 40: ten points in each half of a half."""
        return 40

    def _folds(self, x: Matrix, y: Matrix) -> list[tuple[Matrix, Matrix]]:
        """Return the halves of sides that `_whitened` has made."""
        n = len(x)
        order = np.random.default_rng([self.seed, n]).permutation(n)
        first, second = order[: n // 2], order[n // 2 :]
        return [
            _projected(x, y, train, test, _size(x, y, train), self.n_components)
            for train, test in ((first, second), (second, first))
        ]


def _whitened(side: Matrix) -> Matrix:
    """Return the principal components of one side, largest first: they know no pairing."""
    from mitools.estimators.projections import Whitened  # here: it is slow to import

    side = drop_constant(side)
    if side.shape[1] == 0:
        return np.zeros((len(side), 1))
    return Whitened.of(standardized(side)).scores


def _size(x: Matrix, y: Matrix, train: Rows) -> int:
    """Return the number of components whose first pair predicts best within the training half."""
    most = max(1, min(max(x.shape[1], y.shape[1]), len(train) // 4))
    sizes = sorted({min(size, most) for size in (*COMPONENTS, most)})
    worth = np.zeros(len(sizes))
    for fit, check in ((train[::2], train[1::2]), (train[1::2], train[::2])):
        for which, size in enumerate(sizes if len(sizes) > 1 else ()):
            u, v = _projected(x, y, fit, check, size, PAIRS)
            r = np.clip((u * v).mean(axis=0), 0, 1 - 1e-12)
            worth[which] += float(-0.5 * np.log1p(-(r**2)).sum())
    return sizes[int(np.argmax(worth))]


def _projected(
    x: Matrix, y: Matrix, train: Rows, test: Rows, size: int, pairs: int
) -> tuple[Matrix, Matrix]:
    """Return `test` along canonical directions of `train`, standardised, the best pair first."""
    a, b = (side[train, :size] - side[train, :size].mean(axis=0) for side in (x, y))
    root_a, root_b = (
        np.linalg.cholesky(half.T @ half / len(train) + RIDGE * np.eye(half.shape[1]))
        for half in (a, b)
    )
    crossed = solve_triangular(root_a, a.T @ b / len(train), lower=True)
    to_u, _, to_v = np.linalg.svd(solve_triangular(root_b, crossed.T, lower=True).T)
    count = min(pairs, *crossed.shape)
    to_u = solve_triangular(root_a.T, to_u[:, :count])
    to_v = solve_triangular(root_b.T, to_v[:count].T)
    return standardized(x[test, :size] @ to_u), standardized(y[test, :size] @ to_v)
