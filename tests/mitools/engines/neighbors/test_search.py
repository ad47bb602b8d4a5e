"""Every search gives the same integers as every other, and as the numpy twin."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mitools.engines.neighbors.search import (
    Automatic,
    BruteForce,
    Faiss,
    KDTree,
    NeighborSearch,
    Query,
    Strips,
    Tiles,
)
from mitools.samples.messages import MissingExtraError
from tests.mitools._kernels.neighbors.naive_knn import neighbor_counts
from tests.mitools.engines.neighbors.pairs import data, equal

HAS_FAISS = importlib.util.find_spec("faiss") is not None


DIMENSIONS = [(1, 1), (1, 3), (3, 3), (9, 4), (40, 30)]


def searches(x, y, metric):
    found = [BruteForce(), KDTree(), Automatic(), Tiles()]
    if metric == "max" and x.shape[1] == y.shape[1] == 1:
        found.append(Strips())
    if metric == "l2" and HAS_FAISS:
        found.append(Faiss())
    return found


@pytest.mark.parametrize("dimensions", DIMENSIONS)
@pytest.mark.parametrize("metric", ["max", "l2"])
@pytest.mark.parametrize("variant", [1, 2])
def test_equal_the_numpy_twin(dimensions, metric, variant):
    for n, k in [(6, 5), (20, 1), (60, 4)]:
        x, y = data("dependent", n, dimensions)
        expected = neighbor_counts(x, y, k, variant, metric)
        for search in searches(x, y, metric):
            assert equal(search.counts(x, y, Query(k, variant, metric)), expected), search


@pytest.mark.parametrize("kind", ["heavy", "lattice", "relu", "far"])
@pytest.mark.parametrize("metric", ["max", "l2"])
@pytest.mark.parametrize("variant", [1, 2])
def test_searches_agree_on_awkward_data(kind, metric, variant):
    for dimensions in DIMENSIONS:
        x, y = data(kind, 400, dimensions)
        query = Query(3, variant, metric)
        expected = BruteForce().counts(x, y, query)
        for search in searches(x, y, metric):
            assert equal(search.counts(x, y, query), expected), (search, dimensions)


def test_twin_on_max_norm_ties():
    # integers: max-norm distances are exact, so ties in distance are the same for the twin
    for dimensions in [(1, 1), (2, 3)]:
        x, y = data("lattice", 60, dimensions)
        for variant in (1, 2):
            expected = neighbor_counts(x, y, 3, variant, "max")
            for search in searches(x, y, "max"):
                assert equal(search.counts(x, y, Query(3, variant, "max")), expected), search


def test_twin_in_very_many_dimensions():
    x, y = data("dependent", 12, (70_000, 3))
    for metric in ("max", "l2"):
        expected = neighbor_counts(x, y, 2, 1, metric)
        for search in searches(x, y, metric):
            assert equal(search.counts(x, y, Query(2, 1, metric)), expected), search


@pytest.mark.parametrize("metric", ["max", "l2"])
def test_many_neighbours_of_few_and_of_many_points(metric):
    for n, k in [(70, 65), (500, 16), (500, 17), (500, 80)]:
        for dimensions in [(1, 1), (3, 2)]:
            x, y = data("heavy", n, dimensions)
            for variant in (1, 2):
                query = Query(k, variant, metric)
                expected = BruteForce().counts(x, y, query)
                for search in searches(x, y, metric):
                    assert equal(search.counts(x, y, query), expected), (search, n, k)


def test_the_tally_is_that_of_the_counts():
    for dimensions in [(1, 1), (2, 3), (12, 12)]:
        x, y = data("dependent", 300, dimensions)
        for metric in ("max", "l2"):
            for search in searches(x, y, metric):
                for variant in (1, 2):
                    query = Query(3, variant, metric)
                    expected = np.bincount(np.concatenate(search.counts(x, y, query)))
                    assert np.array_equal(search.tally(x, y, query), expected), search


def test_inputs_untouched():
    x, y = data("dependent", 200, (3, 2))
    copies = x.copy(), y.copy()
    for metric in ("max", "l2"):
        for search in searches(x, y, metric):
            search.counts(x, y, Query(3, 1, metric))
    assert equal((x, y), copies)


@pytest.mark.parametrize("ask", [Faiss().counts, Faiss().tally])
def test_euclidean_searches_refuse_the_max_norm(ask):
    x, y = data("dependent", 20, (3, 3))
    with pytest.raises(ValueError, match=r"cannot search with metric='max', only with 'l2'"):
        ask(x, y, Query(3, 1, "max"))


def test_strips_refuse_more_than_one_feature():
    x, y = data("dependent", 20, (3, 1))
    with pytest.raises(ValueError, match=r"one feature a side, got 3 and 1"):
        Strips().counts(x, y, Query(3, 1, "max"))


def test_missing_faiss_says_how_to_add_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    x, y = data("dependent", 20, (3, 3))
    with pytest.raises(MissingExtraError, match=r"pip install .*\[faiss\]"):
        Faiss().counts(x, y, Query(3, 1, "l2"))


def test_automatic_never_needs_an_extra():
    for dimensions in [(1, 1), (2, 2), (5, 5), (6, 6), (50, 50), (512, 1)]:
        for n in (10, 1000, 20_000):
            for metric in ("max", "l2"):
                x, y = np.zeros((n, dimensions[0])), np.zeros((n, dimensions[1]))
                chosen = Automatic().choose(x, y, Query(4, 1, metric))
                assert isinstance(chosen, NeighborSearch)
                assert not isinstance(chosen, Faiss | Automatic)
                assert metric in chosen.metrics


WITHOUT_JIT = """
import numpy as np
from tests.mitools._kernels.neighbors.naive_knn import neighbor_counts
from mitools.engines.neighbors.search import BruteForce, KDTree, Query, Strips, Tiles
rng = np.random.default_rng(0)
for d in (1, 4):
    x, y = np.round(rng.standard_normal((2, 40, d)), 1)
    x[:, 0] = 0
    for metric in ("max", "l2"):
        for variant in (1, 2):
            found = [KDTree(), BruteForce(), Tiles()]
            found += [Strips()] if metric == "max" and d == 1 else []
            want = [s.counts(x, y, Query(3, variant, metric)) for s in found]
            for counts in want:
                assert np.array_equal(counts, want[0])
            clean = rng.standard_normal((2, 40, d))
            twin = neighbor_counts(*clean, 3, variant, metric)
            for search in found:
                assert np.array_equal(search.counts(*clean, Query(3, variant, metric)), twin)
print("same")
"""


def test_kernels_are_right_without_compilation():
    code = WITHOUT_JIT
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[4],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(Path(__file__).parents[4])},
        check=False,
    )
    assert done.stdout.strip() == "same", done.stderr[-2000:]


def test_tiles_are_right_for_every_order_in_memory():
    # once the kernels were compiled for a second order, numba before 0.61 gave wrong counts in
    # most calls, for whole tiles of rows
    rng = np.random.default_rng(1)
    u, noise = rng.standard_normal((2, 1500, 4))
    v = 0.99 * u + 0.14 * noise
    query = Query(4, 1, "max")
    expected = BruteForce().counts(u, v, query)
    for order_u, order_v in ("FF", "CC", "CF", "FC"):
        x, y = np.asarray(u, order=order_u), np.asarray(v, order=order_v)
        assert all(equal(Tiles().counts(x, y, query), expected) for _ in range(6))
