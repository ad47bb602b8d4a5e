"""How an `Assessment` shows itself: lines, HTML, JSON and a data frame."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Any

from mitools._resampling import fitted_p_value, p_value, tail_text
from mitools.base import amount, in_unit

if TYPE_CHECKING:
    import pandas as pd

    from mitools.assessment import Assessment

__all__ = ["html", "summary", "to_dict", "to_frame"]


def summary(assessment: Assessment) -> str:
    """Return the verdict, the numbers and the reasons, in a few lines."""
    lines = [f"I = {amount(assessment.value, assessment.unit)}: {assessment.verdict}"]
    lines += [f"  {name:<12}{text}" for name, text in _rows(assessment)]
    lines += [f"  - {reason}" for reason in assessment.reasons]
    return "\n".join(lines)


def html(assessment: Assessment) -> str:
    """Return a small table for notebooks, nothing loaded from elsewhere."""
    rows = "".join(
        f"<tr><th style='text-align:left'>{escape(name)}</th>"
        f"<td style='text-align:left'>{escape(text)}</td></tr>"
        for name, text in _rows(assessment)
    )
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in assessment.reasons)
    value = escape(amount(assessment.value, assessment.unit))
    head = f"I = {value}: <b>{escape(assessment.verdict)}</b>"
    return f"<div><p>{head}</p><table>{rows}</table><ul>{reasons}</ul></div>"


def to_dict(assessment: Assessment) -> dict[str, Any]:
    """Return numbers and text that JSON can hold; NaN and infinity become None."""
    check = assessment.cross_check
    record = {
        **assessment.estimate.to_dict(),
        "verdict": str(assessment.verdict),
        "reasons": list(assessment.reasons),
        "null_mean_nats": assessment.null_mean,
        "null_sd_nats": assessment.null_sd,
        "null_nats": [float(value) for value in assessment.null],
        "p_value": assessment.p_value,
        "fitted_p_value": assessment.fitted_p_value,
        "n_permutations": len(assessment.null),
        "blocks": assessment.blocks,
        "excess_nats": assessment.excess,
        "headroom": assessment.headroom,
        "interval_nats": list(assessment.interval),
        "interval_of": "I: noise, and an allowance for bias",
        "noise_nats": math.nan if assessment.spread is None else assessment.spread.noise,
        "bias_nats": math.nan if assessment.spread is None else assessment.spread.bias,
        "confidence": assessment.confidence,
        "saturation": dict(vars(assessment.saturation)),
        "sweep_nats": dict(assessment.sweep),
        "by_size_nats": {str(n): value for n, value in assessment.by_size.items()},
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
    plain: dict[str, Any] = _plain(in_unit(record, assessment.unit))
    return plain


def to_frame(assessment: Assessment) -> pd.DataFrame:
    """Return a row for the whole and one for each label; units are in the column names."""
    import pandas as pd

    check = assessment.cross_check
    whole = {
        "label": "all",
        "n_samples": assessment.estimate.n_samples,
        "nats": assessment.value,
        "bits": assessment.bits,
        "null_mean_nats": assessment.null_mean,
        "null_sd_nats": assessment.null_sd,
        "p_value": assessment.p_value,
        "fitted_p_value": assessment.fitted_p_value,
        "excess_nats": assessment.excess,
        "ceiling_nats": assessment.estimate.ceiling,
        "low_nats": assessment.interval[0],
        "high_nats": assessment.interval[1],
        **vars(assessment.saturation),
        "cross_check_nats": math.nan if check is None else check.estimate.value,
        "estimator": str(assessment.estimate.estimator),
        "verdict": str(assessment.verdict),
    }
    rows = [whole]
    for label, part in assessment.estimate.parts.items():
        null = assessment.null_parts[label]
        rows.append(
            {
                "label": label,
                "n_samples": part.n_samples,
                "nats": part.value,
                "bits": part.bits,
                "null_mean_nats": float(null.mean()),
                "null_sd_nats": float(null.std(ddof=1)) if len(null) > 1 else 0.0,
                "p_value": p_value(null, part.value),
                "fitted_p_value": fitted_p_value(null, part.value),
                "excess_nats": part.value - float(null.mean()),
                "ceiling_nats": part.ceiling,
                "estimator": str(part.estimator),
            }
        )
    return pd.DataFrame([in_unit(row, assessment.unit) for row in rows])


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
            f"{len(assessment.null)} {_pairings(assessment.blocks)}, "
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


def _pairings(blocks: int | None) -> str:
    if blocks is None:
        return "shuffled pairings"
    return "pairings turned in time" if blocks == 1 else f"pairings of {blocks} shuffled runs"


def _plain(item: Any) -> Any:
    if isinstance(item, dict):
        return {key: _plain(value) for key, value in item.items()}
    if isinstance(item, list | tuple):
        return [_plain(value) for value in item]
    if isinstance(item, float):
        return float(item) if math.isfinite(item) else None
    return item
