"""The records of an estimate: `Found`, what a method returns, and `Estimate`, what a user gets."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

__all__ = ["PER_SYMBOL", "Estimate", "Estimating", "Found", "amount", "in_unit"]

#: An estimate this close to its ceiling, as a fraction of it, says more about n than about the
#: data.
SATURATED = 0.9

#: From this many samples a symbol on, the entropy of a sample's symbols is a fact about their
#: distribution; with fewer it is bound by ln n, as every other ceiling is.
PER_SYMBOL = 10


def amount(value: float, unit: str = "nats") -> str:
    """Return a value with its unit, for people; nats with their bits.

    Args:
        value: The value.
        unit: What it is in.
    """
    if unit != "nats":
        return f"{value:.3f} {unit}"
    return f"{value:.3f} nats ({value / float(np.log(2)):.3f} bits)"


def in_unit(record: dict[str, Any], unit: str) -> dict[str, Any]:
    """Return a record whose keys name `unit` instead of nats, and without bits.

    Args:
        record: A record with keys such as ``null_mean_nats``.
        unit: What its values are in.
    """
    if unit == "nats":
        return record
    return {key.replace("nats", unit): item for key, item in record.items() if key != "bits"}


class Estimating(Protocol):
    """What an estimate says of the estimator that made it."""

    @property
    def unit(self) -> str:
        """What its values are in."""

    @property
    def comparable(self) -> bool:
        """Whether its values may be held against those of other estimators."""


@dataclass(frozen=True)
class Found:
    """What a method finds on one pair of sides, before its ceiling for the sample size is known.

    Attributes:
        value: The estimate, unclipped, in the estimator's unit.
        ceiling: The largest value that it could have taken on these data, where that is below what
            `MutualInformationEstimator.ceiling` says of every sample of this size.
        entropy: The entropy of the side taken for discrete, in nats, the smaller one of two: a
            ceiling too. Infinite if no side is discrete.
        stats: What else the method saw, by name.
    """

    value: float
    ceiling: float = float("inf")
    entropy: float = float("inf")
    stats: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, found: Any) -> Found:
        """Return `found`, or a `Found` for the plain ``(value, stats)`` of a user's own class.

        Statistics named ``"ceiling"`` and ``"entropy"`` become the attributes of that name.

        Raises:
            TypeError: For anything else.
        """
        if isinstance(found, cls):
            return found
        if not isinstance(found, tuple) or len(found) != 2 or not isinstance(found[1], Mapping):
            raise TypeError(
                "An estimator must return a `Found`, or its value in nats and a dictionary of "
                f"statistics, got {found!r}."
            )
        value, stats = float(found[0]), dict(found[1])
        ceiling, entropy = (float(stats.pop(name, np.inf)) for name in ("ceiling", "entropy"))
        return cls(value, ceiling, entropy, stats)


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
    estimator: Estimating
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

    @classmethod
    def pooled(cls, parts: Mapping[Hashable, Estimate], estimator: Estimating) -> Estimate:
        """Return the estimate of all labels: means of the parts, weighted by label frequency.

        Args:
            parts: The estimate of each label.
            estimator: The estimator of all of them.
        """
        n_samples = sum(part.n_samples for part in parts.values())
        shares = [part.n_samples / n_samples for part in parts.values()]
        shared = set.intersection(*(set(part.stats) for part in parts.values()))

        def mean(numbers: list[float]) -> float:
            weighted = (share * number for share, number in zip(shares, numbers, strict=True))
            return float(sum(weighted))

        return cls(
            value=mean([part.value for part in parts.values()]),
            n_samples=n_samples,
            ceiling=mean([part.ceiling for part in parts.values()]),
            estimator=estimator,
            parts=parts,
            stats={
                key: mean([part.stats[key] for part in parts.values()]) for key in sorted(shared)
            },
            entropy=mean([part.entropy for part in parts.values()]),
        )
