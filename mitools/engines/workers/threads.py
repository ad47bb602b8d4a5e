"""Run a compiled kernel on ranges of points, in as many threads as numba is configured for.

Python threads over kernels that release the GIL, rather than numba's own: no second compilation,
no trouble when the caller already runs in threads or forks, and nothing that resets OpenMP's
number of threads under torch. The threads stay for the next call.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from threading import Lock, local
from typing import Any

import numba
from numba.np.ufunc import parallel
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

__all__ = [
    "POINTS_PER_THREAD",
    "call_on_both",
    "one_blas_thread",
    "one_thread",
    "over_points",
    "thread_count",
]

#: Fewer points than this per thread are not worth a thread.
POINTS_PER_THREAD = 2_000

#: Shares per thread: more than one, so that a thread with easy points takes over from the others.
SHARES = 4

_local = local()


def over_points(
    kernel: Callable[..., None], n_points: int, *arguments: Any, cost: float = 1.0
) -> None:
    """Call ``kernel(first, last, *arguments)`` until every point is done.

    Each kernel writes only its own points' outputs and releases the GIL, so the result has the
    same bits at any number of threads.

    Args:
        kernel: A function of ``(first, last, *arguments)``, compiled or nearly so.
        n_points: How many points there are.
        *arguments: Passed on as they are.
        cost: How much heavier a point is than usual; heavy points are worth a thread earlier.
    """
    n_threads = min(thread_count(int(n_points * cost)), n_points)
    if n_threads <= 1:
        kernel(0, n_points, *arguments)
        return
    shares = min(SHARES * n_threads, n_points)

    def run(share: int) -> None:
        first, last = n_points * share // shares, n_points * (share + 1) // shares
        kernel(first, last, *arguments)

    _share_out(run, shares, n_threads)


def call_on_both(
    call: Callable[[Any], Any], one: Any, other: Any, n_points: int
) -> tuple[Any, Any]:
    """Return ``call(one), call(other)``, in two threads if there are enough points.

    Args:
        call: A function of one argument, which releases the GIL where it takes long.
        one: The first argument.
        other: The second argument.
        n_points: How many points each call works on.
    """
    if thread_count(n_points) <= 1:
        return call(one), call(other)
    asked, found = (one, other), [None, None]

    def run(index: int) -> None:
        found[index] = call(asked[index])

    _share_out(run, 2, 2)
    return found[0], found[1]


def thread_count(n_points: int) -> int:
    """Return how many threads so many points are given."""
    return max(1, min(_configured(), n_points // POINTS_PER_THREAD))


class _Blas:
    """How many callers want BLAS to use one thread, and what gives it back the others."""

    lock = Lock()
    callers = 0
    controller: ThreadpoolController | None = None
    limit: Any = None


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep BLAS to the thread that calls it, for callers that are many; the last one restores."""
    with _Blas.lock:
        if _Blas.callers == 0:
            if _Blas.controller is None:
                _Blas.controller = ThreadpoolController().select(user_api="blas")
            _Blas.limit = _Blas.controller.limit(limits=1)
        _Blas.callers += 1
    try:
        yield
    finally:
        with _Blas.lock:
            _Blas.callers -= 1
            if _Blas.callers == 0:
                _Blas.limit.restore_original_limits()


class _Pool:
    """The threads that wait for work; none until they are needed, none in a forked child."""

    lock = Lock()
    executor: ThreadPoolExecutor | None = None

    @classmethod
    def submit(cls, call: Callable[[], None]) -> Future[None]:
        with cls.lock:
            if cls.executor is None:
                cls.executor = ThreadPoolExecutor(os.cpu_count(), "mitools")
            return cls.executor.submit(call)

    @classmethod
    def forget(cls) -> None:
        cls.lock, cls.executor = Lock(), None
        _Blas.lock = Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_Pool.forget)


def _share_out(run: Callable[[int], None], shares: int, n_threads: int) -> None:
    """Call ``run(share)`` for every share, in this thread and `n_threads` - 1 others.

    This thread takes shares too and waits for none that has not begun, so that a kernel may share
    out work itself.
    """
    following = count()

    def work() -> None:
        while (share := next(following)) < shares:
            run(share)

    helpers = [_Pool.submit(work) for _ in range(n_threads - 1)]
    try:
        work()
    finally:
        following = count(shares)  # after an error, the rest is not worth starting
        for helper in helpers:
            helper.cancel()
    for helper in helpers:
        if not helper.cancelled():
            helper.result()


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
