"""What a run found, in one record without torch: what reports, tables and figures are made of.

`Findings` is what `assessment.json` holds. Tables here are for reading: in bits or nats as asked,
with the null, the ceiling and the verdict beside every value.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from robustsplit.plot import RhoDepthDisplay, Unit
from robustsplit.results import AccuracyRecord, PairRecord, Profile, RhoResult

__all__ = [
    "Findings",
    "accuracy_table",
    "pair_table",
    "result_table",
    "summary_table",
]

Scores = Mapping[str, Mapping[str, AccuracyRecord]]


@dataclass(frozen=True)
class Findings:
    """Results of a study, or of one network's profile.

    Attributes:
        name: Of the study.
        results: Algorithm 1, one per cut; none for a single network's profile.
        profiles: Whole networks, by name.
        scores: Test accuracies by network name, then by "clean" and "attacked".
        config: Settings as text, TOML; or what was asked on the command line.
        environment: Versions, threads, data and where it ran.
        attack: The attack in words.
        data: The data in words.
        toy: Whether the data is a toy, which every text must say.
        unit: "bits" or "nats", for display.
        warnings: Sentences a reader must see.
        command: What reproduces it.
    """

    name: str
    results: tuple[RhoResult, ...] = ()
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    scores: Scores = field(default_factory=dict)
    config: str = ""
    environment: Mapping[str, Any] = field(default_factory=dict)
    attack: str = "clean"
    data: str = ""
    toy: bool = False
    unit: Unit = "bits"
    warnings: tuple[str, ...] = ()
    command: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Findings:
        """Return the findings that `to_dict` made `table` of; null stands for NaN."""
        named = {
            "results": tuple(RhoResult.from_dict(result) for result in table["results"]),
            "profiles": {k: Profile.from_dict(v) for k, v in table["profiles"].items()},
            "scores": {
                network: {kind: AccuracyRecord.from_dict(one) for kind, one in kinds.items()}
                for network, kinds in table["scores"].items()
            },
            "warnings": tuple(table["warnings"]),
        }
        return cls(**{**table, **named})

    @classmethod
    def load(cls, path: Path) -> Findings:
        """Read `assessment.json`.

        Raises:
            FileNotFoundError: When there is none, with what to do.
            ValueError: When it is of another kind.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(
                f"No {path.name} in {path.parent}: nothing is finished there yet. Continue the "
                f"run with `robustsplit resume {path.parent}`."
            )
        try:
            return cls.from_dict(json.loads(path.read_text()))
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(
                f"{path} was not written by this version ({type(error).__name__}: {error}). "
                f"`robustsplit resume {path.parent}` writes it anew."
            ) from error

    @property
    def pairs(self) -> tuple[PairRecord, ...]:
        """Every pair the conclusions rest on: Algorithm 1's, or else the profiles'."""
        if self.results:
            return tuple(pair for result in self.results for pair in result.chosen())
        return tuple(pair for profile in self.profiles.values() for pair in profile.pairs)

    @property
    def protocol(self) -> str:
        """Whether "adaptive" or "static"; a profile alone attacks the very network it measures."""
        kinds = {str(result.settings.get("protocol", "adaptive")) for result in self.results}
        return kinds.pop() if len(kinds) == 1 else "adaptive"

    def displays(self) -> list[RhoDepthDisplay]:
        """Return what the main figure draws: whole networks first, then each cut."""
        lines = [
            RhoDepthDisplay.from_profile(profile, label=f"{name} network")
            for name, profile in self.profiles.items()
        ]
        named = [
            RhoDepthDisplay.from_result(result, label=f"Algorithm 1, f_b = {result.cut}")
            for result in self.results
        ]
        return lines + named


def pair_table(pairs: list[PairRecord] | tuple[PairRecord, ...], unit: Unit) -> pd.DataFrame:
    """Return one row per pair with everything its value must be compared to, in `unit`."""
    scale = 1 / np.log(2) if unit == "bits" else 1.0
    return pd.DataFrame(
        [
            {
                "layer pair": f"{pair.parent} → {pair.child}"
                + ("" if pair.connected else " (parallel branches)"),
                "rho": pair.rho * scale,
                "null": pair.null_mean * scale,
                "excess": pair.excess * scale,
                "ceiling": pair.ceiling * scale,
                "p": pair.p_value,
                "verdict": pair.verdict,
                "cross-check": pair.cross_check * scale,
                "published": pair.released * scale,
                "published, null": pair.released_null * scale,
            }
            for pair in pairs
        ]
    )


def result_table(result: RhoResult, unit: Unit) -> pd.DataFrame:
    """Return one cut's pairs, with the range of rho over all trials."""
    scale = 1 / np.log(2) if unit == "bits" else 1.0
    table = pair_table(result.chosen(), unit)
    low, high = result.rho("min") * scale, result.rho("max") * scale
    spread = [f"{a:.2f} to {b:.2f}" for a, b in zip(low, high, strict=True)]
    table.insert(2, f"over {len(result.trials)} trials", spread)
    return table


def summary_table(findings: Findings) -> pd.DataFrame:
    """Return the table a run ends in: each cut's pairs, and the three accuracies in percent."""
    frames = []
    for result in findings.results:
        table = pair_table(result.chosen(), findings.unit)
        table = table[["layer pair", "rho", "null", "excess", "ceiling", "verdict"]]
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
