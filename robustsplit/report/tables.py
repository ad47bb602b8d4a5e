"""Findings as tables for reading: in bits or nats as asked, a row per pair or per network.

Beside every value stand its null, its ceiling and its verdict.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from robustsplit.report.findings import Findings
from robustsplit.results import AccuracyRecord, PairRecord, RhoResult
from robustsplit.units import Unit, per_nat

__all__ = ["accuracy_table", "difference_table", "pair_table", "result_table", "summary_table"]


def pair_table(pairs: Sequence[PairRecord], unit: Unit) -> pd.DataFrame:
    """Return the pairs of layers as a table: each rho with all that it must be compared to.

    Args:
        pairs: The pairs, input side first.
        unit: "bits" or "nats".

    Returns:
        One row per pair.

    Raises:
        ValueError: For another unit.
    """
    scale = per_nat(unit)
    return pd.DataFrame(
        [
            {
                "layer pair": f"{pair.parent} → {pair.child}"
                + ("" if pair.connected else " (parallel branches)"),
                **_kept(pair, scale),
                "rho": pair.rho * scale,
                "null": pair.null_mean * scale,
                "excess": pair.excess * scale,
                "ceiling": pair.ceiling * scale,
                "p": pair.p_value,
                "verdict": pair.verdict,
                "cross-check": pair.cross_check * scale,
                "published rho": pair.released * scale,
                "published null": pair.released_null * scale,
            }
            for pair in pairs
        ]
    )


def _kept(pair: PairRecord, scale: float) -> dict[str, str]:
    """Return what the child keeps of its parent at the headline's precision, as cells."""
    found = pair.at_precision
    if found is None:
        return {}
    upper = f"{found.upper * scale:.2f}"
    sides = (
        f"at most {upper}" if np.isnan(found.lower) else f"{found.lower * scale:.2f} to {upper}"
    )
    return {f"kept at tau {found.tau:g}": sides, "reading": found.reading}


def result_table(result: RhoResult, unit: Unit) -> pd.DataFrame:
    """Return one cut's pairs, with the range of rho over all trials.

    Args:
        result: What Algorithm 1 measured.
        unit: "bits" or "nats".

    Returns:
        One row per pair, as `pair_table`.

    Raises:
        ValueError: For another unit.
    """
    scale = per_nat(unit)
    table = pair_table(result.chosen(), unit)
    low, high = result.rho("min") * scale, result.rho("max") * scale
    spread = [f"{a:.2f} to {b:.2f}" for a, b in zip(low, high, strict=True)]
    table.insert(list(table).index("rho") + 1, f"over {len(result.trials)} trials", spread)
    return table


def summary_table(findings: Findings) -> pd.DataFrame:
    """Return the table a run ends in: each cut's pairs, and the three accuracies in percent."""
    frames = []
    for result in findings.results:
        table = pair_table(result.chosen(), findings.unit)
        kept = [name for name in table if str(name).startswith("kept at")]
        table = table[["layer pair", *kept, "rho", "null", "excess", "ceiling", "verdict"]]
        table.insert(0, "f_b", [result.cut] + [""] * (len(table) - 1))
        for name, record in (
            ("Acc*", result.acc_star),
            ("Acc_sr", result.acc_sr),
            ("Acc~", result.acc_tilde),
        ):
            table[name] = [f"{record.percent:.1f}"] + [""] * (len(table) - 1)
        frames.append(table)
    return pd.concat(frames, ignore_index=True)


def accuracy_table(findings: Findings) -> pd.DataFrame:
    """Return accuracies with Wilson's 95 % interval, one row per network and kind of input."""
    rows = []

    def add(network: str, inputs: str, record: AccuracyRecord) -> None:
        low, high = record.interval
        rows.append(
            {
                "network": network,
                "inputs": inputs,
                "accuracy [%]": f"{record.percent:.1f}",
                "95 % interval": f"{low:.1f} to {high:.1f}",
                "images": record.n,
            }
        )

    for network, kinds in findings.scores.items():
        for inputs, record in kinds.items():
            add(network, inputs, record)
    for result in findings.results:
        best = result.best_trial
        add(
            f"semirobust before retraining (Acc_sr), f_b = {result.cut}", "attacked", result.acc_sr
        )
        add(f"semirobust, f_b retrained (Acc~), f_b = {result.cut}", "attacked", best.test)
        add(f"semirobust, f_b retrained, f_b = {result.cut}", "clean", best.clean)
    return pd.DataFrame(rows)


def difference_table(findings: Findings) -> pd.DataFrame:
    """Return how accuracies under the attack differ on the same images, two rows per cut.

    Differences are in percentage points, with Tango's 95 % interval and McNemar's exact p value;
    a run that did not keep which images were classified correctly has no rows.

    Args:
        findings: What was found.

    Returns:
        The table; see `robustsplit.results.PairedDifference` for the sources.
    """
    rows = []
    for result in findings.results:
        for name, difference in (
            ("Acc~ - Acc*", result.against_robust),
            ("Acc~ - Acc_sr", result.against_semirobust),
        ):
            if difference is None:
                continue
            low, high = difference.interval
            rows.append(
                {
                    "f_b": result.cut,
                    "difference": name,
                    "points": f"{difference.points:+.1f}",
                    "95 % interval": f"{low:+.1f} to {high:+.1f}",
                    "p (McNemar)": difference.p_value,
                    "only the first correct": difference.only_first,
                    "only the second correct": difference.only_second,
                    "images": difference.n,
                }
            )
    return pd.DataFrame(rows)
