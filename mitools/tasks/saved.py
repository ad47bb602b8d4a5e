"""Tasks from a folder of saved samples.

The folder holds a ``manifest.csv`` with at least the columns ``suite``, ``task_id``, ``file`` and
``mi_nats``, and the npz files it names, each with the arrays ``x`` and ``y``. Files that hold
``z`` as well are of conditional information and are left out.
"""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from mitools.tasks.task import Draw, Pair, Task

__all__ = ["saved_tasks"]

COLUMNS = ("suite", "task_id", "file", "mi_nats")


def saved_tasks(folder: str | Path) -> dict[str, tuple[Task, ...]]:
    """Return the tasks of a folder by suite.

    Args:
        folder: Where manifest.csv is.

    Returns:
        The tasks of each suite in the order of the manifest. `Task.sample` draws rows without
        replacement, other ones for each seed; if n is most of a file, seeds overlap.

    Raises:
        ValueError: Where there is no manifest, a column or a file of it is missing, or a truth is
            no number.
    """
    folder = Path(folder)
    path = folder / "manifest.csv"
    if not path.is_file():
        raise ValueError(
            f"There is no manifest.csv in {str(folder)!r}. It lists saved tasks, with the columns "
            f"{', '.join(COLUMNS)}."
        )
    suites: dict[str, list[Task]] = {}
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise ValueError(f"{path} has no column {missing[0]!r}; it needs {COLUMNS}.")
        for row in reader:
            task = _task(folder, row)
            if task is not None:
                suites.setdefault(row["suite"], []).append(task)
    return {name: tuple(tasks) for name, tasks in suites.items()}


def _task(folder: Path, row: dict[str, Any]) -> Task | None:
    """Return the task of one line, or None if it has a condition."""
    path, name = folder / row["file"], row["task_id"]
    if not path.is_file() or not zipfile.is_zipfile(path):
        raise ValueError(f"The manifest names {row['file']!r} for {name!r}; there is no such npz.")
    with np.load(path) as arrays:
        if "z" in arrays.files:
            return None
        if not {"x", "y"} <= set(arrays.files):
            raise ValueError(f"{row['file']} must hold 'x' and 'y', it holds {arrays.files}.")
    try:
        truth = float(row["mi_nats"])
    except (TypeError, ValueError):
        raise ValueError(
            f"`mi_nats` of {name!r} must be a number, got {row['mi_nats']!r}."
        ) from None
    return Task(name, _rows_of(path), truth, row.get("mi_source") or "the folder's manifest")


def _rows_of(path: Path) -> Draw:
    def draw(n: int, rng: np.random.Generator) -> Pair:
        with np.load(path) as arrays:
            x, y = (arrays[side].astype(float).reshape(len(arrays[side]), -1) for side in "xy")
        if n > len(x):
            raise ValueError(
                f"{path.name} has {len(x)} rows, fewer than {n}. Ask for at most {len(x)}."
            )
        rows = np.sort(rng.permutation(len(x))[:n])
        return x[rows], y[rows]

    return draw
