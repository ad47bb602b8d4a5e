"""Connectivity along the depth of one network: a record for each pair of consecutive layers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

import pandas as pd

from mitools.samples.messages import unknown
from robustsplit.results.accuracies import AccuracyRecord
from robustsplit.results.precisions import PrecisionRecord
from robustsplit.units import per_nat

if TYPE_CHECKING:
    from robustsplit.drawing import RhoDepthDisplay

__all__ = ["PairRecord", "Profile", "pairs_html"]

#: What representations show, in bits.
SHOWN = ("rho", "null_mean", "ceiling")


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
        precisions: What the child keeps of its parent at each stated precision, the headline
            first; empty in runs of earlier versions.
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
    precisions: tuple[PrecisionRecord, ...] = ()

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> PairRecord:
        """Return the record that `dataclasses.asdict` made `table` of; null stands for NaN."""
        plain: dict[str, Any] = {
            key: float("nan") if value is None else value for key, value in table.items()
        }
        low, high = (float("nan") if end is None else end for end in table["interval"])
        parts = {k: float("nan") if v is None else v for k, v in table["parts"].items()}
        reasons = tuple(table["reasons"])
        precisions = tuple(map(PrecisionRecord.from_dict, table.get("precisions", ())))
        own = {"interval": (low, high), "parts": parts, "reasons": reasons}
        return cls(**{**plain, **own, "precisions": precisions})

    @property
    def at_precision(self) -> PrecisionRecord | None:
        """What the child keeps of its parent at the headline's precision, if it was measured."""
        return self.precisions[0] if self.precisions else None

    @property
    def excess(self) -> float:
        """How far rho is above its null: `rho` - `null_mean`, in nats."""
        return self.rho - self.null_mean

    def __repr__(self) -> str:
        rho, null, ceiling = (getattr(self, name) * per_nat("bits") for name in SHOWN)
        return (
            f"PairRecord({self.parent} → {self.child}: rho {rho:.2f} bits, null {null:.2f}, "
            f"ceiling {ceiling:.2f}, p={self.p_value:.2g}: {self.verdict})"
        )


@dataclass(frozen=True)
class Profile:
    """Connectivity along the depth of one network: a row per consecutive pair, input side first.

    Attributes:
        pairs: The rows.
        settings: How they were made: estimator, reduction, point, attack, inputs, samples per
            label, seed.
        accuracy: How many of the measured inputs the network classifies correctly: of the
            attacked ones, if there was an attack. None for a network without logits.
    """

    pairs: tuple[PairRecord, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    accuracy: AccuracyRecord | None = None

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Profile:
        """Return the profile that `dataclasses.asdict` made `table` of."""
        pairs = tuple(PairRecord.from_dict(pair) for pair in table["pairs"])
        scored = table.get("accuracy")
        accuracy = None if scored is None else AccuracyRecord.from_dict(scored)
        return cls(pairs, dict(table["settings"]), accuracy)

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

    def plot(self, ax: Any = None, *, label: str = "network", **keywords: Any) -> RhoDepthDisplay:
        """Draw rho against depth, with its null and its ceiling.

        Args:
            ax: Matplotlib axes; those of a new figure by default.
            label: What the legend calls the network.
            **keywords: As for `RhoDepthDisplay.plot`, such as ``unit="nats"`` or ``color="k"``.

        Returns:
            The display, with `ax_`, `figure_` and `lines_`.

        Raises:
            ValueError: As `RhoDepthDisplay.plot`, and for a profile without pairs.
        """
        from robustsplit.drawing import RhoDepthDisplay

        return RhoDepthDisplay.from_profile(self, label=label).plot(ax, **keywords)

    def __repr__(self) -> str:
        return f"Profile({'; '.join(self._facts())})"

    def _repr_html_(self) -> str:
        facts = escape("; ".join(self._facts()))
        return f"<div><p><b>Profile</b>: {facts}</p>{pairs_html(self.pairs)}</div>"

    def _facts(self) -> list[str]:
        """Return what a short text says: which layers, how much, what is certain, how accurate."""
        if not self.pairs:
            return ["no layer pairs"]
        values = [pair.rho * per_nat("bits") for pair in self.pairs]
        verdicts = Counter(pair.verdict for pair in self.pairs)
        facts = [
            f"{len(self.pairs)} layer pairs from {self.pairs[0].parent} to {self.pairs[-1].child}",
            f"rho {min(values):.2f} to {max(values):.2f} bits",
            ", ".join(f"{count} x {verdict}" for verdict, count in verdicts.items()),
        ]
        if self.accuracy is not None:
            scored = self.accuracy
            facts.append(f"accuracy {scored.percent:.1f} % of {scored.n} inputs, {scored.attack}")
        return facts

    def to_frame(self) -> pd.DataFrame:
        """Return one row per pair; nats, with a column of excess."""
        rows = []
        for pair in self.pairs:
            row = asdict(pair)
            row["interval_low"], row["interval_high"] = row.pop("interval")
            row.pop("parts")
            row.pop("reasons")
            row.pop("precisions")
            row |= _at_precision(pair.at_precision)
            row["excess"] = pair.excess
            rows.append(row)
        return pd.DataFrame(rows)


def pairs_html(pairs: Sequence[PairRecord]) -> str:
    """Return pairs as an HTML table for a notebook, in bits."""
    head = ("layer pair", "rho [bits]", "null", "ceiling", "p", "verdict")
    rows = []
    for pair in pairs:
        values = [f"{getattr(pair, name) * per_nat('bits'):.2f}" for name in SHOWN]
        name = f"{pair.parent} → {pair.child}"
        cells = (name, *values, f"{pair.p_value:.2g}", pair.verdict)
        rows.append("".join(f"<td style='text-align:left'>{escape(text)}</td>" for text in cells))
    titles = "".join(f"<th style='text-align:left'>{text}</th>" for text in head)
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"


def _at_precision(found: PrecisionRecord | None) -> dict[str, Any]:
    """Return the columns of the headline's precision."""
    if found is None:
        return {}
    return {
        "tau": found.tau,
        "capacity": found.capacity,
        "kept_lower": found.lower,
        "kept_upper": found.upper,
        "reading": found.reading,
    }
