"""Work shared out over threads: all of it, once, at any number of them; errors come back."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from mitools.engines.workers import threads
from mitools.engines.workers.threads import (
    call_on_both,
    one_blas_thread,
    over_points,
    thread_count,
)


@pytest.fixture(params=[1, 2, 5])
def n_threads(request, monkeypatch):
    monkeypatch.setattr(threads, "_configured", lambda: request.param)
    return request.param


def test_every_point_once(n_threads):
    for n_points in (1, 3, 5000, 20_000):
        seen = np.zeros(n_points, int)

        def kernel(first, last, seen=seen):
            seen[first:last] += 1

        over_points(kernel, n_points, cost=10_000)
        assert (seen == 1).all()


def test_few_points_stay_in_this_thread(n_threads):
    used = set()
    over_points(lambda *_: used.add(threading.get_ident()), 3999)
    assert used == {threading.get_ident()}
    assert thread_count(3999) == 1
    assert thread_count(10**6) == n_threads


def test_work_inside_work_ends(n_threads):
    seen = np.zeros((40, 50), int)

    def inner(first, last, row):
        row[first:last] += 1

    def outer(first, last):
        for row in seen[first:last]:
            over_points(inner, len(row), row, cost=10_000)

    over_points(outer, len(seen), cost=10_000)
    assert (seen == 1).all()


def test_both_answers_in_order(n_threads):
    assert call_on_both(lambda n: n + 1, 1, 10, 10**6) == (2, 11)
    assert call_on_both(lambda n: n + 1, 1, 10, 0) == (2, 11)


def test_an_error_comes_back(n_threads):
    def kernel(first, last):
        if last == 1000:
            raise RuntimeError("the last share")

    with pytest.raises(RuntimeError, match="the last share"):
        over_points(kernel, 1000, cost=10_000)
    over_points(lambda *_: None, 1000, cost=10_000)  # and the threads go on


def blas_threads():
    return [item["num_threads"] for item in threadpool_info() if item["user_api"] == "blas"]


def test_blas_gets_its_threads_back_after_the_last_caller():
    before = blas_threads()
    with one_blas_thread():
        with one_blas_thread():
            pass
        assert set(blas_threads()) == {1}
    with pytest.raises(RuntimeError), one_blas_thread():
        raise RuntimeError
    assert blas_threads() == before


FORKED = """
import os
import numpy as np
from mitools.engines.workers import threads
threads._configured = lambda: 2
total = np.zeros(8000)
def kernel(first, last):
    total[first:last] += 1
threads.over_points(kernel, 8000)
child = os.fork()
threads.over_points(kernel, 8000)
if child:
    assert os.waitpid(child, 0)[1] == 0
    print("both", total.sum())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_forked_child_starts_threads_of_its_own():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[4])},
    )
    assert done.stdout.strip() == "both 16000.0", done.stderr[-2000:]
