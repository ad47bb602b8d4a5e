"""What can be drawn against depth, and how its columns are read from pairs of layers.

A further measure is a row of `MEASURES` and a column of `robustsplit.PairRecord`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mitools import Verdict
from robustsplit.readings import least_of_converged

__all__ = [
    "FIELDS",
    "MEASURES",
    "Measure",
    "column",
    "further",
    "further_names",
    "places_of",
    "rho_of_rows",
]

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Measure:
    """A column of layer pairs that can be drawn against depth, and those that stand beside it.

    Attributes:
        axis: What the axis of values is called, without the unit.
        null: The column of its mean without dependence.
        null_sd: The column of the standard deviation of that.
        low: The column of the lower end of its spread.
        high: Of the upper end.
        ceiling: The column of its largest possible value.
        information: Whether it is information, in nats, and drawn in bits or nats as asked.
    """

    axis: str
    null: str = ""
    null_sd: str = ""
    low: str = ""
    high: str = ""
    ceiling: str = ""
    information: bool = True

    def columns(self) -> Iterator[str]:
        """Yield the columns beside the value that are there."""
        yield from filter(None, (self.null, self.null_sd, self.low, self.high, self.ceiling))


#: What can be drawn, by the column of its values.
MEASURES: dict[str, Measure] = {
    "rho": Measure(r"$\rho$", "null_mean", "null_sd", "low", "high", "ceiling"),
    "released": Measure(r"published $\rho$", "released_null"),
}

#: Columns that are fields of the display; those of further measures are in `more`.
FIELDS = ("null_mean", "null_sd", "ceiling", "independent", "released", "released_null")


def rho_of_rows(rows: pd.DataFrame, groups: Sequence[pd.DataFrame]) -> Vector:
    """Return rho of each pair from its rows of `rho.csv`: the paper's reading, or the mean."""
    if "converged" in rows.columns:
        trials = rows.drop_duplicates("trial").set_index("trial")
        met = trials["converged"].astype(str).str.lower().eq("true")
        if met.any():
            each = [g.groupby("trial")["rho_nats"].min().reindex(met.index) for g in groups]
            values = np.array(each, dtype=float).T
            return values[least_of_converged(values, met.to_numpy()), np.arange(len(groups))]
    return np.array([group["rho_nats"].mean() for group in groups], dtype=float)


def places_of(pairs: Sequence[Any]) -> dict[str, Any]:
    """Return the later layer of each pair, and its distance from the output."""
    return {
        "children": tuple(pair.child for pair in pairs),
        "offset": np.array([pair.offset for pair in pairs], dtype=float),
    }


def column(profiles: Iterable[Sequence[Any]], name: str) -> Any:
    """Average one column over the trials; a pair is independent when it is so in every trial."""
    profiles = list(profiles)
    if name == "independent":
        flags = [[pair.verdict == Verdict.INDEPENDENT for pair in pairs] for pairs in profiles]
        return np.array(flags, dtype=bool).all(axis=0)
    table = [[getattr(p, name, np.nan) for p in pairs] for pairs in profiles]
    return np.array(table, dtype=float).mean(0)


def further(profiles: Sequence[Sequence[Any]]) -> dict[str, Vector]:
    """Return the columns of measures that are no fields of the display, averaged over trials."""
    return {name: column(profiles, name) for name in further_names()}


def further_names() -> dict[str, str]:
    """Return the columns of measures that are no fields of the display, as files name them."""
    return {
        name: f"{name}_nats" if measure.information else name
        for value, measure in MEASURES.items()
        for name in (value, *measure.columns())
        if name not in (*FIELDS, "rho", "low", "high")
    }
