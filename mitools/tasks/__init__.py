"""Benchmark tasks of known mutual information, for any estimator, your own included.

>>> from mitools.tasks import SUITES, run_tasks, suite
>>> sorted(SUITES)
['bend', 'bmi40', 'fresh', 'heldout', 'independent', 'wide']
>>> suite("bend")[0].name
'X 1+1'
>>> scores = run_tasks("bend", "gaussian", n=200)
>>> scores.mean_absolute_error() > 0.3  # correlation sees little of these shapes
True

`run_tasks` takes estimators, texts such as "ksg:k=5", and plain functions of x and y. Each suite
is a file here; its docstring says where the tasks come from. `saved_tasks` reads others' samples.
"""

from collections.abc import Mapping
from importlib import import_module

from mitools.messages import unknown
from mitools.tasks.run import run_tasks
from mitools.tasks.saved import saved_tasks
from mitools.tasks.scores import Score, Scores
from mitools.tasks.task import Task

__all__ = ["SUITES", "Score", "Scores", "Task", "run_tasks", "saved_tasks", "suite"]

#: What each suite holds; the file of its name is imported when asked for.
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
    tasks: tuple[Task, ...] = import_module(f"{__name__}.{name}").TASKS
    return tasks
