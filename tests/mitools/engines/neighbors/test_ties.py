"""Neighbours that tie, against a naive twin; steps that stay equal; and cost with repeats."""

import numpy as np
import pytest
from scipy.special import digamma

from mitools.engines.neighbors import ties
from mitools.engines.neighbors.ties import (
    Points,
    blocked_class_neighbours,
    class_neighbours,
    equal_steps,
    mean_digamma,
    neighbours,
    standardized_steps,
)
from tests.mitools._kernels.neighbors.naive_ties import (
    naive_class_neighbours,
    naive_neighbours,
    naive_within,
)

KINDS = {
    "continuous": lambda rng, n, d: rng.normal(size=(n, d)),
    "whole numbers": lambda rng, n, d: rng.integers(4, size=(n, d)) * 1.0,
    "many levels": lambda rng, n, d: np.round(9 * rng.normal(size=(n, d))),
    "atom": lambda rng, n, d: np.maximum(rng.normal(size=(n, d)), 0.0),
    "one value": lambda rng, n, d: np.zeros((n, d)),
    "copies": lambda rng, n, d: rng.normal(size=(n, d))[rng.integers(n, size=n)],
    "signed zeros": lambda rng, n, d: rng.choice([-0.0, 0.0, 1.0], size=(n, d)),
    "tiny": lambda rng, n, d: 5e-324 * rng.integers(5, size=(n, d)),
    "huge": lambda rng, n, d: 1e150 * rng.integers(5, size=(n, d)),
    "neighbouring numbers": lambda rng, n, d: 1 + 2.0**-52 * rng.integers(6, size=(n, d)),
}


@pytest.mark.parametrize("squared", [False, True], ids=["max", "l2"])
@pytest.mark.parametrize("kind", KINDS)
def test_neighbours_equal_the_naive_twin(kind, squared):
    rng = np.random.default_rng(0)
    for n, d, k in ((2, 1, 1), (7, 3, 6), (60, 1, 3), (150, 2, 4), (300, 5, 1)):
        rows = KINDS[kind](rng, n, d)
        points = Points(rows, squared)
        near = neighbours(points, k)
        radius, number, tied = naive_neighbours(rows, k, squared)
        np.testing.assert_array_equal(near.radius, radius)
        np.testing.assert_array_equal(near.k, number)
        np.testing.assert_array_equal(near.tied, tied)
        np.testing.assert_array_equal(
            points.within(near.reach), naive_within(rows, radius, tied, squared)
        )


@pytest.mark.parametrize("kind", KINDS)
def test_class_neighbours_equal_the_naive_twin(kind):
    rng = np.random.default_rng(1)
    for n, d, k in ((8, 2, 3), (120, 1, 3), (150, 10, 4)):
        rows = KINDS[kind](rng, n, d)
        codes = np.unique(rng.integers(5, size=n) ** 2, return_inverse=True)[1]
        codes[0] = codes.max() + 1  # a class of its own
        others = np.bincount(codes)[codes] > 1
        for squared in (False, True):
            asked, counts = class_neighbours(Points(rows, squared), codes, k)
            which, expected = naive_class_neighbours(rows, codes, k, squared)
            np.testing.assert_array_equal(asked, which)
            np.testing.assert_array_equal(counts[others], expected[others])
        blocked = blocked_class_neighbours(rows, codes, k)
        np.testing.assert_array_equal(blocked[0], which)
        np.testing.assert_array_equal(blocked[1], expected)


def test_mean_digamma_is_that_over_orders_of_ties():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(7)
    asked, counts, expected = [], [], []
    for _ in range(200):
        marked, unmarked, nearer = rng.integers(1, 30), rng.integers(0, 60), rng.integers(0, 9)
        wanted, own = rng.integers(1, marked + 1), rng.integers(0, nearer + 1)
        asked.append(own + wanted)
        counts.append([own, own + marked, nearer, nearer + marked + unmarked])
        failures = np.arange(unmarked + 1)  # others before the wanted one
        law = stats.nhypergeom(marked + unmarked, unmarked, marked - wanted + 1)
        # as many before the wanted one from the front, as after it from the back
        shares = law.pmf(unmarked - failures)
        expected.append(shares @ digamma(nearer + wanted + failures))
    # a row that is alone in its class has no neighbour; all rows are fewer than the table
    asked, counts = np.array([*asked, 0]), np.array([*counts, [0, 0, 0, 5]])
    np.testing.assert_allclose(mean_digamma(asked, counts)[:-1], expected, rtol=1e-9)
    assert mean_digamma(asked, counts)[-1] == 0


