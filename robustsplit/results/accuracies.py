"""How many images a network classifies correctly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scipy.stats import binomtest

__all__ = ["AccuracyRecord"]


@dataclass(frozen=True)
class AccuracyRecord:
    """How many of `n` inputs were classified correctly, and under which attack.

    Attributes:
        correct: How many.
        n: Of how many.
        attack: The attack's settings; "clean" for none.
        by_class: Per class name, (correct, n).
    """

    correct: int
    n: int
    attack: str = "clean"
    by_class: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> AccuracyRecord:
        """Return the record that `dataclasses.asdict` made `table` of."""
        by_class = {name: (int(hits), int(n)) for name, (hits, n) in table["by_class"].items()}
        return cls(table["correct"], table["n"], table["attack"], by_class)

    @property
    def percent(self) -> float:
        """Accuracy in percent."""
        return 100.0 * self.correct / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval, in percent: 360 images at 80 % leave 4 points each way."""
        ends = binomtest(self.correct, self.n).proportion_ci(0.95, method="wilson")
        return 100.0 * float(ends.low), 100.0 * float(ends.high)
