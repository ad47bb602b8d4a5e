r"""Mutual information after Gaussian noise: bounds from pairwise distances.

For :math:`T = Y + \sigma Z` with normal noise Z, and X a label of the samples (each distinct row a
symbol), :math:`I(X; T) = h(T) - h(T \mid X)`. The density of T is a mixture of normals around the
samples, whose entropy lies between (Kolchinsky and Tracey 2017, eq. 10)

.. math:: h(\sigma Z) - \frac1n \sum_i \ln \frac1n \sum_j e^{-\|y_i - y_j\|^2 / c \sigma^2},

with c = 8 for the lower (Bhattacharyya) and c = 2 for the upper bound (Kullback-Leibler).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from scipy.special import logsumexp

from mitools.estimators.base import Found, Matrix, MutualInformationEstimator
from mitools.estimators.discrete import as_codes

__all__ = ["NoisyBounds"]

#: Entries of the distance matrix held at once.
BLOCK = 4_000_000

#: From this squared distance on, in units of sigma, near pairs of far points would be lost in the
#: rounding of their scalar product, and distances are taken from the differences.
FAR = 1e8

#: The least noise that differs from none, as a share of the spread of Y.
FINEST = 1e-100


@dataclass(frozen=True, repr=False)
class NoisyBounds(MutualInformationEstimator):
    """Bounds of I(X; Y + noise) for a deterministic map from X to Y (Kolchinsky and Tracey 2017).

    Use it where I(X; Y) itself is infinite or says nothing, as between consecutive layers of a
    deterministic network: with noise of a stated size it is finite, and measures how many clusters
    of that size Y has. It depends on the pairing only through repeated rows of X: where every row
    of X is its own symbol, it is I(sample; Y + noise), a permutation of Y changes nothing and
    permutation p values are 1. With class labels as X it is the information on the label in the
    noisy Y.

    Always report sigma, and sweep it: in d dimensions the answer goes from 0 to its ceiling over
    a narrow range. ``lower`` and ``upper`` are in the statistics; the value is the one asked for.

    Source: Kolchinsky and Tracey, "Estimating mixture entropy with pairwise distances" (Entropy
    2017), eq. (10) with the Bhattacharyya and the Kullback-Leibler distances;
    for layers: Saxe et al. (2018); Goldfeld et al. (2019), for why the noise.
    Ceiling: H(X) of the sample, at most ln n. Cost: O(n^2 d) time, memory bounded.

    Attributes:
        sigma: Standard deviation of the noise, in units of `scale`.
        scale: "distance": the root mean squared distance of two samples over sqrt(2), the spread
            of Y around its mean; "data": the units of Y.
        bound: Which bound is the value.

    Example:
        >>> import numpy as np
        >>> y = np.repeat([0.0, 100.0, 200.0, 300.0], 25)  # four far clusters: ln 4
        >>> x = np.arange(100)
        >>> round(NoisyBounds(sigma=1.0, scale="data").estimate(x, y).bits, 6)
        2.0
    """

    sigma: float = 0.1
    scale: Literal["distance", "data"] = "distance"
    bound: Literal["lower", "upper"] = "lower"

    def __post_init__(self) -> None:
        if not 0 < self.sigma < np.inf:
            raise ValueError(f"`sigma` must be a positive number, got {self.sigma}.")
        if self.scale not in ("distance", "data"):
            raise ValueError(f"`scale` must be 'distance' or 'data', got {self.scale!r}.")
        if self.bound not in ("lower", "upper"):
            raise ValueError(f"`bound` must be 'lower' or 'upper', got {self.bound!r}.")

    @property
    def comparable(self) -> bool:
        """It is not: I(sample; Y + noise) depends on sigma, which is a choice."""
        return False

    def ceiling(self, n_samples: int) -> float:
        """Return ln n: all samples distinct, and far apart against the noise."""
        return float(np.log(n_samples))

    def _pair(self, x: Matrix, y: Matrix) -> Found:
        codes = as_codes(x)
        counts = np.bincount(codes)
        shares = counts / len(y)
        ceiling = float(-(shares * np.log(shares)).sum())
        y, exponent = _centred(y)
        spread = float(np.sqrt((y**2).sum(axis=1).mean() * len(y) / (len(y) - 1)))
        if spread == 0:  # constant Y: no spread to take a share of
            own = self.sigma if self.scale == "data" else 0.0
            return Found(0.0, ceiling, stats={"sigma": own, "lower": 0.0, "upper": 0.0})
        sigma = self.sigma * spread
        if self.scale == "data":
            # Noise beyond these shares of the spread changes nothing that float64 could show.
            with np.errstate(over="ignore", under="ignore"):
                ratio = np.ldexp(self.sigma, -exponent)
            sigma = float(np.clip(ratio, FINEST * spread, spread / FINEST))
        stats = {"sigma": self.sigma if self.scale == "data" else float(np.ldexp(sigma, exponent))}
        y = y / sigma
        lower, upper = _entropy_bounds(y)
        for code in np.flatnonzero(counts > 1):
            within = _entropy_bounds(y[codes == code])
            # a lower bound of a difference takes away an upper bound, and vice versa
            lower -= shares[code] * within[1]
            upper -= shares[code] * within[0]
        stats |= {"lower": lower, "upper": min(upper, ceiling)}
        return Found(stats[self.bound], ceiling, stats=stats)


def _centred(y: Matrix) -> tuple[Matrix, int]:
    """Return Y around its mean, times the power of two that brings it near 1, and its exponent."""
    largest = float(np.abs(y).max())
    exponent = int(np.frexp(largest)[1]) if largest > 0 else 0
    y = np.ldexp(y, -exponent)  # before the mean, whose sum may leave float64
    y = y - y.mean(axis=0)
    inner = float(np.abs(y).max())
    if inner == 0:
        return y, exponent
    further = int(np.frexp(inner)[1])
    return np.ldexp(y, -further), exponent + further


def _entropy_bounds(y: Matrix) -> tuple[float, float]:
    """Return lower and upper bounds of h(Y + Z) - h(Z) for noise Z of unit variance, in nats."""
    norms = np.einsum("ij,ij->i", y, y)
    block = max(1, BLOCK // len(y))
    totals = np.zeros(2)
    for start in range(0, len(y), block):
        rows: NDArray[np.int64] = np.arange(start, min(start + block, len(y)))
        if norms.max() > FAR:
            squares = cdist(y[rows], y, "sqeuclidean")
        else:
            squares = np.maximum(norms[rows, None] + norms[None] - 2 * (y[rows] @ y.T), 0.0)
            squares[np.arange(len(rows)), rows] = 0.0
        totals += [logsumexp(-squares / c, axis=1).sum() for c in (8.0, 2.0)]
    lower, upper = np.log(len(y)) - totals / len(y)
    return float(lower), float(upper)
