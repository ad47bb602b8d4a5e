"""What ties leave free is settled by the coordinates, whatever rotation a library returns."""

import numpy as np
import pytest

from mitools.engines.linear.ties import even, pair_signs, settled, tied


@pytest.mark.parametrize(
    ("values", "runs"),
    [
        ([], []),
        ([3.0], []),
        ([3.0, 2.0, 1.0], []),
        ([3.0, 3.0, 1.0], [(0, 2)]),
        ([3.0, 2.0, 2.0 * (1 - 1e-12), 2.0 * (1 - 2e-12), 1.0, 1.0], [(1, 4), (4, 6)]),
        ([1.0, 1.0 - 1e-6], []),
        ([1.0, 3e-14, 1e-14], [(1, 3)]),
        ([0.0, 0.0], [(0, 2)]),
    ],
)
def test_runs_of_equal_values(values, runs):
    assert [(run.start, run.stop) for run in tied(np.array(values))] == runs


def rotation(m, seed):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(m, m)))[0]


@pytest.mark.parametrize("shapes", [[(7, 3)], [(7, 3), (5, 3)], [(4, 4)]])
def test_a_settled_basis_does_not_depend_on_the_one_it_came_in(shapes):
    rng = np.random.default_rng(0)
    sides = [np.linalg.qr(rng.normal(size=shape))[0] for shape in shapes]
    settled_sides = [side @ settled(*sides) for side in sides]
    for seed in range(5):
        turned = [side @ rotation(shapes[0][1], seed) for side in sides]
        again = [side @ settled(*turned) for side in turned]
        signs = np.sign((again[0] * settled_sides[0]).sum(axis=0))
        for one, other in zip(again, settled_sides, strict=True):
            np.testing.assert_allclose(one * signs, other, atol=1e-12)
        assert np.abs(turned[0] - sides[0]).max() > 0.1  # the control: the bases did differ


def test_the_whole_space_settles_to_the_coordinates_in_order():
    basis = rotation(6, 0)
    np.testing.assert_allclose(np.abs(basis @ settled(basis)), np.eye(6), atol=1e-12)


def test_even_values_differ_by_no_rounding():
    column = np.random.default_rng(0).normal(size=(1000, 1))
    assert np.abs(even(column) - column).max() < 2.0**-27 * np.abs(column).max()
    grid = np.arange(-5, 6)[:, None] / 7
    assert (even(grid * (1 + 1e-15)) == even(grid)).all()
    assert (even(2.0**40 * column) == 2.0**40 * even(column)).all()
    assert (even(np.zeros((3, 2))) == 0).all()


def test_signs_swap_with_the_sides_and_turn_with_the_pair():
    rng = np.random.default_rng(0)
    u, v = rng.normal(size=(2, 200, 4))
    symmetric = np.array([1.0, -1.0] * 100)[:, None]
    u, v = np.hstack([u, symmetric]), np.hstack([v, symmetric])
    signs = pair_signs(u, v)
    assert (signs == pair_signs(v, u)).all()
    flips = np.array([1.0, -1.0, 1.0, -1.0, -1.0])
    assert (pair_signs(u * flips, v * flips) == signs * flips).all()
    assert set(np.abs(signs)) == {1.0}
