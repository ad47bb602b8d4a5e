"""Passes over the rows of one side against numpy."""

import numpy as np
import pytest

from mitools._kernels.columns import adjacent_twins, extremes, row_keys, twins_in


@pytest.mark.parametrize("shape", [(1, 1), (50, 3), (7, 20)])
def test_extremes_are_those_of_numpy(shape):
    side = np.random.default_rng(0).normal(size=shape)
    before = side.copy()
    least, largest = extremes(side)
    np.testing.assert_array_equal(least, side.min(axis=0))
    np.testing.assert_array_equal(largest, side.max(axis=0))
    np.testing.assert_array_equal(side, before)


@pytest.mark.parametrize("place", [0, 5, 18])
def test_a_value_that_occurs_twice_is_found_wherever_it_stands(place):
    column = np.random.default_rng(0).normal(size=20)
    order = np.argsort(column)
    assert not adjacent_twins(np.sort(column))
    assert not twins_in(column, order)
    column[order[place]] = column[order[place + 1]]
    assert adjacent_twins(np.sort(column))
    assert twins_in(column, np.argsort(column))


def test_one_value_is_no_twin():
    assert not adjacent_twins(np.zeros(1))
    assert not twins_in(np.zeros(1), np.zeros(1, np.int64))


def test_equal_rows_and_only_they_share_a_key():
    rows = np.random.default_rng(0).integers(-3, 4, size=(2000, 3)).astype(float)
    rows[rows == 0] *= np.random.default_rng(1).choice([-1.0, 1.0], (rows == 0).sum())
    assert (np.signbit(rows) & (rows == 0)).any()  # -0.0 and 0.0 are one value
    keys = row_keys(rows)
    _, expected = np.unique(rows + 0.0, axis=0, return_inverse=True)
    _, found = np.unique(keys, return_inverse=True)
    same = expected.reshape(-1)[:, None] == expected.reshape(-1)
    np.testing.assert_array_equal(found[:, None] == found, same)


def test_the_order_of_the_columns_is_part_of_the_key():
    rows = np.array([[1.0, 2.0], [2.0, 1.0], [1.0, 1.0], [2.0, 2.0]])
    assert len(set(row_keys(rows))) == 4
