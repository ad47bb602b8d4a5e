"""The suites of tasks, by name; the file of a suite is imported when asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from mitools.samples.messages import unknown
from mitools.tasks.task import Task

__all__ = ["SUITES", "suite"]

#: What each suite holds.
SUITES: Mapping[str, str] = {
    "bmi40": "the 40 tasks of Czyz et al. (2023): normal, Student's t, and maps of them",
    "bend": "10 curved and mixed shapes, after Czyz et al. (2024)",
    "wide": "7 with few signals in up to 512 columns, or many weak ones",
    "independent": "8 with nothing to find, in 1 to 512 columns",
    "fresh": "16 of this library's own, narrow and wide",
    "heldout": "23 of other families than the rest; nothing was tuned on them",
}


def suite(name: str) -> tuple[Task, ...]:
    """Return the tasks of a suite.

    Args:
        name: One of `SUITES`.

    Raises:
        ValueError: For an unknown name, with the nearest ones.
    """
    if name not in SUITES:
        raise ValueError(unknown("suite", name, SUITES))
    tasks: tuple[Task, ...] = import_module(f"mitools.tasks.{name}").TASKS
    return tasks
