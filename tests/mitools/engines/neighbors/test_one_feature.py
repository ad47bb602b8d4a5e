"""One feature a side in several threads: the same counts at any number of them."""

from __future__ import annotations

import numba
import numpy as np

from mitools.engines.neighbors.search import (
    BruteForce,
    KDTree,
    Query,
    Strips,
    Tiles,
)
from tests.mitools.engines.neighbors.pairs import data, equal


def test_strips_cross_many_strips():
    rng = np.random.default_rng(3)
    x, y = rng.standard_cauchy((2, 4300, 1))
    for pair in [(x, y), (x, x**2), (np.sign(x) + 1e-9 * y, y), (np.round(x), np.round(y))]:
        for query in (Query(4, 1, "max"), Query(4, 2, "max"), Query(7, 1, "max")):
            assert equal(Strips().counts(*pair, query), KDTree().counts(*pair, query))


def test_same_counts_at_any_number_of_threads():
    x, y = data("dependent", 6000, (3, 2))
    wide = data("dependent", 1500, (20, 20))
    before = numba.get_num_threads()
    results = []
    try:
        for threads in (1, before):
            numba.set_num_threads(threads)
            results.append(
                KDTree().counts(x, y, Query(4, 1, "max"))
                + Strips().counts(x[:, :1], y[:, :1], Query(4, 1, "max"))
                + Strips().counts(x[:, :1], y[:, :1], Query(4, 2, "max"))
                + Tiles().counts(*wide, Query(4, 2, "l2"))
                + Tiles().counts(*wide, Query(4, 1, "max"))
                + BruteForce().counts(*wide, Query(4, 2, "max"))
            )
    finally:
        numba.set_num_threads(before)
    assert equal(results[0], results[1])
