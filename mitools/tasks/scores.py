"""How far estimates are from the truth, one by one and on average: `Score` and `Scores`."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mitools.samples.messages import unknown

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Score", "Scores"]

#: Up to this many estimators, a table shows each one's error and seconds beside its value.
DETAILED = 2
#: Width of the column of tasks.
NAMES = 46


@dataclass(frozen=True)
class Score:
    """One estimate on one sample of a task.

    Attributes:
        suite: The suite of the task.
        task: Its name.
        d_x: Columns of X.
        d_y: Columns of Y.
        n: Pairs in the sample.
        seed: Seed of the sample.
        estimator: Name of the estimator.
        truth: I(X; Y) in nats.
        value: The estimate in nats; NaN where the estimator refused the data.
        cpu_s: CPU seconds of all threads.
        note: Why it refused, or its warnings.
    """

    suite: str
    task: str
    d_x: int
    d_y: int
    n: int
    seed: int
    estimator: str
    truth: float
    value: float
    cpu_s: float
    note: str = ""

    @property
    def error(self) -> float:
        """The value minus the truth."""
        return self.value - self.truth


@dataclass(frozen=True, repr=False)
class Scores:
    """All estimates of a run; `str` of it is a table for each suite and n.

    Attributes:
        rows: The estimates, in the order in which they were made.
    """

    rows: tuple[Score, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Score]:
        return iter(self.rows)

    def __repr__(self) -> str:
        names = ", ".join(self._distinct("estimator"))
        return f"Scores({len(self.rows)} estimates on {self._distinct('suite')} by {names})"

    @property
    def estimators(self) -> list[str]:
        """Names of the estimators."""
        return self._distinct("estimator")

    def mean_absolute_error(
        self, estimator: str | None = None, *, suite: str | None = None, n: int | None = None
    ) -> float:
        """Return the mean of |value - truth| in nats over the estimates chosen that are numbers.

        Args:
            estimator: Name of the estimator; all if not given.
            suite: Name of the suite; all if not given.
            n: Size of the samples; all if not given.

        Returns:
            The mean; NaN if every estimator refused.

        Raises:
            ValueError: For what was not run.
        """
        rows: Sequence[Score] = self.rows
        for kind, wanted in (("estimator", estimator), ("suite", suite), ("n", n)):
            if wanted is not None:
                if wanted not in self._distinct(kind):
                    raise ValueError(unknown(kind, wanted, self._distinct(kind)))
                rows = [row for row in rows if getattr(row, kind) == wanted]
        return _mean([abs(row.error) for row in rows])

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers and text, ready for JSON: the rows and each mean absolute error."""
        summary = [
            {
                "suite": suite,
                "n": n,
                "estimator": name,
                "tasks": len({row.task for row in rows}),
                "answered": sum(np.isfinite(row.value) for row in rows) / len(rows),
                "mean_absolute_error": _number(_mean([abs(row.error) for row in rows])),
                "mean_error": _number(_mean([row.error for row in rows])),
                "cpu_s": _mean([row.cpu_s for row in rows]),
            }
            for suite, n in self._tables()
            for name in self.estimators
            if (rows := self._of(suite, n, name))
        ]
        return {"summary": summary, "rows": [_record(row) for row in self.rows]}

    def to_frame(self) -> pd.DataFrame:
        """Return a data frame with one row for each estimate."""
        import pandas as pd

        return pd.DataFrame([_record(row) for row in self.rows])

    def save(self, path: str | Path, **more: Any) -> None:
        """Write a JSON or CSV file, by the suffix.

        Args:
            path: Such as "scores.json"; folders are made.
            **more: Further entries of the JSON, such as the versions of packages.

        Raises:
            ValueError: For another suffix.
        """
        path = Path(path)
        if path.suffix not in (".json", ".csv"):
            raise ValueError(f"Scores are saved as .json or .csv, got {path.name!r}.")
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".json":
            path.write_text(_json({**more, **self.to_dict()}))
            return
        with path.open("w", newline="") as file:
            records = [_record(row) for row in self.rows]
            writer = csv.DictWriter(file, list(records[0]) if records else ["suite"])
            writer.writeheader()
            writer.writerows(records)

    def __str__(self) -> str:
        return "\n\n".join(self._table(suite, n) for suite, n in self._tables())

    def _table(self, suite: str, n: int) -> str:
        names = [name for name in self.estimators if self._of(suite, n, name)]
        shown = ["value", "error", "cpu_s"] if len(names) <= DETAILED else ["value"]
        width = max(9 * len(shown), 2 + max(map(len, names)))
        seeds = len({row.seed for row in self.rows if (row.suite, row.n) == (suite, n)})
        drawn = f"mean of {seeds} samples" if seeds > 1 else "one sample"
        lines = [f"{suite}, n = {n}, {drawn} a task; nats"]
        lines.append(f"{'task':<{NAMES}}{'truth':>8}" + "".join(f"{x:>{width}}" for x in names))
        if len(shown) > 1:
            heads = "".join(f"{x:>9}" for x in ("value", "error", "CPU s"))
            lines.append(" " * (NAMES + 8) + f"{heads:>{width}}" * len(names))
        for task in dict.fromkeys(r.task for r in self.rows if (r.suite, r.n) == (suite, n)):
            cells, truth = "", float("nan")
            for name in names:
                rows = [row for row in self._of(suite, n, name) if row.task == task]
                truth = rows[0].truth if rows else truth
                texts = [f"{_text(_mean([getattr(row, x) for row in rows])):>9}" for x in shown]
                cells += f"{''.join(texts):>{width}}"
            lines.append(f"{task[: NAMES - 1]:<{NAMES}}{truth:>8.3f}" + cells)
        for what, of in SUMMARY.items():
            means = [_text(of(self._of(suite, n, name))) for name in names]
            lines.append(f"{what:<{NAMES + 8}}" + "".join(f"{x:>{width}}" for x in means))
        counts = [
            sum(row.value == row.value for row in self._of(suite, n, name)) for name in names
        ]
        if len(set(counts)) > 1:  # means over different tasks do not compare
            lines.append(
                f"{'estimates':<{NAMES + 8}}" + "".join(f"{count:>{width}}" for count in counts)
            )
        refused = [
            f"{name} refused {missing} of {len(rows)}: {rows[0].note}"
            for name in names
            if (rows := sorted(self._of(suite, n, name), key=lambda row: row.value == row.value))
            and (missing := sum(row.value != row.value for row in rows))
        ]
        return "\n".join([*lines, *refused])

    def _tables(self) -> list[tuple[str, int]]:
        return list(dict.fromkeys((row.suite, row.n) for row in self.rows))

    def _of(self, suite: str, n: int, estimator: str) -> list[Score]:
        wanted = (suite, n, estimator)
        return [row for row in self.rows if (row.suite, row.n, row.estimator) == wanted]

    def _distinct(self, name: str) -> list[Any]:
        return list(dict.fromkeys(getattr(row, name) for row in self.rows))


#: The lines under a table.
SUMMARY = {
    "mean absolute error": lambda rows: _mean([abs(row.error) for row in rows]),
    "mean error": lambda rows: _mean([row.error for row in rows]),
    "mean CPU seconds": lambda rows: _mean([row.cpu_s for row in rows]),
}


def _mean(values: Sequence[float]) -> float:
    """Return the mean of those that are no NaN; NaN if there are none."""
    kept = [value for value in values if value == value]
    return float(np.mean(kept)) if kept else float("nan")


def _text(value: float) -> str:
    return f"{value:.3f}" if value == value else "-"


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _json(record: dict[str, Any]) -> str:
    """Return JSON with each row of a table on a line of its own."""
    entries = []
    for name, value in record.items():
        text = json.dumps(value)
        if isinstance(value, list) and value:
            text = "[\n" + ",\n".join(f"  {json.dumps(row)}" for row in value) + "\n ]"
        entries.append(f" {json.dumps(name)}: {text}")
    return "{\n" + ",\n".join(entries) + "\n}\n"


def _record(row: Score) -> dict[str, Any]:
    """Return a row with its error; JSON has no NaN."""
    return asdict(row) | {"value": _number(row.value), "error": _number(row.error)}
