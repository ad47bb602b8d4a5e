r"""Capacity of a layer at relative noise tau: what second moments say, with no setting to tune.

A deterministic layer holds infinite information about its input; with noise of a stated size it
holds a finite amount, and second moments bound it. With :math:`S` the covariance of a layer
within classes and noise of variance :math:`x = \tau^2\,\mathrm{tr}\,S` in every direction,

.. math:: I(h_{j-1};\, h_j + \sqrt{x}\,Z \mid y) \le C(\tau) = \tfrac12 \log\det(I + S/x),

because a normal law has the largest entropy of all laws with one covariance. As the noise is
relative to the *sum* of the variances, :math:`C` is at most :math:`1/(2\tau^2)` at any width
and no more than about :math:`1/\tau^2` directions count: wide layers need no more inputs than
narrow ones.

*The estimate.* Eigenvalues of a sample covariance are too far apart, and put into the formula
they give up to a fifth too little. Let :math:`l_i` be the eigenvalues at :math:`\nu` degrees of
freedom, padded with zeros to :math:`\nu` of them. The large-sample limit of their
log-determinant (Marchenko and Pastur 1967), solved for the one of :math:`S`, is

.. math:: C = \tfrac12 \max_w \Big[\sum_{i \le \nu} \log\frac{l_i + w}{x} + \nu\,(1 - w/x)\Big],

one root of :math:`\sum_i 1/(l_i + w) = \nu/x`. At :math:`w = x` it is the plain formula. A second
use of the same limit takes back what a projection to fewer columns did to the eigenvalues.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import norm

from robustsplit.precision.within import WithinClasses

__all__ = ["Capacity", "capacity", "log_det"]

Array = NDArray[np.float64]
#: Eigenvalues below this share of the largest are rounding.
ROUNDING = 1e-12
#: The largest leverage that the jackknife divides by one minus.
LEVERAGE = 0.98


@dataclass(frozen=True)
class Capacity:
    """Capacity of one layer at one precision, in nats.

    Attributes:
        value: C, an upper bound of the information at this precision.
        tau: Standard deviation of the noise over the root of the summed variances.
        noise: Variance x of the noise in every direction, in the units of the rows.
        rows: What each input contributes to C, around 0, with shape (n,): the infinitesimal
            jackknife, with the scale of the noise moving along.
        enough: Whether there were enough inputs for the correction (w above 0). Otherwise the
            value is the plain formula's, which is too low.
        remainder: Standard error that is not in `rows`: what the correction leaves, of order 1/n.
    """

    value: float
    tau: float
    noise: float
    rows: Array
    enough: bool
    remainder: float

    @property
    def error(self) -> float:
        """Standard error over samples of inputs; it does not cover another training."""
        n = len(self.rows)
        sampling = self.rows.std(ddof=1) / n**0.5 if n > 1 else np.nan
        return float(np.hypot(sampling, self.remainder))

    def interval(self, confidence: float = 0.9) -> tuple[float, float]:
        """Return an interval of C (not of the information) over samples of inputs.

        Args:
            confidence: Its level.

        Returns:
            Its ends, in nats.
        """
        width = norm.ppf((1 + confidence) / 2) * self.error
        return max(0.0, self.value - width), self.value + width

    def minus(self, other: Capacity, confidence: float = 0.9) -> tuple[float, float, float]:
        """Return the difference to another network's capacity on the same inputs, paired.

        Args:
            other: The capacity of the other network's layer, on the same inputs in one order.
            confidence: Level of the interval.

        Returns:
            The difference and the ends of its interval, in nats.

        Raises:
            ValueError: When the two were not measured on equally many inputs.
        """
        if len(self.rows) != len(other.rows):
            raise ValueError(
                f"A paired difference needs the same inputs for both networks, got "
                f"{len(self.rows)} and {len(other.rows)}. Measure both on one set of inputs."
            )
        sampling = (self.rows - other.rows).std(ddof=1) / len(self.rows) ** 0.5
        error = np.sqrt(sampling**2 + self.remainder**2 + other.remainder**2)
        width = float(norm.ppf((1 + confidence) / 2) * error)
        difference = self.value - other.value
        return difference, difference - width, difference + width


def capacity(layer: WithinClasses, tau: float) -> Capacity:
    """Return the capacity of a layer at relative noise `tau`.

    Args:
        layer: Its rows within classes.
        tau: Standard deviation of the noise over the root of the summed variances; above 0.

    Returns:
        The capacity, in nats; 0 for a layer that does not vary within the classes.

    Raises:
        ValueError: When `tau` is not a positive number.
    """
    if not 0 < tau < np.inf:
        raise ValueError(
            f"`tau` must be a positive number, got {tau!r}: without noise a deterministic layer "
            "holds infinite information. The default is 0.3."
        )
    n, nu = len(layer.labels), layer.freedom
    if not layer.power:
        return Capacity(0.0, tau, 0.0, np.zeros(n), True, 0.0)
    noise = tau**2 * layer.power
    values, vectors = layer.eigen
    twice, w, enough = log_det(values, nu, noise, layer.sketch)
    used = max(w, ROUNDING * noise)
    leverage = (vectors**2 * (values / (values + used))).sum(axis=1)
    quadratic = nu * leverage / (1 - np.minimum(leverage, LEVERAGE))
    scale = nu * (w / noise - 1) / noise * tau**2 * layer.squares
    rows = 0.5 * (quadratic + scale)
    # Of normal rows, -1/2 log(1 - d) is the variance of C at a fixed noise; the jackknife has the
    # part of first order, d. The correction itself is exact to a share 1/n.
    share = ((values / (values + noise)) ** 2).sum() / nu
    second = max(0.0, 0.5 * (-np.log1p(-min(share, 0.98)) - share))
    value = 0.5 * twice
    remainder = float(np.sqrt(second + (value / nu) ** 2))
    return Capacity(value, tau, noise, rows - rows.mean(), enough, remainder)


def log_det(
    values: Array, freedom: int, noise: float, sketch: int | None = None
) -> tuple[float, float, bool]:
    r"""Estimate :math:`\log\det(I + S/x)` from the eigenvalues of a sample covariance.

    Args:
        values: Eigenvalues of the sample covariance, not negative, in any order.
        freedom: Its degrees of freedom.
        noise: x, above 0.
        sketch: How many columns the rows were projected to; None: they were not.

    Returns:
        The estimate, in nats; the root w; and whether there is one above 0. Without one the
        estimate is the plain formula's.
    """
    padded = np.zeros(freedom)
    largest = np.sort(values)[::-1][:freedom]
    padded[: len(largest)] = np.where(largest > ROUNDING * values.max(), largest, 0.0)

    def shrunk(w: float) -> tuple[float, float]:
        """Return sum log(1 + l_i / w) and its share of directions, sum w / (l_i + w)."""
        if sketch is None:
            return float(np.log1p(padded / w).sum()), float((w / (padded + w)).sum())
        # Rows of a sketch are samples of the inputs' Gram matrix, whose eigenvalues are wanted.
        total, v, _ = log_det(padded, sketch, w)
        return total, freedom - sketch * (1 - v / w)

    def slope(w: float) -> float:
        return shrunk(w)[1] / w - freedom / noise

    least = ROUNDING * noise
    if slope(least) <= 0:
        return float(np.log1p(padded / noise).sum()), noise, False
    if slope(noise) >= 0:  # nothing to correct: rounding, or no variance
        return shrunk(noise)[0], noise, True
    w = float(brentq(slope, least, noise, xtol=ROUNDING * noise, rtol=1e-10))
    total = shrunk(w)[0] + freedom * np.log(w / noise) + freedom * (1 - w / noise)
    return float(total), w, True
