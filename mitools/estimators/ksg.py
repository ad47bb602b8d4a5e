r"""Nearest-neighbour mutual information, `KSG` (Kraskov, Stoegbauer and Grassberger 2004).

With psi the digamma function, variant 1 (their eq. 8) is

.. math:: I = \psi(k) + \psi(n) - \langle \psi(n_x + 1) + \psi(n_y + 1) \rangle,

where :math:`n_x(i)` counts the other points whose x-distance is *strictly* smaller than the
distance from point i to its k-th neighbour in the joint space; variant 2 (eq. 9) is

.. math:: I = \psi(k) - 1/k + \psi(n) - \langle \psi(n_x) + \psi(n_y) \rangle,

where each side has its own radius, that of the smallest rectangle around the k neighbours, and
points on the rectangle count.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

from mitools.engines.neighbors.one_feature import sorted_rows
from mitools.engines.neighbors.search import Automatic, NeighborSearch, Orders, Query
from mitools.engines.workers.threads import call_on_both
from mitools.estimators.base import Found, MutualInformationEstimator, has_views
from mitools.samples.scaling import (
    TIE_JITTER,
    break_ties,
    common_scale,
    drop_constant,
    has_repeats,
    standardized,
    twin_rows,
)

__all__ = ["KSG"]

Matrix = NDArray[np.float64]

#: metric="auto" takes the max norm up to this many joint dimensions, the Euclidean norm above.
MAX_NORM_DIMENSIONS = 10

#: The default search, one value for all.
AUTOMATIC = Automatic()

#: Above this share of tied samples the data are not continuous any more, and a warning says so.
MANY_TIES = 0.25


class _Pair(NamedTuple):
    """Both sides on one scale, with ties broken.

    Attributes:
        x: The columns of X that vary, with shape (n, d_x).
        y: Those of Y, with shape (n, d_y).
        sorted_by: The rows of each side in order, known where both have one column.
        stats: What was done.
    """

    x: Matrix
    y: Matrix
    sorted_by: Orders | None
    stats: dict[str, float]


@dataclass(frozen=True, repr=False)
class KSG(MutualInformationEstimator):
    """Mutual information from the distances to the k nearest neighbours.

    **When to use it.** The safest choice for continuous data of a few dimensions (1 to about 5 a
    side) and up to about 1e5 samples: almost unbiased at independence, adaptive, no bandwidth.
    With more dimensions it is biased low (a signal of 1.0 nats reads about 0.7 at 5+5 and 0.15 at
    25+25 dimensions with n = 5,000), so project first (`Reduced`) or read its excess over
    permutations. For millions of samples, or a great many estimates, use `EDGE`.

    **Source.** A. Kraskov, H. Stoegbauer, P. Grassberger, "Estimating mutual information", Phys.
    Rev. E 69, 066138 (2004): eq. 8 (variant 1) and eq. 9 (variant 2).

    **Ceiling.** psi(n) - psi(k) for variant 1, reached exactly by I(X; X); 1/k less for variant 2.
    The bias starts well below it.

    **Cost.** 1+1 dimensions: n log n. Up to about 10 joint dimensions: a KD-tree. Above, and for
    few samples: n^2 (d_x + d_y) through tiles of bounded size. Memory: a few arrays of n, or two
    tiles.

    **Ties.** Exact duplicates (ReLU zeros, rounding) leave a nearest-neighbour distance of 0 and
    make the formula meaningless, so data with ties get noise of 1e-10 standard deviations by
    default. What was done is in the statistics: `tied_fraction`, the share of samples whose row on
    either side has an equal twin, and `jitter`.

    Attributes:
        k: Number of neighbours. More means less variance and more bias; 3 to 10 are usual.
        variant: 1 (eq. 8) or 2 (eq. 9, a little less bias and more variance in low dimensions).
        metric: Distance within each side, "max" or "l2" (Euclidean); the joint distance is the
            larger of the two sides'. "auto" is "max" up to 10 joint dimensions and "l2" above,
            where it is as accurate and several times faster.
        search: How neighbours are looked up (`mitools.neighbors`); it changes the time, not the
            value.
        standardize: Whether each column is first given mean 0 and standard deviation 1. Without it
            the value depends on the units of the columns.
        jitter: Standard deviation of the tie-breaking noise, relative to each column's: "auto" is
            1e-10 for data with ties and none otherwise; 0 is never.
        seed: Seed of that noise.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=1000)
        >>> KSG(k=3).estimate(x, x).value == KSG(k=3).ceiling(1000)
        True
    """

    k: int = 4
    variant: Literal[1, 2] = 1
    metric: Literal["auto", "max", "l2"] = "auto"
    search: NeighborSearch = AUTOMATIC
    standardize: bool = True
    jitter: float | Literal["auto"] = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.k, int | np.integer) or isinstance(self.k, bool) or self.k < 1:
            raise ValueError(
                f"`k` must be a whole number of neighbours, at least 1, got {self.k!r}."
            )
        if self.variant not in (1, 2):
            raise ValueError(
                "`variant` must be 1 (Kraskov et al. 2004, eq. 8) or 2 (eq. 9), got "
                f"{self.variant!r}."
            )
        if self.metric not in ("auto", "max", "l2"):
            raise ValueError(f'`metric` must be "auto", "max" or "l2", got {self.metric!r}.')
        if not isinstance(self.search, NeighborSearch):
            raise TypeError(
                f"`search` must be a value from mitools.neighbors, such as KDTree(), got "
                f"{self.search!r}."
            )
        if self.jitter != "auto" and not (
            isinstance(self.jitter, int | float) and 0 <= self.jitter < np.inf
        ):
            raise ValueError(
                f'`jitter` must be "auto" or a number of standard deviations, 0 or more, got '
                f"{self.jitter!r}."
            )

    def minimum_samples(self) -> int:
        """Return k + 1: a point needs k others."""
        return self.k + 1

    def ceiling(self, n_samples: int) -> float:
        """Return psi(n) - psi(k), less 1/k for variant 2, in nats."""
        ceiling = float(digamma(n_samples) - digamma(self.k))
        return ceiling if self.variant == 1 else ceiling - 1 / self.k

    def counterpart(self, discrete: bool, width: int, n_samples: int) -> str:
        """Return "edge"; "auto" where a side has several columns, of which few may matter.

        `Auto` confirms neighbours and cells, which both lose what few of several columns carry.
        With fewer samples most of its views have too few, and what remains is neighbours again.
        """
        return "auto" if has_views(width, n_samples) else "edge"

    def contributions(self, x: Matrix, y: Matrix) -> Matrix:
        """Return each sample's pointwise contribution to the estimate, in nats, with shape (n,).

        Their mean is the estimate of variant 1.

        Args:
            x: Validated samples of X, with shape (n, d_x).
            y: Paired samples of Y, with shape (n, d_y).
        """
        x, y, *_ = self._prepare(x, y)
        if 0 in (x.shape[1], y.shape[1]):
            return np.zeros(len(x))
        n_x, n_y = self.search.counts(x, y, self._query(x, y))
        psi = digamma(np.arange(1, len(x) + 2, dtype=np.float64))
        return np.asarray(digamma(self.k) + digamma(len(x)) - psi[n_x] - psi[n_y])

    @staticmethod
    def alone(side: Matrix, order: NDArray[np.int64]) -> tuple[Matrix, NDArray[np.int64]]:
        """Return one column made ready, for `of_both` with any other.

        Args:
            side: A validated column that has no ties, with shape (n, 1).
            order: Its rows in order of value.
        """
        return standardized(side), order

    def of_both(
        self, x: tuple[Matrix, NDArray[np.int64]], y: tuple[Matrix, NDArray[np.int64]]
    ) -> float:
        """Return the estimate of two columns, each from `alone`, as `estimate` does.

        For a table of d columns, that prepares d sides instead of d (d - 1).
        """
        return self._found(_Pair(x[0], y[0], (x[1], y[1]), {})).value

    def _found(self, prepared: _Pair) -> Found:
        x, y, sorted_by, stats = prepared
        if x.shape[1] == 0 or y.shape[1] == 0:
            return Found(0.0, stats=stats)
        tally = self.search.tally(x, y, self._query(x, y), sorted_by)
        return Found(self._value(tally, len(x)), stats=stats)

    def bias_rate(self, d_x: int, d_y: int) -> float:
        """Return 2 / d in d joint dimensions, if less: balls of k points have radius n^(-1/d)."""
        return min(0.5, 2 / (d_x + d_y))

    def _permuted(self, prepared: _Pair, orders: NDArray[np.int64]) -> Matrix:
        """Return the values for y permuted by each row of `orders`, with shape (B,).

        Scale, ties and what the search keeps are worked out once. (With ties, the noise stays with
        its row of y, so a value differs from a fresh estimate of ``y[order]`` by the luck of the
        noise.)
        """
        x, y = prepared.x, prepared.y
        if x.shape[1] == 0 or y.shape[1] == 0:
            return np.zeros(len(orders))
        first = 1 if self.variant == 1 else 0
        counts = np.maximum(np.arange(first, first + len(x)), 1.0)  # psi(0) is never asked for
        table = digamma(counts) - digamma(self.k)
        orders = np.ascontiguousarray(orders, dtype=np.int64)
        sums = self.search.permuted_sums(x, y, orders, self._query(x, y), table)
        return self.ceiling(len(x)) - sums / len(x)

    def _prepare(self, x: Matrix, y: Matrix) -> _Pair:
        """Return both sides without constant columns, on one scale and with ties broken."""
        sides = drop_constant(x), drop_constant(y)
        dimensions = [side.shape[1] for side in sides]
        max_norm = self._metric(sum(dimensions)) == "max"
        stats = {
            "constant_columns": float(x.shape[1] + y.shape[1] - sum(dimensions)),
            "tied_fraction": 0.0,
            "jitter": 0.0,
            "max_norm": float(max_norm),
        }
        if 0 in dimensions:
            return _Pair(sides[0], sides[1], None, stats)
        if self.standardize:
            sides = call_on_both(standardized, *sides, len(x))
        else:
            scaled_x, scaled_y = common_scale(*sides)
            sides = scaled_x, scaled_y
        orders: Orders | None = None
        if dimensions == [1, 1]:
            orders = call_on_both(sorted_rows, *sides, len(x))
            tied_x, tied_y = (twin_rows(*side) for side in zip(sides, orders, strict=True))
        else:
            tied_x, tied_y = call_on_both(twin_rows, *sides, len(x))
        tied = tied_x | tied_y
        stats["tied_fraction"] = float(tied.mean())
        jitter = self.jitter
        if jitter == "auto":
            # in the max norm one column decides a distance, so its repeated values tie distances
            ties = bool(tied.any())
            if not ties and max_norm and max(dimensions) > 1:
                ties = any(call_on_both(has_repeats, *sides, len(x)))
            jitter = TIE_JITTER if ties else 0.0
        stats["jitter"] = float(jitter)
        if jitter > 0:
            sides = (
                break_ties(sides[0], jitter, self.seed),
                break_ties(sides[1], jitter, self.seed),
            )
            orders = None  # noise reorders
        if stats["tied_fraction"] > MANY_TIES:
            warnings.warn(
                f"more than {MANY_TIES:.0%} of the samples have an equal twin on one side (see "
                'stats["tied_fraction"]). KSG is for continuous data: ties were broken by the '
                "jitter in the statistics, and the value is usable for features with an atom, "
                "such as ReLU outputs; for labels or counts, pass them as `given` or use a "
                "discrete estimator.",
                stacklevel=2,
            )
        return _Pair(sides[0], sides[1], orders, stats)

    def _metric(self, n_columns: int) -> Literal["max", "l2"]:
        if self.metric != "auto":
            return self.metric
        return "max" if n_columns <= MAX_NORM_DIMENSIONS else "l2"

    def _query(self, x: Matrix, y: Matrix) -> Query:
        return Query(int(self.k), self.variant, self._metric(x.shape[1] + y.shape[1]))

    def _value(self, tally: NDArray[np.int64], n_samples: int) -> float:
        """Return the ceiling less the mean of psi(m) - psi(k): exact where every m is k."""
        occurring = np.flatnonzero(tally)
        counts = occurring + (1.0 if self.variant == 1 else 0.0)
        above = digamma(counts) - digamma(self.k)
        return self.ceiling(n_samples) - float((above * tally[occurring]).sum()) / n_samples
