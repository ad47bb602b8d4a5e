"""Run a compiled kernel on ranges of points, in as many threads as numba is configured for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numba
from numba.np.ufunc import parallel

__all__ = ["POINTS_PER_THREAD", "one_thread", "over_points"]

#: Fewer points than this per thread are not worth a thread.
POINTS_PER_THREAD = 2_000

#: Shares per thread: more than one, so that a thread with easy points takes over from the others.
SHARES = 8

_local = threading.local()


def over_points(
    kernel: Callable[..., None], n_points: int, *arguments: Any, cost: float = 1.0
) -> None:
    """Call ``kernel(first, last, *arguments)`` until every point is done.

    Each kernel writes only its own points' outputs and releases the GIL, so the result has the
    same bits at any number of threads. Python threads rather than numba's: no second compilation,
    and no trouble when the caller already runs in threads or forks.

    Args:
        kernel: A compiled function of ``(first, last, *arguments)``.
        n_points: How many points there are.
        *arguments: Passed on as they are.
        cost: How much heavier a point is than usual; heavy points are worth a thread earlier.
    """
    n_threads = min(_configured(), int(n_points * cost / POINTS_PER_THREAD))
    if n_threads <= 1:
        kernel(0, n_points, *arguments)
        return
    shares = min(SHARES * n_threads, n_points)
    edges = [n_points * share // shares for share in range(shares + 1)]
    with ThreadPoolExecutor(n_threads) as pool:
        tasks = [pool.submit(kernel, first, last, *arguments) for first, last in pairwise(edges)]
        for task in tasks:
            task.result()


@contextmanager
def one_thread() -> Iterator[None]:
    """Let `over_points` use no other thread: for callers that are one of several workers."""
    before, _local.alone = getattr(_local, "alone", False), True
    try:
        yield
    finally:
        _local.alone = before


def _configured() -> int:
    """Return numba's number of threads without starting its pool, or 1 within `one_thread`.

    `numba.get_num_threads` starts it, and the OpenMP one then resets OpenMP's number of threads
    for the whole process: torch, told to use one thread, would use all from then on.
    """
    if getattr(_local, "alone", False):
        return 1
    started = parallel._is_initialized
    return numba.get_num_threads() if started else numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]
