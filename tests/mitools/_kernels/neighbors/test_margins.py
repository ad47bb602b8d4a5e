"""Counts within a radius of sorted values against all differences."""

import numpy as np
import pytest

from mitools._kernels.neighbors.margins import margin, place_counts, within

COLUMNS = {
    "normal": lambda rng, n: rng.normal(size=n),
    "Cauchy": lambda rng, n: rng.standard_cauchy(n),
    "levels": lambda rng, n: rng.integers(5, size=n) * 0.1,
    "constant": lambda rng, n: np.full(n, 0.3),
    "tiny range": lambda rng, n: rng.normal(size=n) * 1e-305,
    "far": lambda rng, n: 1e9 + rng.normal(size=n),
}


def twin(ordered, place, radius):
    inside = np.abs(ordered - ordered[place]) < radius
    return int(inside.sum()) - bool(inside[place])


@pytest.mark.parametrize("kind", COLUMNS)
@pytest.mark.parametrize("n", [1, 7, 8, 200])
def test_counts_are_those_of_all_differences(kind, n):
    column = COLUMNS[kind](np.random.default_rng(0), n)
    sorted_column = margin(column)
    gaps = np.unique(np.abs(column[:, None] - column))
    radii = np.concatenate([[0.0, np.inf], gaps[:: len(gaps) // 20 + 1]])
    radii = np.concatenate([radii, np.nextafter(radii, np.inf)])
    for place in range(0, n, n // 40 + 1):
        for radius in radii:
            expected = twin(sorted_column.ordered, place, radius)
            assert within(sorted_column, place, radius) == expected


def test_the_index_knows_rows_by_place_and_places_by_row():
    column = np.random.default_rng(0).integers(9, size=100).astype(float)
    sorted_column = margin(column)
    np.testing.assert_array_equal(sorted_column.ordered, np.sort(column))
    np.testing.assert_array_equal(column[sorted_column.order], sorted_column.ordered)
    np.testing.assert_array_equal(sorted_column.order[sorted_column.place], np.arange(100))
    given = np.argsort(column, kind="stable")
    np.testing.assert_array_equal(margin(column, given).order, given)


def test_a_share_of_the_places_is_filled_and_no_other():
    sorted_column = margin(np.random.default_rng(0).normal(size=50))
    radii, found = np.linspace(0, 3, 50), np.full(50, -1)
    place_counts(10, 30, sorted_column, radii, found)
    expected = [twin(sorted_column.ordered, p, radii[p]) for p in range(10, 30)]
    np.testing.assert_array_equal(found[10:30], expected)
    assert (found[:10] == -1).all()
    assert (found[30:] == -1).all()
