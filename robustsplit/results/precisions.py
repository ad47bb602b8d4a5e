"""What a layer keeps of the one before at a stated precision, as it is stored and shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["READINGS", "PrecisionRecord"]

#: What the numbers allow to be said, in the order of strength.
READINGS = (
    "bracketed",
    "upper bound only",
    "not a function of the layer before",
    "too few samples",
    "no variation within classes",
)


@dataclass(frozen=True)
class PrecisionRecord:
    """Information I(h_(j-1); h_j + noise | y) at relative noise `tau`, from both sides; nats.

    Attributes:
        tau: Standard deviation of the noise over the root of the layer's summed variances.
        capacity: C(tau) of the layer: an upper bound from second moments.
        interval: 90 % interval of `capacity` over samples of inputs.
        lower: Lower side of the bracket; NaN where the layer is not a function of the one before.
        upper: Upper side of the bracket.
        limit: The largest `lower` that so many inputs allow, sum_y pi(y) ln n_y.
        reading: One of `READINGS`.
        linear: Linear information about the layer before, or NaN where it was not measured.
        linear_null: Mean of the same over permuted pairs, or NaN.
        linear_p: Its p value, or NaN.
    """

    tau: float
    capacity: float
    interval: tuple[float, float]
    lower: float
    upper: float
    limit: float
    reading: str
    linear: float = float("nan")
    linear_null: float = float("nan")
    linear_p: float = float("nan")

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> PrecisionRecord:
        """Return the record that `dataclasses.asdict` made `table` of; null stands for NaN."""
        plain: dict[str, Any] = {
            key: float("nan") if value is None else value for key, value in table.items()
        }
        low, high = (float("nan") if end is None else float(end) for end in table["interval"])
        return cls(**{**plain, "interval": (low, high)})