def test_many_neighbours_among_ties_do_not_underflow():
    asked, counts = np.full(6000, 900), np.tile([0, 1000, 0, 5000], (6000, 1))
    # the first of all ties: psi(T + 1) + psi(j) - psi(S + 1)
    expected = digamma(5001) + digamma(900) - digamma(1001)
    np.testing.assert_allclose(mean_digamma(asked, counts), expected, rtol=1e-9)


def test_blocks_of_rows_change_nothing(monkeypatch):
    rng = np.random.default_rng(2)
    rows, codes = np.round(rng.normal(size=(90, 12))), rng.integers(3, size=90)
    whole = blocked_class_neighbours(rows, codes, 3)
    monkeypatch.setattr(ties, "BLOCK", 90 * 7)
    for found, expected in zip(blocked_class_neighbours(rows, codes, 3), whole, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_no_two_different_distances_tie():
    # a negative control: the radius of each sample is reached by one neighbour alone, but only by
    # the last bit, at any scale
    for scale in (1e-200, 1.0, 1e200):
        rows = np.array([[0.0], [1.0], [2 + 2.0**-51]]) * scale
        assert not neighbours(Points(rows), 1).tied.any()
        assert neighbours(Points(np.array([[0.0], [1.0], [2.0]]) * scale), 1).tied.tolist() == [
            False,
            True,
            False,
        ]


def differences(column):
    """Which pairs of distances between distinct values are equal."""
    values = np.unique(column)
    return np.equal.outer(*[abs(values[:, None] - values).ravel()] * 2)


@pytest.mark.parametrize("unit", [1.0, 0.1, 1 / 3, 5 / 9, -1e-7, 3e120])
@pytest.mark.parametrize("origin", [0.0, 0.3, -1e5])
def test_equal_steps_in_any_unit(unit, origin):
    whole = np.random.default_rng(3).integers(-20, 20, size=(300, 1))
    column = (whole + origin) * unit
    stepped = equal_steps(column)
    np.testing.assert_array_equal(differences(stepped), differences(whole * 1.0))
    np.testing.assert_array_equal(
        differences(standardized_steps(column)), differences(whole * 1.0)
    )
    assert np.ptp(stepped) == pytest.approx(np.ptp(column), rel=1e-7)
    if unit in (5 / 9, -1e-7):
        assert not np.array_equal(differences(column), differences(whole * 1.0))


def test_steps_of_some_values_only():
    rng = np.random.default_rng(4)
    column = np.where(rng.random(500) < 0.5, rng.integers(6, size=500) / 10, rng.random(500))
    whole = np.isin(column, np.arange(6) / 10)
    stepped = equal_steps(column[:, None])[:, 0]
    assert len(np.unique(np.diff(np.unique(stepped[whole])))) == 1
    np.testing.assert_allclose(stepped, column, atol=1e-8)
    np.testing.assert_array_equal(
        np.argsort(stepped, kind="stable"), np.argsort(column, kind="stable")
    )


@pytest.mark.parametrize(
    "column",
    [
        np.random.default_rng(5).normal(size=200),
        np.maximum(np.random.default_rng(5).normal(size=200), 0),
        np.random.default_rng(5).normal(size=40)[np.arange(200) % 40],
        np.arange(200) % 20 + 0.3 * (np.arange(200) % 20) ** 2.5,
        np.zeros(20),
    ],
    ids=["continuous", "atom", "copies", "uneven levels", "one value"],
)
def test_columns_without_steps_stay_as_they_are(column):
    side = column[:, None]
    assert equal_steps(side) is side


def test_values_that_rounding_keeps_apart_are_one():
    column = np.repeat([0.1, 0.2, 0.1 + 0.2, 0.3, 0.4], 10)
    assert len(np.unique(column)) == 5
    assert len(np.unique(equal_steps(column[:, None]))) == 4


@pytest.mark.parametrize("kind", ["one value", "whole numbers", "atom"])
def test_repeated_values_do_not_make_it_quadratic(kind):
    # counted, not timed: a tree over distinct rows has no leaf that equal rows could fill
    rng = np.random.default_rng(6)
    points = Points(KINDS[kind](rng, 20_000, 2))
    tree, totals, _ = points._distinct
    assert totals[-1] == 20_000
    assert np.diff(tree.edges[len(tree.edges) // 2 :], axis=1).max() <= ties.WEIGHTED_LEAF
    assert len(np.unique(tree.columns, axis=1).T) == tree.columns.shape[1]
