r"""Fewer columns before estimating: `PCA`, `RandomProjection`, `Reduced(estimator, reduction)`.

Each side is reduced from its own margin alone: the reduction of :math:`X` never sees :math:`Y`,
nor how the rows are paired. So a permutation null of the reduced estimate stays exact, and by data
processing :math:`I(r(X); s(Y)) \le I(X; Y)`: a reduced estimate aims at a lower bound. With
labels, the reduction is fitted within each label, on the rows that the estimate sees.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from mitools._arrays import as_samples
from mitools._preparation import SAFE_HIGH, SAFE_LOW
from mitools.base import Matrix, MutualInformationEstimator, as_call

__all__ = ["PCA", "RandomProjection", "Reduced", "Reduction"]

#: Columns centred at a time, so that 65,536-wide layers are never copied whole.
BLOCK = 4096


class Reduction(ABC):
    """A map from (n, d) to (n, k) of one side only. Subclasses are frozen dataclasses."""

    n_components: int

    def __repr__(self) -> str:
        return as_call(self)

    @final
    def reduce(self, x: Any) -> Matrix:
        """Return the samples with at most `n_components` columns.

        Args:
            x: Samples, with shape (n, d) or (n,); trailing axes are flattened.

        Returns:
            The reduced samples, with shape (n, k), k <= n_components.
        """
        return self._reduce(as_samples(x, "x"))

    @abstractmethod
    def _reduce(self, x: Matrix) -> Matrix:
        """Return the reduction of a validated float64 matrix."""

    def _check(self) -> None:
        if not isinstance(self.n_components, int | np.integer) or self.n_components < 1:
            raise ValueError(
                f"`n_components` must be a whole number of at least 1, got {self.n_components!r}."
            )


@dataclass(frozen=True, repr=False)
class PCA(Reduction):
    r"""The coordinates along the first principal axes, fitted on the samples that are reduced.

    With centred :math:`X`, the scores are :math:`X V_k = U_k S_k`. They come from the eigenvectors
    of :math:`X^\top X` or of :math:`X X^\top`, whichever is smaller: 1,000 samples of 65,536
    features take a 1,000 x 1,000 eigenproblem. Signs are fixed by making each column's largest
    entry positive.

    There are fewer than `n_components` columns when the data have a lower rank: a column of
    rounding noise would be blown up by any estimator that scales its inputs.

    Attributes:
        n_components: How many coordinates to keep, at most.

    Example:
        >>> import numpy as np
        >>> from mitools import PCA
        >>> PCA(2).reduce(np.random.default_rng(0).normal(size=(100, 30))).shape
        (100, 2)
    """

    n_components: int

    def __post_init__(self) -> None:
        self._check()

    def _reduce(self, x: Matrix) -> Matrix:
        largest = float(np.abs(x).max())
        if not SAFE_LOW < largest < SAFE_HIGH:  # squares would leave float64
            exponent = int(np.frexp(largest)[1])
            return np.asarray(np.ldexp(self._scores(np.ldexp(x, -exponent)), exponent))
        return self._scores(x)

    def _scores(self, x: Matrix) -> Matrix:
        by_features = x.shape[1] <= len(x)
        scores = (_scores_by_features if by_features else _scores_by_samples)(x, self.n_components)
        largest = np.abs(scores).argmax(axis=0)
        signs = np.sign(scores[largest, np.arange(scores.shape[1])])
        return np.ascontiguousarray(scores * np.where(signs == 0, 1.0, signs))


@dataclass(frozen=True, repr=False)
class RandomProjection(Reduction):
    r"""Gaussian random projection :math:`X W`, :math:`W_{ij} \sim N(0, 1/k)`; fitted to nothing.

    Two sides of equal width get the same :math:`W`; give `Reduced` a second projection with
    another seed to make them differ. In high dimension a random projection destroys most
    dependence: of a 512-wide identity, two independent 6-wide projections keep 0.05 bits. Prefer
    `PCA` unless nothing may be fitted.

    Attributes:
        n_components: How many columns to make. Narrower data are left as they are.
        seed: Seed of the matrix.
    """

    n_components: int
    seed: int = 0

    def __post_init__(self) -> None:
        self._check()

    def _reduce(self, x: Matrix) -> Matrix:
        if x.shape[1] <= self.n_components:
            return x
        weights = np.random.default_rng(self.seed).normal(size=(x.shape[1], self.n_components))
        return x @ (weights / np.sqrt(self.n_components))


@dataclass(frozen=True, repr=False)
class Reduced(MutualInformationEstimator):
    """An estimator of what two reductions share, a lower bound of what the wide sides share.

    Attributes:
        estimator: What estimates on the reduced sides.
        reduction: Reduces X, and Y as well unless `reduction_y` is given.
        reduction_y: Reduces Y.

    Example:
        >>> import numpy as np
        >>> from mitools import KSG, PCA, Reduced, mutual_information
        >>> rng = np.random.default_rng(0)
        >>> signal = rng.normal(size=(1000, 1))
        >>> x = signal * 5 + rng.normal(size=(1000, 200))
        >>> y = signal * 5 + rng.normal(size=(1000, 200))
        >>> bool(mutual_information(x, y, estimator=Reduced(KSG(), PCA(1))).value > 3)
        True
    """

    estimator: MutualInformationEstimator
    reduction: Reduction
    reduction_y: Reduction | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.estimator, MutualInformationEstimator):
            raise TypeError(
                f"`estimator` must be an estimator such as KSG(), got {self.estimator!r}."
            )
        for name, value in (("reduction", self.reduction), ("reduction_y", self.reduction_y)):
            if not isinstance(value, Reduction) and (name == "reduction" or value is not None):
                raise TypeError(f"`{name}` must be a reduction such as PCA(4), got {value!r}.")

    @property
    def unit(self) -> str:
        """The inner estimator's."""
        return self.estimator.unit

    @property
    def comparable(self) -> bool:
        """Whether the inner estimator's values are."""
        return self.estimator.comparable

    def ceiling(self, n_samples: int) -> float:
        """Return the inner estimator's ceiling."""
        return self.estimator.ceiling(n_samples)

    def minimum_samples(self) -> int:
        """Return what the inner estimator needs."""
        return self.estimator.minimum_samples()

    def _estimate(self, x: Matrix, y: Matrix) -> tuple[float, dict[str, float]]:
        return self.estimator._estimate(*self._sides(x, y))

    def _permuted(self, x: Matrix, y: Matrix, permutations: NDArray[np.int64]) -> Matrix:
        return self.estimator._permuted(*self._sides(x, y), permutations)

    def _sides(self, x: Matrix, y: Matrix) -> tuple[Matrix, Matrix]:
        return self.reduction._reduce(x), (self.reduction_y or self.reduction)._reduce(y)


