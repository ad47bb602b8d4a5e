r"""Fewer columns before estimating: `Reduced(estimator, PCA(4))`, `RandomProjection`, `Pooling`.

Each side is reduced from its own margin alone: the reduction of :math:`X` never sees :math:`Y`,
nor how the rows are paired. So a permutation null of the reduced estimate stays exact, and by data
processing :math:`I(r(X); s(Y)) \le I(X; Y)`: a reduced estimate aims at a lower bound. With
labels, the reduction is fitted within each label, on the rows that the estimate sees. `CCA`, which
sees the pairing, is cross-fitted instead, and fitted again for every permutation.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np

from mitools.engines.linear.components import principal_components
from mitools.estimators.base import (
    Found,
    Matrix,
    MutualInformationEstimator,
    Orders,
    Prepared,
    as_call,
)
from mitools.samples.arrays import as_samples, paired_samples
from mitools.samples.messages import check_settings
from mitools.samples.scaling import SAFE_HIGH, SAFE_LOW, alike, varying_columns

__all__ = ["PCA", "Pooling", "RandomProjection", "Reduced", "Reduction"]

#: Entries that differ by less than this share are equally large: the first one tells the sign.
EQUAL = 1e-9


class Reduction(ABC):
    """A map from (n, d) to (n, k). Subclasses are frozen dataclasses, and implement `_reduce`.

    Most see one side only. One that sees the pairing must be `cross_fitted`: it learns on some
    rows and is applied to others, which `halves` returns.
    """

    def __repr__(self) -> str:
        return as_call(self)

    @property
    def cross_fitted(self) -> bool:
        """Whether it sees both sides, and learns on each half what it applies to the other."""
        return False

    @final
    def reduce(self, x: Any) -> Matrix:
        """Return the samples with at most as many columns as asked for.

        Args:
            x: Samples, with shape (n, d) or (n,); trailing axes are flattened.

        Returns:
            The reduced samples, with shape (n, k).
        """
        return self._reduce(as_samples(x, "x"))

    @final
    def halves(self, x: Any, y: Any) -> list[tuple[Matrix, Matrix]]:
        """Return both sides reduced: one pair for all samples, or one for each half of them.

        Args:
            x: Samples of X, with shape (n, d_x) or (n,); trailing axes are flattened.
            y: Paired samples of Y.

        Returns:
            One pair of matrices with shapes (n, k), or two with about n / 2 rows each from a
            reduction that is cross-fitted.

        Raises:
            ValueError: For fewer samples than it needs.
        """
        x, y = paired_samples(x, y)
        if len(x) < self.minimum_samples():
            raise ValueError(
                f"{self} needs at least {self.minimum_samples()} samples, got {len(x)}. Pass "
                "more, or take a reduction that is not fitted to the pairing, such as PCA(4)."
            )
        return self._halves(self._side(x), self._side(y))

    def minimum_samples(self) -> int:
        """Return the fewest samples that it can be fitted to."""
        return 1

    @abstractmethod
    def _reduce(self, x: Matrix) -> Matrix:
        """Return the reduction of a validated float64 matrix."""

    def _side(self, x: Matrix) -> Matrix:
        """Return, row by row, what a validated side gives whatever it is paired with."""
        return self._reduce(x)

    def _halves(self, x: Matrix, y: Matrix) -> list[tuple[Matrix, Matrix]]:
        """Return the reduced pairs of sides that `_side` has made."""
        return [(x, y)]

    def _width(self, width: int) -> int:
        """Return how many columns it leaves of so many, at most."""
        return width


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
        _check_count(self.n_components)

    def _reduce(self, x: Matrix) -> Matrix:
        largest = float(np.abs(x).max())
        if not SAFE_LOW < largest < SAFE_HIGH:  # squares would leave float64
            exponent = int(np.frexp(largest)[1])
            return np.asarray(np.ldexp(self._scores(np.ldexp(x, -exponent)), exponent))
        return self._scores(x)

    def _width(self, width: int) -> int:
        return min(width, self.n_components)

    def _scores(self, x: Matrix) -> Matrix:
        rounding = max(x.shape) * float(np.finfo(np.float64).eps)
        scores = principal_components(x, rounding, self.n_components)
        if scores.shape[1] == 0:
            return np.zeros((len(x), 1))
        sizes = np.abs(scores)  # the first of those as large as the largest but for rounding
        largest = (sizes >= sizes.max(axis=0) * (1 - EQUAL)).argmax(axis=0)
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
        _check_count(self.n_components)
        check_settings(self)

    def _reduce(self, x: Matrix) -> Matrix:
        varies = varying_columns(x)
        if not varies.all():  # a constant column would change the matrix, and nothing else
            x = np.ascontiguousarray(x[:, varies])
        if x.shape[1] <= self.n_components:
            return x
        weights = np.random.default_rng(self.seed).normal(size=(x.shape[1], self.n_components))
        return alike(x, x @ (weights / np.sqrt(self.n_components)))

    def _width(self, width: int) -> int:
        return min(width, self.n_components)


@dataclass(frozen=True, repr=False)
class Pooling(Reduction):
    """Means over blocks of neighbouring columns, or over blocks of an image; fitted to nothing.

    `Pooling(16)` cuts the columns into 16 blocks of nearly equal size and takes the mean of each.
    Of a layer with `shape` (channels, height, width), which estimators get flattened in that
    order, `Pooling((64, 1, 1), shape=(64, 8, 8))` is the mean of each channel,
    `Pooling((64, 2, 2), ...)` that of each quarter of it, and `Pooling((1, 8, 8), ...)` the mean
    over channels.

    Use it where neighbours carry the same signal; a mean over columns of unlike sign loses it.

    Attributes:
        n_components: Blocks; with `shape`, blocks along each of its axes. An axis that is shorter
            is left as it is.
        shape: What the columns of one sample are a flattened array of; a row of columns if None.

    Example:
        >>> import numpy as np
        >>> from mitools import Pooling
        >>> Pooling(2).reduce([[1.0, 3.0, 5.0, 7.0], [0.0, 0.0, 1.0, 0.0]])
        array([[2. , 6. ],
               [0. , 0.5]])
        >>> Pooling((1, 2, 2), shape=(3, 8, 8)).reduce(np.ones((5, 3, 8, 8))).shape
        (5, 4)
    """

    n_components: int | tuple[int, ...]
    shape: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        blocks, shape = self.n_components, self.shape
        if shape is None:
            _check_count(blocks)
            return
        for name, value in (("n_components", blocks), ("shape", shape)):
            if not isinstance(value, tuple) or not value:
                raise ValueError(
                    f"`{name}` must be a tuple such as (64, 2, 2) if `shape` is given, got "
                    f"{value!r}."
                )
            for each in value:
                _check_count(each, name)
        if isinstance(blocks, tuple) and len(blocks) != len(shape):
            raise ValueError(
                f"`n_components` must have one number for each of the {len(shape)} axes of "
                f"`shape`, got {blocks!r}."
            )

    def _reduce(self, x: Matrix) -> Matrix:
        shape = (x.shape[1],) if self.shape is None else self.shape
        blocks = (
            self.n_components if isinstance(self.n_components, tuple) else (self.n_components,)
        )
        if np.prod(shape) != x.shape[1]:
            raise ValueError(
                f"{self} takes samples of {np.prod(shape)} columns, got {x.shape[1]}. Give the "
                "other side a reduction of its own with `reduction_y`."
            )
        pooled = x.reshape(len(x), *shape)
        for axis, (size, count) in enumerate(zip(shape, blocks, strict=True), start=1):
            if count < size:
                starts = np.arange(count) * size // count
                sizes = np.diff(np.append(starts, size))
                sums = np.add.reduceat(pooled, starts, axis=axis)
                pooled = sums / sizes.reshape(-1, *[1] * (len(shape) - axis))
        return np.ascontiguousarray(pooled.reshape(len(x), -1))

    def _width(self, width: int) -> int:
        return min(width, int(np.prod(self.n_components)))


@dataclass(frozen=True, repr=False)
class Reduced(MutualInformationEstimator):
    """An estimator of what two reductions share, a lower bound of what the wide sides share.

    Attributes:
        estimator: What estimates on the reduced sides.
        reduction: Reduces X, and Y as well unless `reduction_y` is given; `CCA` reduces both.
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
        if self.reduction_y is None:
            return
        if self.reduction.cross_fitted:
            raise ValueError(
                f"{type(self.reduction).__name__} reduces both sides, so `reduction_y` must be "
                f"None, got {self.reduction_y!r}."
            )
        if self.reduction_y.cross_fitted:
            raise TypeError(
                "`reduction_y` must be a reduction of one side such as PCA(4), got "
                f"{self.reduction_y!r}. Pass it as `reduction`: it reduces both."
            )

    @property
    def unit(self) -> str:
        """The inner estimator's."""
        return self.estimator.unit

    @property
    def comparable(self) -> bool:
        """Whether the inner estimator's values are."""
        return self.estimator.comparable

    @property
    def sides(self) -> tuple[Reduction, Reduction] | None:
        """The reductions of X and of Y; None if one sees both."""
        return None if self.reduction.cross_fitted else self._both

    @property
    def _both(self) -> tuple[Reduction, Reduction]:
        return self.reduction, self.reduction_y or self.reduction

    def ceiling(self, n_samples: int) -> float:
        """Return the inner estimator's ceiling; with `CCA`, that of half of the samples."""
        return self.estimator.ceiling(n_samples // 2 if self.reduction.cross_fitted else n_samples)

    def minimum_samples(self) -> int:
        """Return what the inner estimator needs; with `CCA`, in each half."""
        needed = self.estimator.minimum_samples() * (2 if self.reduction.cross_fitted else 1)
        return max(needed, self.reduction.minimum_samples())

    def nearby(self) -> Mapping[str, Reduced]:
        """Return the inner estimator's nearby settings, on the same reduced sides."""
        inner = self.estimator.nearby()
        return {name: replace(self, estimator=other) for name, other in inner.items()}

    def counterpart(
        self, discrete: bool, width: int, n_samples: int
    ) -> MutualInformationEstimator | str | None:
        """Return the inner estimator's counterpart for narrow sides; `around` reduces for it."""
        return self.estimator.counterpart(discrete, 1, n_samples)

    def around(self, other: MutualInformationEstimator) -> Reduced:
        """Return `other` on the same reduced sides."""
        return replace(self, estimator=self.estimator.around(other))

    def bias_rate(self, d_x: int, d_y: int) -> float:
        """Return the inner estimator's, for sides of the reduced width."""
        to_x, to_y = self._both
        return self.estimator.bias_rate(to_x._width(d_x), to_y._width(d_y))

    def _prepare(self, x: Matrix, y: Matrix) -> Prepared | tuple[Matrix, Matrix]:
        """Return the reduced sides; those that the pairing reduces further are not yet ready."""
        to_x, to_y = self._both
        left, right = to_x._side(x), to_y._side(y)
        if self.reduction.cross_fitted:
            return left, right
        return self.estimator.prepare(*self.reduction._halves(left, right)[0])

    def _found(self, prepared: Prepared | tuple[Matrix, Matrix]) -> Found:
        if isinstance(prepared, Prepared):
            return prepared.found()
        return self._over_halves(*prepared)

    def _permuted(self, prepared: Prepared | tuple[Matrix, Matrix], orders: Orders) -> Matrix:
        """Return the values for y permuted by each row; `CCA` is fitted again each time."""
        if isinstance(prepared, Prepared):
            return prepared.permuted(orders)
        x, y = prepared
        return np.array([self._over_halves(x, y[order]).value for order in orders])

    def _over_halves(self, x: Matrix, y: Matrix) -> Found:
        """Return the means over the halves, of the statistics that all of them have."""
        halves = self.reduction._halves(x, y)
        found = [self.estimator.prepare(u, v).found() for u, v in halves]
        shared = [key for key in found[0].stats if all(key in each.stats for each in found)]
        return Found(
            float(np.mean([each.value for each in found])),
            float(np.mean([each.ceiling for each in found])),
            float(np.mean([each.entropy for each in found])),
            {key: float(np.mean([each.stats[key] for each in found])) for key in shared},
        )


def _check_count(value: Any, name: str = "n_components") -> None:
    if not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"`{name}` must be a whole number of at least 1, got {value!r}.")
