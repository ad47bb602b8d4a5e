"""Estimators on tasks: `run_tasks(tasks, estimators, n=..., seeds=...) -> Scores`."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from mitools.estimators.base import MutualInformationEstimator, check_whole
from mitools.estimators.registry import parse_estimator
from mitools.tasks import suites
from mitools.tasks.scores import Score, Scores
from mitools.tasks.task import Task

__all__ = ["run_tasks"]

#: From samples to nats, or to None where the function does not take such samples.
Function = Callable[[Any, Any], float | None]
Estimator = MutualInformationEstimator | str | Function


def run_tasks(
    tasks: str | Task | Iterable[str | Task] | Mapping[str, Iterable[Task]],
    estimators: Estimator | Sequence[Estimator] | Mapping[str, Estimator] = "ksg",
    *,
    n: int | Sequence[int] = 1000,
    seeds: int | Sequence[int] = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Scores:
    """Run every estimator on the same samples of every task.

    Args:
        tasks: Names of suites, tasks of your own, or tasks by the name of their suite.
        estimators: Estimators, texts for `parse_estimator`, or functions of x and y, with shapes
            (n, d_x) and (n, d_y), that return nats, or None for data that they do not take. A
            mapping names them; otherwise the name is the estimator's repr or the function's name.
        n: How many pairs to draw; several numbers, one after the other.
        seeds: How many samples of each size to draw, or the seeds themselves.
        progress: Called with the number of finished estimates and their total number.

    Returns:
        One `Score` for each estimate. An estimator that refuses the data with a ValueError gets
        NaN and the message as its note; other errors are raised. CPU seconds are those of all
        threads; the first sample of each shape is estimated twice, as the first call compiles.

    Raises:
        ValueError: For an unknown suite, an unusable text, or two estimators of one name.

    Example:
        >>> import numpy as np
        >>> from mitools.tasks import run_tasks
        >>> def mine(x, y):
        ...     return -0.5 * np.log(1 - np.corrcoef(x[:, 0], y[:, 0])[0, 1] ** 2)
        >>> scores = run_tasks("bend", [mine, "ksg"], n=500)
        >>> scores.mean_absolute_error("mine") > scores.mean_absolute_error("KSG()")
        True
    """
    by_suite, named = _by_suite(tasks), _named(estimators)
    sizes, drawn = _several("n", n), range(seeds) if isinstance(seeds, int) else list(seeds)
    if not len(drawn):
        raise ValueError(f"`seeds` must be at least 1, got {seeds!r}.")
    total = sum(map(len, by_suite.values())) * len(sizes) * len(drawn) * len(named)
    rows: list[Score] = []
    warm: set[tuple[str, int, int, int]] = set()
    done = 0
    for suite, members in by_suite.items():
        for task in members:
            for size in sizes:
                for seed in drawn:
                    for score in _scored(suite, task, size, seed, named, warm):
                        done += 1
                        if score is not None:
                            rows.append(score)
                        if progress is not None:
                            progress(done, total)
    return Scores(tuple(rows))


def _scored(
    suite: str,
    task: Task,
    n: int,
    seed: int,
    named: Mapping[str, Function],
    warm: set[tuple[str, int, int, int]],
) -> Iterable[Score | None]:
    x, y = task.sample(n, seed)
    d_x, d_y = x.shape[1], y.shape[1]
    for name, function in named.items():
        if (name, n, d_x, d_y) not in warm:
            warm.add((name, n, d_x, d_y))
            _run(function, x, y)
        start = time.process_time()
        value, note = _run(function, x, y)
        seconds = time.process_time() - start
        if value is None:
            yield None
            continue
        truth = task.mutual_information
        yield Score(suite, task.name, d_x, d_y, n, seed, name, truth, value, seconds, note)


def _run(function: Function, x: Any, y: Any) -> tuple[float | None, str]:
    """Return the value and what was said about it."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            value = function(x, y)
        except ValueError as error:
            return float("nan"), str(error)
    notes = dict.fromkeys(str(each.message) for each in said)
    return None if value is None else float(value), "; ".join(notes)


def _by_suite(tasks: Any) -> dict[str, tuple[Task, ...]]:
    if isinstance(tasks, Mapping):
        return {name: tuple(members) for name, members in tasks.items()}
    found: dict[str, tuple[Task, ...]] = {}
    for each in (tasks,) if isinstance(tasks, str | Task) else tasks:
        if isinstance(each, str):
            found[each] = suites.suite(each)
        elif isinstance(each, Task):
            found["tasks"] = (*found.get("tasks", ()), each)
        else:
            raise TypeError(f"`tasks` must be names of suites or tasks, got {each!r}.")
    return found


def _named(estimators: Any) -> dict[str, Function]:
    if isinstance(estimators, Mapping):
        return {name: _function(each)[1] for name, each in estimators.items()}
    several = isinstance(estimators, Sequence) and not isinstance(estimators, str)
    pairs = [_function(each) for each in (estimators if several else (estimators,))]
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(
                f"Two of the `estimators` are called {name!r}. Leave one out, or pass a mapping "
                "from names of your own."
            )
    return dict(pairs)


def _function(estimator: Any) -> tuple[str, Function]:
    if isinstance(estimator, str):
        estimator = parse_estimator(estimator)
    if isinstance(estimator, MutualInformationEstimator):
        if not estimator.comparable or estimator.unit != "nats":
            raise ValueError(
                f"{estimator} estimates something other than mutual information in nats: it has "
                "no error on these tasks."
            )
        return repr(estimator), lambda x, y: estimator.estimate(x, y).value
    if callable(estimator):
        return getattr(estimator, "__name__", repr(estimator)), estimator
    raise TypeError(
        "`estimators` must be estimators, texts such as 'ksg:k=5' or functions of x and y, got "
        f"{estimator!r}."
    )


def _several(name: str, numbers: int | Sequence[int]) -> list[int]:
    several = list(numbers) if isinstance(numbers, Sequence) else [numbers]
    for number in several:
        check_whole(name, number)
    if not several:
        raise ValueError(f"`{name}` must hold at least one number, got none.")
    return several