def _scores_by_features(x: Matrix, k: int) -> Matrix:
    """Return the k leading principal scores of x, largest first, from the (d, d) scatter."""
    centred = x - x.mean(axis=0)
    _, vectors = _leading(centred.T @ centred, k, max(x.shape))
    return centred @ vectors


def _scores_by_samples(x: Matrix, k: int) -> Matrix:
    """Return the k leading principal scores of x, largest first, from the (n, n) Gram."""
    gram = np.zeros((len(x), len(x)))
    for centred in _centred_blocks(x):
        gram += centred @ centred.T
    values, vectors = _leading(gram, k, max(x.shape))
    return vectors * np.sqrt(values)


def _centred_blocks(x: Matrix) -> Iterator[Matrix]:
    for start in range(0, x.shape[1], BLOCK):
        block = x[:, start : start + BLOCK]
        yield block - block.mean(axis=0)


def _leading(symmetric: Matrix, k: int, size: int) -> tuple[Matrix, Matrix]:
    """Return the k largest eigenvalues above rounding, at least one, and their eigenvectors."""
    last = len(symmetric) - 1
    values, vectors = eigh(symmetric, subset_by_index=[max(0, last + 1 - k), last])
    rounding = max(values[-1], 0.0) * size * np.finfo(np.float64).eps
    kept = (
        np.flatnonzero(values > rounding)[::-1] if values[-1] > 0 else np.array([len(values) - 1])
    )
    return np.maximum(values[kept], 0.0), vectors[:, kept]
