"""`Assessment`: an estimate with the evidence for and against it, and how it shows itself."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mitools.evidence.doubts import headline
from mitools.evidence.estimate import Estimate, amount, in_unit
from mitools.evidence.null import Null, tail_text
from mitools.evidence.pairings import pairs_text
from mitools.evidence.spread import Spread

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Assessment", "CrossCheck", "Saturation", "Verdict"]

Matrix = NDArray[np.float64]


class Verdict(StrEnum):
    """The three things that can be said about an estimate."""

    INDEPENDENT = "not distinguishable from independence"
    UNRELIABLE = "dependent, magnitude unreliable"
    USABLE = "magnitude usable"


@dataclass(frozen=True)
class Saturation:
    """How full the estimator was. What an estimator does not count is NaN.

    Attributes:
        fraction_of_ceiling: Value / ceiling.
        singleton_fraction: Share of the samples that are alone in their joint cell.
        cells_x: Occupied cells of X.
        cells_y: Occupied cells of Y.
    """

    fraction_of_ceiling: float
    singleton_fraction: float = float("nan")
    cells_x: float = float("nan")
    cells_y: float = float("nan")

    @classmethod
    def of(cls, estimate: Estimate) -> Saturation:
        """Return how full the estimator of an estimate was."""
        ceiling = estimate.ceiling
        return cls(
            estimate.value / ceiling if 0 < ceiling < math.inf else 0.0,
            *(
                float(estimate.stats.get(name, math.nan))
                for name in ("singleton_fraction", "cells_x", "cells_y")
            ),
        )


@dataclass(frozen=True)
class CrossCheck:
    """The same question put to an estimator of another kind.

    Attributes:
        estimate: Its estimate.
        null: Its own permutation null.
    """

    estimate: Estimate
    null: Null

    @property
    def null_mean(self) -> float:
        """Mean of its null, in its unit."""
        return self.null.mean

    @property
    def null_sd(self) -> float:
        """Standard deviation of its null."""
        return self.null.sd

    @property
    def p_value(self) -> float:
        """(1 + permutations at least as large) / (1 + permutations)."""
        return self.null.p_value

    @property
    def fitted_p_value(self) -> float:
        """Tail of the law fitted to the permutations."""
        return self.null.fitted_p_value

    @property
    def n_permutations(self) -> int:
        """How many permutations there were."""
        return len(self.null)


@dataclass(frozen=True, repr=False)
class Assessment:
    """An estimate with the evidence for and against it; nats unless named otherwise.

    Attributes:
        estimate: The estimate.
        permuted: The null: estimates of pairs permuted within labels.
        permuted_parts: The same for each label (empty without labels).
        interval: Where I lies, from noise and an allowance for bias; NaN where the labels have too
            few samples to be halved.
        confidence: Its confidence level.
        spread: The noise and the bias that it is made of; None where there is no interval.
        sweep: Values under nearby settings, by setting, such as ``{"k=2": 0.35, "k=8": 0.33}``.
        by_size: Mean estimate by number of samples: a quarter, a half, all.
        cross_check: A second estimator's answer, with its own null; None if there was none.
        determined: Sentences on columns that the other side determines.
        blocks: How the permutations kept the order of the rows; None if they did not.
        n_groups: How many groups of rows were permuted as wholes; None without groups.
        verdict: What can be said, as a `Verdict` (a string).
        reasons: Why, in sentences.
        caveats: What makes the rows other than independent of each other, in a few words.
    """

    estimate: Estimate
    permuted: Null
    permuted_parts: Mapping[Hashable, Null] = field(default_factory=dict)
    interval: tuple[float, float] = (float("nan"), float("nan"))
    confidence: float = 0.9
    spread: Spread | None = None
    sweep: Mapping[str, float] = field(default_factory=dict)
    by_size: Mapping[int, float] = field(default_factory=dict)
    cross_check: CrossCheck | None = None
    determined: tuple[str, ...] = ()
    blocks: int | None = None
    n_groups: int | None = None
    verdict: Verdict = Verdict.INDEPENDENT
    reasons: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()

    @property
    def headline(self) -> str:
        """The verdict and, where it claims dependence, the caveats that undo it."""
        undone = () if self.verdict is Verdict.INDEPENDENT else self.caveats
        return headline(self.verdict, undone)

    @property
    def value(self) -> float:
        """The estimate, in nats."""
        return self.estimate.value

    @property
    def unit(self) -> str:
        """What the values are in: "nats", but for estimators of something else."""
        return self.estimate.unit

    @property
    def bits(self) -> float:
        """The estimate, in bits."""
        return self.estimate.bits

    @property
    def null(self) -> Matrix:
        """Estimates of pairs permuted within labels, with shape (n_permutations,)."""
        return self.permuted.values

    @property
    def null_parts(self) -> Mapping[Hashable, Matrix]:
        """The same for each label (empty without labels)."""
        return {label: null.values for label, null in self.permuted_parts.items()}

    @property
    def n_permutations(self) -> int:
        """How many permutations there were."""
        return len(self.permuted)

    @property
    def p_value(self) -> float:
        """(1 + permutations at least as large) / (1 + permutations); never 0."""
        return self.permuted.p_value

    @property
    def fitted_p_value(self) -> float:
        """Tail of a law fitted to the permutations, which may fall far below `p_value`."""
        return self.permuted.fitted_p_value

    @property
    def null_mean(self) -> float:
        """Mean of the permutation null: what this estimator returns without any dependence."""
        return self.permuted.mean

    @property
    def null_sd(self) -> float:
        """Standard deviation of the permutation null (0 for a single permutation)."""
        return self.permuted.sd

    @property
    def excess(self) -> float:
        """The value minus the mean of the null."""
        return self.permuted.excess

    @property
    def saturation(self) -> Saturation:
        """How full the estimator was."""
        return Saturation.of(self.estimate)

    @property
    def headroom(self) -> float:
        """Where the value lies between the null's mean (0) and the ceiling (1)."""
        room = self.estimate.ceiling - self.null_mean
        return self.excess / room if room > 0 else float("nan")

    def summary(self) -> str:
        """Return a few lines in nats and bits, the headline first, the reasons last."""
        lines = [f"I = {amount(self.value, self.unit)}: {self.headline}"]
        lines += [f"  {name:<12}{text}" for name, text in _rows(self)]
        lines += [f"  - {reason}" for reason in self.reasons]
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        bits = f" = {self.bits:.3f} bits" if self.unit == "nats" else ""
        return (
            f"Assessment({self.value:.3f} {self.unit}{bits}, null {self.null_mean:.3f} "
            f"+- {self.null_sd:.3f}, p={self.p_value:.2g}: {self.headline})"
        )

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{escape(name)}</th>"
            f"<td style='text-align:left'>{escape(text)}</td></tr>"
            for name, text in _rows(self)
        )
        reasons = "".join(f"<li>{escape(reason)}</li>" for reason in self.reasons)
        value = escape(amount(self.value, self.unit))
        head = f"I = {value}: <b>{escape(self.headline)}</b>"
        return f"<div><p>{head}</p><table>{rows}</table><ul>{reasons}</ul></div>"

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers and text, ready for JSON; what is not a number becomes None."""
        check = self.cross_check
        record = {
            **self.estimate.to_dict(),
            "headline": self.headline,
            "verdict": str(self.verdict),
            "caveats": list(self.caveats),
            "reasons": list(self.reasons),
            "null_mean_nats": self.null_mean,
            "null_sd_nats": self.null_sd,
            "null_nats": [float(value) for value in self.null],
            "p_value": self.p_value,
            "fitted_p_value": self.fitted_p_value,
            "n_permutations": self.n_permutations,
            "blocks": self.blocks,
            "n_groups": self.n_groups,
            "excess_nats": self.excess,
            "headroom": self.headroom,
            "interval_nats": list(self.interval),
            "interval_of": "I: noise, and an allowance for bias",
            "noise_nats": math.nan if self.spread is None else self.spread.noise,
            "bias_nats": math.nan if self.spread is None else self.spread.bias,
            "confidence": self.confidence,
            "saturation": dict(vars(self.saturation)),
            "sweep_nats": dict(self.sweep),
            "by_size_nats": {str(n): value for n, value in self.by_size.items()},
            "cross_check": None
            if check is None
            else {
                **check.estimate.to_dict(),
                "null_mean_nats": check.null_mean,
                "null_sd_nats": check.null_sd,
                "p_value": check.p_value,
                "fitted_p_value": check.fitted_p_value,
                "n_permutations": check.n_permutations,
            },
        }
        plain: dict[str, Any] = _plain(in_unit(record, self.unit))
        return plain

    def to_frame(self) -> pd.DataFrame:
        """Return a data frame with a row for the whole (label "all") and one for each label."""
        import pandas as pd

        check = self.cross_check
        whole = {
            "label": "all",
            "n_samples": self.estimate.n_samples,
            "nats": self.value,
            "bits": self.bits,
            "null_mean_nats": self.null_mean,
            "null_sd_nats": self.null_sd,
            "p_value": self.p_value,
            "fitted_p_value": self.fitted_p_value,
            "excess_nats": self.excess,
            "ceiling_nats": self.estimate.ceiling,
            "low_nats": self.interval[0],
            "high_nats": self.interval[1],
            **vars(self.saturation),
            "cross_check_nats": math.nan if check is None else check.estimate.value,
            "estimator": str(self.estimate.estimator),
            "verdict": str(self.verdict),
            "caveats": "; ".join(self.caveats),
        }
        rows = [whole]
        for label, part in self.estimate.parts.items():
            null = self.permuted_parts[label]
            rows.append(
                {
                    "label": label,
                    "n_samples": part.n_samples,
                    "nats": part.value,
                    "bits": part.bits,
                    "null_mean_nats": null.mean,
                    "null_sd_nats": null.sd,
                    "p_value": null.p_value,
                    "fitted_p_value": null.fitted_p_value,
                    "excess_nats": null.excess,
                    "ceiling_nats": part.ceiling,
                    "estimator": str(part.estimator),
                }
            )
        return pd.DataFrame([in_unit(row, self.unit) for row in rows])


def _rows(assessment: Assessment) -> list[tuple[str, str]]:
    """Return the lines of a summary, as (name, text)."""
    estimate, full, check = assessment.estimate, assessment.saturation, assessment.cross_check
    unit = assessment.unit
    labels = f", {len(estimate.parts)} labels" if estimate.parts else ""
    rows = [
        ("estimator", f"{estimate.estimator}, n = {estimate.n_samples}{labels}"),
        (
            "ceiling",
            f"{amount(estimate.ceiling, unit)}, {full.fraction_of_ceiling:.0%} of it reached"
            + (" (the entropy of the discrete side)" if estimate.ceiling_is_entropy else "")
            if math.isfinite(estimate.ceiling)
            else "none",
        ),
        (
            "null",
            f"{assessment.null_mean:.3f} +- {assessment.null_sd:.3f} {unit} over "
            f"{len(assessment.null)} {pairs_text(assessment.blocks, assessment.n_groups)}, "
            f"p = {assessment.p_value:.2g}, fitted tail {tail_text(assessment.fitted_p_value)}",
        ),
        ("excess", f"{amount(assessment.excess, unit)} above the null"),
    ]
    if assessment.spread is not None:
        low, high = assessment.interval
        rows.append(
            (
                "interval",
                f"{low:.3f} to {high:.3f} {unit}, {assessment.confidence:.0%}: noise "
                f"{assessment.spread.noise:.3f}, bias perhaps {assessment.spread.bias:+.3f}",
            )
        )
    if not math.isnan(full.singleton_fraction):
        rows.append(
            (
                "cells",
                f"{full.cells_x:.0f} and {full.cells_y:.0f} occupied, "
                f"{full.singleton_fraction:.0%} of the samples alone in their joint cell",
            )
        )
    if check is not None:
        rows.append(
            (
                "cross-check",
                f"{check.estimate.estimator}: {amount(check.estimate.value)}, null "
                f"{check.null_mean:.3f}, fitted tail {tail_text(check.fitted_p_value)}",
            )
        )
    return rows


def _plain(item: Any) -> Any:
    if isinstance(item, dict):
        return {key: _plain(value) for key, value in item.items()}
    if isinstance(item, list | tuple):
        return [_plain(value) for value in item]
    if isinstance(item, float):
        return float(item) if math.isfinite(item) else None
    return item
