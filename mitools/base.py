"""What every estimator takes and gives: `MutualInformationEstimator` and `Estimate`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from mitools._arrays import Matrix, paired_samples

__all__ = ["Estimate", "Matrix", "MutualInformationEstimator", "amount"]

#: An estimate this close to its ceiling, as a fraction of it, says more about n than about the
#: data.
SATURATED = 0.9


def amount(nats: float) -> str:
    """Return a number of nats with its bits, for people."""
    return f"{nats:.3f} nats ({nats / float(np.log(2)):.3f} bits)"


@dataclass(frozen=True)
class Estimate:
    """A mutual information estimate in nats, with what is needed to trust it.

    Attributes:
        value: The estimate, in nats. It may be slightly negative: corrected and nearest-neighbour
            estimates are noisy around zero, and clipping them would bias every average taken
            later.
        n_samples: How many samples it rests on.
        ceiling: The largest value this estimator could have returned on these samples, in nats.
            With `given`, the label-weighted mean of the parts' ceilings: each part sees only its
            own points.
        estimator: The settings that made it.
        parts: Per label, the estimate within it (empty without `given`).
        stats: What else the estimator saw, such as ``{"tied_fraction": 0.31}``.
    """

    value: float
    n_samples: int
    ceiling: float
    estimator: MutualInformationEstimator
    parts: Mapping[Hashable, Estimate] = field(default_factory=dict)
    stats: Mapping[str, float] = field(default_factory=dict)

    @property
    def bits(self) -> float:
        """The estimate in bits: nats divided by ln 2."""
        return self.value / float(np.log(2))

    @property
    def saturated(self) -> bool:
        """Whether the value lies within 10 % of the ceiling, where it says little of the data."""
        return self.ceiling > 0 and self.value >= SATURATED * self.ceiling

    def __float__(self) -> float:
        return float(self.value)

    def __repr__(self) -> str:
        labels = f", {len(self.parts)} labels" if self.parts else ""
        near = ", near its ceiling" if self.saturated else ""
        return (
            f"Estimate({self.value:.3f} nats, n={self.n_samples}{labels}, {self.estimator}{near})"
        )

    def summary(self) -> str:
        """Return a few lines in nats and bits: the value, its ceiling, and each label's part."""
        ceiling = amount(self.ceiling) if np.isfinite(self.ceiling) else "none"
        near = ", and the value is near it: see `assess`" if self.saturated else ""
        lines = [
            f"I = {amount(self.value)}",
            f"  estimator   {self.estimator}, n = {self.n_samples}",
            f"  ceiling     {ceiling}{near}",
        ]
        lines += [
            f"  label {label}: {amount(part.value)}, n = {part.n_samples}"
            for label, part in self.parts.items()
        ]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers and text, ready for JSON; labels become text."""
        return {
            "nats": self.value,
            "bits": self.bits,
            "n_samples": self.n_samples,
            "ceiling_nats": self.ceiling if np.isfinite(self.ceiling) else None,
            "saturated": self.saturated,
            "estimator": repr(self.estimator),
            "stats": {key: float(number) for key, number in self.stats.items()},
            "parts": {str(label): part.to_dict() for label, part in self.parts.items()},
        }


class MutualInformationEstimator(ABC):
    """Settings of an estimator of I(X; Y). Subclasses are frozen dataclasses.

    A new estimator implements `_estimate` and `ceiling`, and gains validation, conditioning on
    labels, permutation nulls, assessment and the command line.
    """

    @final
    def estimate(self, x: Any, y: Any) -> Estimate:
        """Estimate I(X; Y) in nats; the same as ``mutual_information(x, y, estimator=self)``.

        Args:
            x: Samples of X, with shape (n, d_x); trailing axes are flattened.
            y: Paired samples of Y, with shape (n, d_y).

        Returns:
            The estimate with its ceiling and statistics.
        """
        return self._checked(*paired_samples(x, y))

    @abstractmethod
    def _estimate(self, x: Matrix, y: Matrix) -> tuple[float, dict[str, float]]:
        """Return I(X; Y) in nats, unclipped, and statistics, for validated float64 matrices.

        A statistic named ``"ceiling"`` is a tighter, data-dependent ceiling; it is moved to
        `Estimate.ceiling`.
        """

    @abstractmethod
    def ceiling(self, n_samples: int) -> float:
        """Return the largest value of `n_samples` points, in nats; infinite if there is none."""

    def minimum_samples(self) -> int:
        """Return the fewest samples the estimator accepts."""
        return 2

    def _permuted(self, x: Matrix, y: Matrix, permutations: NDArray[np.int64]) -> Matrix:
        """Return the estimates for y re-paired by each row of `permutations`, with shape (B,).

        Estimators override it to reuse what does not change when the pairing does: the default
        estimates afresh.
        """
        return np.array([self._estimate(x, y[order])[0] for order in permutations])

    @final
    def _checked(self, x: Matrix, y: Matrix, where: str = "") -> Estimate:
        """Estimate on validated matrices after the check on the number of samples."""
        needed = self.minimum_samples()
        if len(x) < needed:
            raise ValueError(
                f"{self} needs at least {needed} samples{where}, got {len(x)}. Pass more samples"
                + (", or merge or drop small labels." if where else ", or lower its settings.")
            )
        value, stats = self._estimate(x, y)
        tighter = stats.pop("ceiling", np.inf)
        return Estimate(
            value=float(value),
            n_samples=len(x),
            ceiling=float(min(self.ceiling(len(x)), tighter)),
            estimator=self,
            stats=stats,
        )
