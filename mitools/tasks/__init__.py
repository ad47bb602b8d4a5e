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

from mitools.tasks.run import run_tasks
from mitools.tasks.saved import saved_tasks
from mitools.tasks.scores import Score, Scores
from mitools.tasks.suites import SUITES, suite
from mitools.tasks.task import Task

__all__ = ["SUITES", "Score", "Scores", "Task", "run_tasks", "saved_tasks", "suite"]
