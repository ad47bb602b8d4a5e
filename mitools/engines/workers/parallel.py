"""Run independent pieces of work side by side: `in_parallel(function, items, n_jobs)`."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy as np

from mitools.engines.workers.threads import one_thread

__all__ = ["in_parallel", "n_workers"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_parallel(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    n_jobs: int | None,
    progress: Callable[[int], None] | None = None,
) -> list[Result]:
    """Return ``[function(item) for item in items]``, worked out by `n_jobs` workers.

    Workers are threads, unless `joblib.parallel_config` names another backend. Each has one thread
    for its kernels and matrix products, whatever their number, so that every number of workers
    gives the same bits.

    Args:
        function: What to do with an item; for a backend of processes it must be picklable.
        items: What to do it with; taken as workers come free, two for each at a time.
        n_jobs: The number of workers, as `n_workers` reads it. None does all in turn, here, and
            leaves the threads of kernels and matrix products as they are.
        progress: Called with the number of results whenever there is one more.
    """
    if n_jobs is None:
        return _collected(map(function, items), progress)
    import joblib  # here: not all who estimate run workers
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    workers = n_workers(n_jobs)
    # Limits and warning filters belong to the process: workers could not put them back in order.
    with threadpool_limits(1, user_api="blas"), warnings.catch_warnings():
        if workers == 1:
            return _collected((_alone(function, item) for item in items), progress)
        run = joblib.Parallel(
            workers,
            prefer="threads",
            return_as="generator",
            batch_size=1,
            pre_dispatch="2 * n_jobs",
        )
        tasks = (joblib.delayed(_alone)(function, item) for item in items)
        return _collected(run(tasks), progress)


def n_workers(n_jobs: int | None) -> int:
    """Return the number of workers asked for: that of the processors for -1, 1 for None.

    Raises:
        ValueError: For anything but None, -1 and whole numbers from 1 on.
    """
    if n_jobs is None:
        return 1
    whole = isinstance(n_jobs, int | np.integer) and not isinstance(n_jobs, bool)
    if not whole or (n_jobs < 1 and n_jobs != -1):
        raise ValueError(
            f"`n_jobs` must be a number of workers, -1 for one per processor, or None, got "
            f"{n_jobs!r}."
        )
    if n_jobs == -1:
        import joblib

        return int(joblib.cpu_count())
    return int(n_jobs)


def _collected(results: Iterable[Result], progress: Callable[[int], None] | None) -> list[Result]:
    found = []
    for result in results:
        found.append(result)
        if progress is not None:
            progress(len(found))
    return found


def _alone(function: Callable[[Any], Any], item: Any) -> Any:
    with one_thread():
        return function(item)
