r"""Where the information may lie, from estimates on halves and quarters of the sample.

Every split cuts the sample at random into two halves, or into four quarters, without replacement:
a bootstrap's duplicates look like dependence to every estimator here.

*Noise.* Half-samples vary about the estimate on the whole as that does about its expectation:
with subsets of m of n samples, :math:`var = \frac{m}{n - m} var_{sub}(m)` (Politis and Romano
1994), and m = n / 2 makes the factor 1.

*Bias.* Neighbours and cells have a width, and what they blur shrinks with it, as :math:`n^{-a}`:
in few dimensions no slower than :math:`a = 1/2`, at the edges of the support and in heavy tails;
the neighbours of d joint dimensions have :math:`a = 2/d` if that is less. With the means
:math:`\bar h` over halves and :math:`\bar q` over quarters, then,

.. math:: E \hat I_n - I = (\bar q - \bar h) / (4^a - 2^a) .

The subsets of a split make up the whole sample, so most of the noise drops out of this difference.
It is no correction: bias that shrinks faster would be corrected too much. The interval covers the
estimate, the estimate less that bias, and the value of a second estimator that agrees.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

__all__ = ["Spread"]

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Spread:
    """Noise and bias of an estimate, in its unit.

    Attributes:
        noise: Standard error of the estimate.
        bias: What the estimate may have too much or, if negative, still lack.
        bias_error: Standard error of that.
        freedom: Degrees of freedom of these.
    """

    noise: float
    bias: float = 0.0
    bias_error: float = 0.0
    freedom: int = 1

    @classmethod
    def of(cls, halves: Matrix, quarters: Matrix, rate: float = 0.5) -> Spread:
        """Return the spread seen in splits.

        Args:
            halves: Estimates on both halves of each split, with shape (splits, 2), at least one.
            quarters: Those on the quarters of other splits, with shape (splits, 4); may be empty.
            rate: The power a above.
        """
        within = halves.var(axis=1).mean()
        between = _variance_of_means(halves)
        noise = float(np.sqrt(within + between))
        if not len(quarters):
            return cls(noise, freedom=len(halves))
        remaining = 1 / (4**rate - 2**rate)
        fall = quarters.mean() - halves.mean()
        other = _variance_of_means(quarters) if len(quarters) > 1 else between
        error = np.sqrt(between / len(halves) + other / len(quarters))
        return cls(noise, float(remaining * fall), float(remaining * error), len(halves))

    def noise_width(self, confidence: float) -> float:
        """Return half the width of the interval of the expected estimate, bias left alone."""
        return float(stdtrit(self.freedom, (1 + confidence) / 2)) * self.noise

    def limits(
        self, value: float, confidence: float, second: float | None = None
    ) -> tuple[float, float]:
        """Return the ends of the interval of I about an estimate.

        Args:
            value: The estimate.
            confidence: Between 0 and 1.
            second: What an estimator of another kind gives. Two that agree differ by more than
                noise where the bias of one does not show in halves and quarters; the interval then
                reaches past both.
        """
        width = self.noise_width(confidence)
        low, high = value - width, value + width
        far = width * np.hypot(1.0, self.bias_error / self.noise) if self.noise > 0 else 0.0
        if self.bias > 0:
            low = min(low, value - self.bias - far)
        else:
            high = max(high, value - self.bias + far)
        if second is not None:
            low, high = min(low, second - width), max(high, second + width)
        return float(low), float(high)


def _variance_of_means(splits: Matrix) -> float:
    """Return the variance of the splits' means: 0 for one split."""
    return float(splits.mean(axis=1).var(ddof=1)) if len(splits) > 1 else 0.0
