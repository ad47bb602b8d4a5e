"""What every estimator takes and gives: `MutualInformationEstimator` and `Estimate`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from mitools._arrays import Matrix, paired_samples

__all__ = [
    "Estimate",
    "Matrix",
    "MutualInformationEstimator",
    "amount",
    "as_call",
    "check_whole",
    "in_unit",
]

#: An estimate this close to its ceiling, as a fraction of it, says more about n than about the
#: data.
SATURATED = 0.9

#: From this many samples a symbol on, the entropy of a sample's symbols is a fact about their
#: distribution; with fewer it is bound by ln n, as every other ceiling is.
PER_SYMBOL = 10


def amount(value: float, unit: str = "nats") -> str:
    """Return a value with its unit, for people; nats with their bits."""
    if unit != "nats":
        return f"{value:.3f} {unit}"
    return f"{value:.3f} nats ({value / float(np.log(2)):.3f} bits)"


def as_call(settings: Any) -> str:
    """Return a dataclass as the shortest call that makes it: what is not default, by name."""
    shown = []
    for item in fields(settings):
        value = getattr(settings, item.name)
        default = item.default
        if item.default_factory is not MISSING:
            default = item.default_factory()
        if default is MISSING:
            shown.append(repr(value))
        elif value != default:
            shown.append(f"{item.name}={value!r}")
    return f"{type(settings).__name__}({', '.join(shown)})"


def check_whole(name: str, value: Any, least: int = 1) -> None:
    """Raise a ValueError unless the setting is a whole number of at least `least`."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool):
        raise ValueError(f"`{name}` must be a whole number, got {value!r}.")
    if value < least:
        raise ValueError(f"`{name}` must be at least {least}, got {value}.")


def in_unit(record: dict[str, Any], unit: str) -> dict[str, Any]:
    """Return a record whose keys name `unit` instead of nats, and without bits."""
    if unit == "nats":
        return record
    return {key.replace("nats", unit): item for key, item in record.items() if key != "bits"}


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
        entropy: The entropy of the side that the estimator took for discrete, in nats, the smaller
            one of two; infinite if there is none. I(X; Y) cannot exceed it.
    """

    value: float
    n_samples: int
    ceiling: float
    estimator: MutualInformationEstimator
    parts: Mapping[Hashable, Estimate] = field(default_factory=dict)
    stats: Mapping[str, float] = field(default_factory=dict)
    entropy: float = float("inf")

    @property
    def unit(self) -> str:
        """What the value is in: "nats", but for estimators of something else."""
        return self.estimator.unit

    @property
    def bits(self) -> float:
        """The estimate in bits: nats divided by ln 2. NaN for an estimate that is not in nats."""
        return self.value / float(np.log(2)) if self.unit == "nats" else float("nan")

    @property
    def saturated(self) -> bool:
        """Whether the value lies within 10 % of the ceiling.

        Unless the ceiling is an entropy, the value then says little of the data.
        """
        return self.ceiling > 0 and self.value >= SATURATED * self.ceiling

    @property
    def ceiling_is_entropy(self) -> bool:
        r"""Whether the ceiling is a fact about a discrete side, and not one about n.

        It is where each symbol was seen ten times or more: :math:`e^H \le n / 10`.
        """
        parts = self.parts.values() or (self,)
        return all(
            part.entropy <= min(part.ceiling, np.log(part.n_samples / PER_SYMBOL))
            for part in parts
        )

    def __float__(self) -> float:
        return float(self.value)

    def __repr__(self) -> str:
        labels = f", {len(self.parts)} labels" if self.parts else ""
        top = "the entropy" if self.ceiling_is_entropy else "its ceiling"
        near = f", near {top}" if self.saturated else ""
        return (
            f"Estimate({self.value:.3f} {self.unit}, n={self.n_samples}{labels}, "
            f"{self.estimator}{near})"
        )

    def summary(self) -> str:
        """Return a few lines in nats and bits: the value, its ceiling, and each label's part."""
        ceiling = amount(self.ceiling, self.unit) if np.isfinite(self.ceiling) else "none"
        if self.ceiling_is_entropy:
            ceiling += ", the entropy of the discrete side"
        near = ", and the value is near it: see `assess`" if self.saturated else ""
        lines = [
            f"I = {amount(self.value, self.unit)}",
            f"  estimator   {self.estimator}, n = {self.n_samples}",
            f"  ceiling     {ceiling}{near}",
        ]
        lines += [
            f"  label {label}: {amount(part.value, self.unit)}, n = {part.n_samples}"
            for label, part in self.parts.items()
        ]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers and text, ready for JSON; labels become text.

        Keys name the unit: an estimate that is not in nats has no ``"nats"`` and no ``"bits"``.
        """
        record = {
            "nats": self.value,
            "bits": self.bits,
            "n_samples": self.n_samples,
            "ceiling_nats": self.ceiling if np.isfinite(self.ceiling) else None,
            "ceiling_is_entropy": self.ceiling_is_entropy,
            "saturated": self.saturated,
            "estimator": repr(self.estimator),
            "stats": {key: float(number) for key, number in self.stats.items()},
            "parts": {str(label): part.to_dict() for label, part in self.parts.items()},
        }
        return in_unit(record, self.unit)


class MutualInformationEstimator(ABC):
    """Settings of an estimator of I(X; Y). Subclasses are frozen dataclasses, with repr=False.

    A new estimator implements `_estimate` and `ceiling`, and gains validation, conditioning on
    labels, permutation nulls, assessment and the command line.

    """

    @property
    def unit(self) -> str:
        """What its values are in. One word: it names keys and columns."""
        return "nats"

    @property
    def comparable(self) -> bool:
        """Whether its values may be held against those of other estimators.

        They may if what it estimates, in the limit, is I(X; Y) in nats or a lower bound of it.
        """
        return self.unit == "nats"

    def __repr__(self) -> str:
        return as_call(self)

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
        `Estimate.ceiling`. One named ``"entropy"`` is the (smaller) entropy of the sides taken for
        discrete: a ceiling too, moved to `Estimate.entropy`.
        """

    @abstractmethod
    def ceiling(self, n_samples: int) -> float:
        """Return the largest value of `n_samples` points, in nats; infinite if there is none."""

    def minimum_samples(self) -> int:
        """Return the fewest samples the estimator accepts."""
        return 2

    def _bias_rate(self, d_x: int, d_y: int) -> float:
        """Return a, where the bias shrinks as n^-a at its slowest: 1/2 at edges and in tails."""
        return 0.5

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
                + _sideways(x, y)
            )
        value, stats = self._estimate(x, y)
        entropy = float(stats.pop("entropy", np.inf))
        tighter = min(stats.pop("ceiling", np.inf), entropy)
        return Estimate(
            value=float(value),
            n_samples=len(x),
            ceiling=float(min(self.ceiling(len(x)), tighter)),
            estimator=self,
            stats=stats,
            entropy=entropy,
        )


def _sideways(x: Matrix, y: Matrix) -> str:
    """Return a hint where so few rows may be the columns of data that lie on their side."""
    if max(x.shape[1], y.shape[1]) <= len(x):
        return ""
    return (
        f" Rows are samples: shapes {x.shape} and {y.shape} are {len(x)} samples. If the data lie "
        "on their side, pass `x.T` and `y.T`."
    )
