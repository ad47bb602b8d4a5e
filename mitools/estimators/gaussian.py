r"""Mutual information from canonical correlations: Gaussian data, and Gaussian copulas.

With :math:`r_i` the canonical correlations of the two sides,

.. math:: \hat I = -\tfrac12 \sum_i \ln(1 - r_i^2) - b(d_X) - b(d_Y) + b(d_X + d_Y),
          \quad b(d) = \tfrac12 \sum_{i=1}^{d} \psi\big(\tfrac{n - i}{2}\big),

which is exactly unbiased for Gaussian data, whatever their correlations, as the log determinant of
a Wishart matrix has a known mean. Its standard deviation at independence is known too, and grows
with :math:`\sqrt{d_X d_Y / 2} / n`; where that is large, directions found in one half of the data
and judged on the other replace it, unless it is above them by more than chance allows.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, ndtri

from mitools.engines.linear.canonical import canonical_correlations
from mitools.engines.linear.components import FINE, Whitened, principal_components
from mitools.engines.linear.gain import EVIDENCE_OF_SPREAD, certain_gain
from mitools.engines.linear.held_out import PAIRS, HeldOutSide
from mitools.estimators.base import Found, Matrix, MutualInformationEstimator
from mitools.samples.scaling import drop_constant, standardized

__all__ = ["Gaussian", "GaussianCopula", "rank_normal"]

#: The unbiased estimate stands alone while its standard deviation at independence is below this
#: (nats).
NOISE = 0.02
#: So many samples of the other half are needed for each canonical pair that is taken to it.
SAMPLES_A_PAIR = 8
#: 1 - r^2 below this is rounding: the pair is linearly determined, and its information infinite.
ROUNDING = 1e-14
#: Sides of fewer linear dimensions than this are not asked whether they are folded.
FEWEST_FOLDED = 5
#: Canonical pairs for each dimension filled from which the sides may be folded,
FOLDED = 3.0
#: and the value over that of as many pairs as dimensions from which it is said.
OVERCOUNT = 1.1
#: Of columns that are equally far from those chosen, the earlier is taken: the last one is
#: shortened by this share.
EARLIER = 1e-6
#: Rows that show how many dimensions a side fills.
FOLDED_ROWS = 500


@dataclass(frozen=True, repr=False)
class Gaussian(MutualInformationEstimator):
    """I(X; Y) as if the pair were jointly Gaussian: canonical correlations without bias.

    Use it for linear dependence, in any width: it needs the fewest samples of all, and no other
    estimator sees many weak pairs. It is blind to dependence without correlation (it answers 0 for
    Y = X^2), and wrong for heavy tails: rank first (`GaussianCopula`), or use `KSG` in few
    dimensions.

    In wide data (a standard deviation at independence above 0.02 nats) the value is that of ten
    canonical pairs found on one half of the data and measured on the other, unless the unbiased
    estimate is higher by 2.5 of its standard deviations: then the dependence is spread over many
    pairs, and the unbiased estimate is the value. Sides wider than n / 4 together first lose their
    smallest principal components. Both numbers are in the statistics.

    Source: Cover and Thomas, "Elements of Information Theory", Theorem 8.4.1 for the
    determinants; bias: Misra, Singh and Demchuk (2005), as in Ince et al. (2017).
    Ceiling: none but rounding, 16 nats for each pair that is linearly determined (a warning says
    so).
    Cost: O(n d^2 + d^3), a few times that when wide.

    Attributes:
        seed: Seed of the halves for wide data.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=(4000, 3))
        >>> y = x + rng.normal(size=(4000, 3))  # I = 3 ln(2) / 2 = 1.04
        >>> bool(abs(Gaussian().estimate(x, y).value - 1.04) < 0.05)
        True
    """

    seed: int = 0

    def minimum_samples(self) -> int:
        """Return 6: at least one dimension a side and a correlation left to chance."""
        return 6

    def ceiling(self, n_samples: int) -> float:
        """Return infinity; what rounding allows on the data at hand is `Estimate.ceiling`."""
        return float(np.inf)

    def _side(self, rows: Matrix) -> Matrix:
        return _components(rows)

    def _pair(self, x: Matrix, y: Matrix) -> Found:
        return _linear_information(x, y, self.seed)

    def _found(self, prepared: tuple[Matrix, Matrix]) -> Found:
        found = self._pair(*prepared)
        _warn_if_folded(*prepared, found.value)
        return found


@dataclass(frozen=True, repr=False)
class GaussianCopula(MutualInformationEstimator):
    """I(X; Y) of the Gaussian copula with the data's ranks (Ince et al. 2017).

    Use it as `Gaussian`, for columns with any margins: each is replaced by the normal quantiles of
    its ranks, so that monotone changes of a column change nothing, and outliers do no harm. It is
    a lower bound of I(X; Y) in the limit for one column a side; dependence that is not monotone
    stays unseen (0 for Y = X^2), and a column with many ties (labels, ReLU outputs) is not made
    normal by ranking (``tied_fraction``): use `Labels` or `Mixed` there.

    Source: Ince et al., "A statistical framework for neuroimaging data analysis based on mutual
    information estimated via a Gaussian copula" (Human Brain Mapping 2017). Ceiling and cost: as
    `Gaussian`, and O(d n log n) to rank.

    Attributes:
        seed: Seed of the halves for wide data.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=4000)
        >>> y = x + rng.normal(size=4000)
        >>> ranked = GaussianCopula().estimate(x, y).value
        >>> GaussianCopula().estimate(np.exp(x), y**3).value == ranked
        True
    """

    seed: int = 0

    def minimum_samples(self) -> int:
        """Return 6, as `Gaussian`."""
        return 6

    def ceiling(self, n_samples: int) -> float:
        """Return infinity; what rounding allows on the data at hand is `Estimate.ceiling`."""
        return float(np.inf)

    def _side(self, rows: Matrix) -> _RankedSide:
        components = _components(rank_normal(_independent_columns(rows)))
        return _RankedSide(components, _tied_fraction(rows))

    def _pair(self, x: _RankedSide, y: _RankedSide) -> Found:
        found = _linear_information(x.components, y.components, self.seed)
        tied = {"tied_fraction": max(x.tied_fraction, y.tied_fraction)}
        return replace(found, stats={**found.stats, **tied})

    def _found(self, prepared: tuple[_RankedSide, _RankedSide]) -> Found:
        found = self._pair(*prepared)
        x, y = prepared
        _warn_if_folded(x.components, y.components, found.value)
        return found


@dataclass(frozen=True, eq=False)
class _RankedSide:
    """The principal components of a side's normal quantiles, and the share of tied entries."""

    components: Matrix
    tied_fraction: float

    def reordered(self, order: NDArray[np.int64]) -> _RankedSide:
        return _RankedSide(self.components[order], self.tied_fraction)


