"""Connectivity along the depth of one network: a record for each pair of consecutive layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd

from mitools.samples.messages import unknown

__all__ = ["PairRecord", "Profile"]


@dataclass(frozen=True)
class PairRecord:
    """The connectivity I(f^(j-1); f^(j) | y) of two consecutive layers, with its assessment.

    Attributes:
        parent: Name of layer j - 1.
        child: Name of layer j.
        offset: The paper's index: 0 for (last hidden, logits), k for the pair k layers earlier.
        parent_dim: Width of the parent's activations, flattened, before any reduction.
        child_dim: Width of the child's.
        connected: Whether the child's input depends on the parent's output (False for parallel
            branches).
        n_samples: How many inputs were used.
        rho: The label-weighted estimate, in nats.
        ceiling: The largest value the estimator could have returned, in nats.
        null_mean: Mean over within-label permutations, in nats: the value without any dependence.
        null_sd: Their standard deviation.
        p_value: (1 + permutations at least as large) / (1 + permutations).
        interval: Half-sampling interval of the expected estimate, in nats.
        singleton_fraction: Share of samples alone in their joint cell (hash estimators), else NaN.
        cross_check: A second estimator's value, in nats, or NaN.
        verdict: The assessment in words.
        released: What the published code's estimator gives on the raw activations, in nats, or
            NaN.
        released_null: The same with pairs permuted within labels, or NaN.
        parts: Per label, the estimate within it, in nats.
        reasons: Why the verdict is what it is, in sentences.
    """

    parent: str
    child: str
    offset: int
    parent_dim: int
    child_dim: int
    connected: bool
    n_samples: int
    rho: float
    ceiling: float
    null_mean: float
    null_sd: float
    p_value: float
    interval: tuple[float, float]
    singleton_fraction: float
    cross_check: float
    verdict: str
    released: float = float("nan")
    released_null: float = float("nan")
    parts: Mapping[str, float] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> PairRecord:
        """Return the record that `dataclasses.asdict` made `table` of; null stands for NaN."""
        plain: dict[str, Any] = {
            key: float("nan") if value is None else value for key, value in table.items()
        }
        low, high = (float("nan") if end is None else end for end in table["interval"])
        parts = {k: float("nan") if v is None else v for k, v in table["parts"].items()}
        reasons = tuple(table["reasons"])
        return cls(**{**plain, "interval": (low, high), "parts": parts, "reasons": reasons})

    @property
    def excess(self) -> float:
        """How far rho is above its null: `rho` - `null_mean`, in nats."""
        return self.rho - self.null_mean


@dataclass(frozen=True)
class Profile:
    """Connectivity along the depth of one network: a row per consecutive pair, input side first.

    Attributes:
        pairs: The rows.
        settings: How they were made: estimator, reduction, point, attack, inputs, samples per
            label, seed.
    """

    pairs: tuple[PairRecord, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Profile:
        """Return the profile that `dataclasses.asdict` made `table` of."""
        pairs = tuple(PairRecord.from_dict(pair) for pair in table["pairs"])
        return cls(pairs, dict(table["settings"]))

    def __getitem__(self, child: str) -> PairRecord:
        """Return the pair that ends in a layer.

        Args:
            child: Name of the pair's later layer.

        Returns:
            The pair.

        Raises:
            KeyError: When no pair ends there, with the nearest name.
        """
        for pair in self.pairs:
            if pair.child == child:
                return pair
        raise KeyError(unknown("child layer", child, [pair.child for pair in self.pairs]))

    def to_frame(self) -> pd.DataFrame:
        """Return one row per pair; nats, with a column of excess."""
        rows = []
        for pair in self.pairs:
            row = asdict(pair)
            row["interval_low"], row["interval_high"] = row.pop("interval")
            row.pop("parts")
            row.pop("reasons")
            row["excess"] = pair.excess
            rows.append(row)
        return pd.DataFrame(rows)
