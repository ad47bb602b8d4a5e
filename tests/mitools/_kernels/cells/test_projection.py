"""Rows along directions: numpy's product, but for the order of the sum."""

import numpy as np
import pytest

from mitools._kernels.cells.projection import project

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 2, 1), (4, 5, 2), (103, 40, 7), (9, 0, 2)])
def test_it_is_a_matrix_product(shape):
    n, d, p = shape
    rows, directions = RNG.normal(size=(n, d)), RNG.normal(size=(d, p))
    np.testing.assert_allclose(project(rows, directions), rows @ directions, atol=1e-12)


def test_sums_are_taken_in_the_order_of_the_columns():
    rows, directions = RNG.normal(size=(10, 30)), RNG.normal(size=(30, 2))
    for row, found in zip(rows, project(rows, directions), strict=True):
        for k in range(2):
            total = 0.0
            for value, weight in zip(row, directions[:, k], strict=True):
                total += value * weight
            assert found[k] == total


def test_a_row_has_the_same_bits_wherever_it_stands():
    row, directions = RNG.normal(size=(1, 50)), RNG.normal(size=(50, 3))
    alone = project(row, directions)
    for n in (4, 7, 1001):
        assert (project(np.repeat(row, n, axis=0), directions) == alone).all()
    strided = np.asfortranarray(np.repeat(row, 9, axis=0))[::2]
    assert (project(strided, directions) == alone).all()


def test_columns_of_no_weight_change_no_bit():
    rows, directions = RNG.normal(size=(30, 20)), RNG.normal(size=(20, 3))
    places = RNG.integers(21, size=300)
    padded = np.insert(rows, places, 7.0, axis=1), np.insert(directions, places, 0.0, axis=0)
    assert (project(*padded) == project(rows, directions)).all()