def rank_normal(data: Matrix) -> Matrix:
    """Return the normal quantiles of each column's ranks; ties share their mean rank."""
    from scipy.stats import rankdata  # here: scipy.stats would double the time to import mitools

    return np.asarray(ndtri(rankdata(data, axis=0) / (len(data) + 1)), dtype=np.float64)


def _independent_columns(side: Matrix) -> Matrix:
    """Return `side` without columns that are linear combinations of others.

    They tell nothing new, and ranking bends them out of the plane of the others: each would then
    count the same information once more. Where the samples are too few to tell, all stay.
    """
    side = drop_constant(side)
    scores = _components(side)
    rank = scores.shape[1]
    if rank >= min(len(side) - 1, side.shape[1]):
        return side
    from scipy.linalg import qr  # here: it would slow the import of mitools

    coordinates = (scores / np.linalg.norm(scores, axis=0)).T @ standardized(side)
    # All columns have one length, so that rounding would choose the first: let the first one lead.
    coordinates *= 1 - EARLIER * np.arange(side.shape[1]) / side.shape[1]
    pivots = qr(coordinates, mode="r", pivoting=True)[1]
    return np.ascontiguousarray(side[:, np.sort(pivots[:rank])])


def _warn_if_folded(x: Matrix, y: Matrix, value: float) -> None:
    """Warn where the value rests on more canonical pairs than the sides fill dimensions.

    Columns that are noiseless curved functions of a few numbers are correlated with those of the
    other side pair after pair, and each pair counts the same information again.
    """
    n, pairs = len(x), min(x.shape[1], y.shape[1])
    if pairs < FEWEST_FOLDED:
        return
    filled = min(_intrinsic_dimension(side) for side in (x, y))
    if pairs < FOLDED * filled:
        return
    left = 1 - canonical_correlations(x[:, : n // 4], y[:, : n // 4]) ** 2
    leading = -0.5 * float(np.log(np.maximum(left[: round(filled)], ROUNDING)).sum())
    if value > OVERCOUNT * leading:
        warnings.warn(
            f"the first {round(filled)} canonical pairs hold {leading:.2f} nats of these "
            f"{value:.2f}, and the samples fill about {filled:.0f} dimensions: the further pairs "
            "may be curved functions of the first, which count the same information again. "
            "Compare with KSG() or Auto().",
            stacklevel=2,
        )


def _intrinsic_dimension(side: Matrix) -> float:
    """Return the dimension that the two nearest neighbours show (Facco et al. 2017, eq. 2).

    In d dimensions the ratio of their distances exceeds m with probability 1 / m^d, whatever the
    density.
    """
    rows = side[:: max(1, len(side) // FOLDED_ROWS)]
    norms = np.einsum("ij,ij->i", rows, rows)
    squares = norms[:, None] + norms - 2 * rows @ rows.T
    np.fill_diagonal(squares, np.inf)
    near = np.partition(squares, 1, axis=1)[:, :2]
    near = near[near[:, 0] > ROUNDING * norms.max()]
    if len(near) < len(rows) // 2:  # repeated rows show no dimension
        return float(side.shape[1])
    logs = 0.5 * np.log(near[:, 1] / near[:, 0])
    return float(max(1.0, (len(near) - 1) / max(logs.sum(), 1e-300)))


def _linear_information(x: Matrix, y: Matrix, seed: int) -> Found:
    """Return I and statistics for sides given by their principal components, largest first."""
    n = len(x)
    stats = {"rank_x": float(x.shape[1]), "rank_y": float(y.shape[1])}
    if 0 in (x.shape[1], y.shape[1]):
        return Found(0.0, stats=stats)
    if x.shape[1] + y.shape[1] > n // 2:
        x, y = x[:, : n // 4], y[:, : n // 4]
    noise = _deviation(n, x.shape[1], y.shape[1])
    unbiased, determined = _unbiased(x, y)
    ceiling = -0.5 * float(np.log(ROUNDING)) * min(x.shape[1], y.shape[1])
    stats |= {
        "unbiased": unbiased,
        "deviation": noise,
        "determined_pairs": float(determined),
    }
    if determined:
        warnings.warn(
            f"{determined} linear combination(s) of `x` and `y` are equal up to rounding: the "
            "information is infinite, and the value only says so. Drop columns the sides share.",
            stacklevel=2,
        )
    if noise <= NOISE or n < 40 or determined:
        return Found(unbiased, ceiling, stats=stats)
    stats["held_out"] = _held_out(x, y, seed)
    gain = certain_gain(unbiased - stats["held_out"], noise, EVIDENCE_OF_SPREAD)
    return Found(unbiased if gain > 0 else stats["held_out"], ceiling, stats=stats)


def _unbiased(x: Matrix, y: Matrix) -> tuple[float, int]:
    """Return the bias-free estimate, and the number of pairs that are linearly determined."""
    left = 1 - canonical_correlations(x, y) ** 2
    determined = int((left < ROUNDING).sum())
    value = -0.5 * float(np.log(np.maximum(left, ROUNDING)).sum())
    return value - _bias(len(x), x.shape[1], y.shape[1]), determined


def _bias(n: int, d_x: int, d_y: int) -> float:
    """Return the mean of -1/2 sum ln(1 - r^2) at independence; 1 of n is spent on the means."""

    def total(d: int) -> float:
        return float(digamma((n - np.arange(1, d + 1)) / 2).sum()) / 2

    return total(d_x) + total(d_y) - total(d_x + d_y)


def _deviation(n: int, d_x: int, d_y: int) -> float:
    """Return the standard deviation at independence, from trigamma(x) = 1 / x."""
    free = n - 1.0
    variance = np.log((free - d_x) * (free - d_y) / (free * (free - d_x - d_y))) / 2
    return float(np.sqrt(variance))


def _held_out(x: Matrix, y: Matrix, seed: int) -> float:
    """Return the mean of both halves' information, in directions found on the other half."""
    pairs = max(1, min(PAIRS, len(x) // 2 // SAMPLES_A_PAIR))
    side = HeldOutSide.of(Whitened.of_components(x), seed)
    halves = side.paired(Whitened.of_components(y), pairs)
    return float(np.mean([_unbiased(u, v)[0] for _, u, v in halves]))


def _components(side: Matrix) -> Matrix:
    """Return the scores on the principal components with any variance, largest first.

    Columns are standardised first: the components then do not depend on the units.
    """
    side = drop_constant(side)
    if side.shape[1] == 0:
        return side
    return principal_components(standardized(side), FINE)


def _tied_fraction(side: Matrix) -> float:
    """Return the share of entries that repeat another in their column."""
    ordered = np.sort(side, axis=0)
    return float((ordered[1:] == ordered[:-1]).mean())
