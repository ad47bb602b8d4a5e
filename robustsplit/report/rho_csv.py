"""Results as text: `rho.csv` for other programs, and JSON that gives the same results back.

In files every quantity of information is in nats and says so in its column name. Numbers are
written with ten significant digits, so the same results are the same bytes on every machine.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd

from mitools.samples.messages import visible
from robustsplit.io import write_text
from robustsplit.results import Profile, RhoResult

__all__ = [
    "profiles_frame",
    "read_rho_csv",
    "rho_frame",
    "write_csv",
]

#: Columns of results that hold information, and are therefore named "..._nats" in files.
INFORMATION = (
    "rho",
    "null_mean",
    "null_sd",
    "excess",
    "ceiling",
    "interval_low",
    "interval_high",
    "cross_check",
    "released",
    "released_null",
)
#: What identifies a row comes first, then the measured values in the order a reader wants them.
LEADING = (
    "cut",
    "network",
    "trial",
    "converged",
    "parent",
    "child",
    "offset",
    "label",
    "rho_nats",
    "null_mean_nats",
    "null_sd_nats",
    "excess_nats",
    "ceiling_nats",
    "p_value",
    "verdict",
    "interval_low_nats",
    "interval_high_nats",
    "cross_check_nats",
    "singleton_fraction",
    "released_nats",
    "released_null_nats",
    "n_samples",
    "parent_dim",
    "child_dim",
    "connected",
)
DIGITS = 10
#: Beginnings that a spreadsheet takes for a formula; a mark in front keeps them words.
FORMULA = re.compile(r"'*[=+@\t]|'*-(?![\d.])")


def rho_frame(results: Iterable[RhoResult]) -> pd.DataFrame:
    """Return one row per cut, trial, pair and label; label "all" is the label-weighted sum."""
    return _ordered(pd.concat([result.to_frame() for result in results], ignore_index=True))


def profiles_frame(profiles: Mapping[str, Profile]) -> pd.DataFrame:
    """Return one row per network, pair and label for whole-network profiles."""
    rows = []
    for network, profile in profiles.items():
        frame = profile.to_frame()
        for pair, (_, line) in zip(profile.pairs, frame.iterrows(), strict=True):
            shared = {"network": network, "parent": pair.parent, "child": pair.child}
            rows.append({**shared, "label": "all", **line.drop(labels=["parent", "child"])})
            rows += [{**shared, "label": name, "rho": rho} for name, rho in pair.parts.items()]
    return _ordered(pd.DataFrame(rows))


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame as CSV, in full or not at all; the same values give the same bytes.

    Args:
        frame: Numbers, words and Booleans; NaN becomes an empty cell.
        path: The file; an existing one is replaced.
    """
    text = StringIO()
    table = frame.copy()
    for column in table.columns:
        table[column] = [_text(value) for value in table[column]]
    table.to_csv(text, index=False, lineterminator="\n")
    write_text(path, text.getvalue())


def read_rho_csv(path: Path) -> pd.DataFrame:
    """Read `rho.csv` back.

    Args:
        path: The file.

    Returns:
        Its rows; information is in nats.

    Raises:
        ValueError: When columns that it must have are missing.
    """
    frame = pd.read_csv(path, dtype={"label": str, "parent": str, "child": str})
    missing = [
        name for name in ("parent", "child", "label", "rho_nats") if name not in frame.columns
    ]
    if missing:
        raise ValueError(
            f"{path} is not a rho.csv: it lacks the columns {', '.join(missing)}. "
            "Pass a file that `robustsplit run` or `robustsplit rho` wrote."
        )
    for name in ("parent", "child", "label"):
        frame[name] = frame[name].str.replace(r"^'(?='*[=+@\t-])", "", regex=True)
    return frame


def _ordered(frame: pd.DataFrame) -> pd.DataFrame:
    frame = frame.rename(columns={name: f"{name}_nats" for name in INFORMATION})
    first = [name for name in LEADING if name in frame.columns]
    return frame[first + [name for name in frame.columns if name not in first]]


def _text(value: Any) -> str:
    """Write one cell: whole numbers and words as they are, others with ten digits."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool) or type(value).__name__ in ("bool", "bool_"):
        return "true" if value else "false"
    if isinstance(value, float):
        return (
            str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.{DIGITS}g}"
        )
    text = visible(str(value))
    return f"'{text}" if FORMULA.match(text) else text
