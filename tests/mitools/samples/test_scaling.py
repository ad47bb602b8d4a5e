"""Columns before the search: constants go, scales are exact, ties are found and broken."""

import numpy as np
import pytest

from mitools.samples.scaling import (
    SAFE_HIGH,
    SAFE_LOW,
    break_ties,
    common_scale,
    distinct_rows,
    drop_constant,
    first_twins,
    has_repeats,
    standardized,
    twin_rows,
    varying_columns,
)

RNG = np.random.default_rng(0)
SIDE = RNG.normal(size=(100, 3)) * [1.0, 5.0, 0.01] + [0.0, 7.0, -3.0]


def test_columns_of_one_value_go_and_others_stay_as_they_are():
    assert drop_constant(SIDE) is SIDE
    wider = np.insert(SIDE, 1, 4.0, axis=1)
    np.testing.assert_array_equal(drop_constant(wider), SIDE)
    assert varying_columns(wider).tolist() == [True, False, True, True]
    assert drop_constant(np.ones((5, 2))).shape == (5, 0)
    assert varying_columns(np.ones((5, 2))).tolist() == [True, False]  # one is kept to work with


def test_columns_get_mean_0_and_deviation_1():
    expected = (SIDE - SIDE.mean(axis=0)) / SIDE.std(axis=0)
    np.testing.assert_allclose(standardized(SIDE), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("power", [-1000, -3, 5, 900])
def test_a_unit_that_is_a_power_of_two_changes_no_bit(power):
    side = RNG.normal(size=(60, 2))
    np.testing.assert_array_equal(standardized(np.ldexp(side, power)), standardized(side))


def test_one_scale_keeps_squares_finite_and_ratios_exact():
    sides = [SIDE, 2.0 * SIDE]
    assert all(new is old for new, old in zip(common_scale(*sides), sides, strict=True))
    for power in (-600, 900):
        moved = common_scale(*(np.ldexp(side, power) for side in sides))
        assert SAFE_LOW < np.abs(moved[1]).max() < SAFE_HIGH
        assert np.isfinite((moved[1] ** 2).sum())
        np.testing.assert_array_equal(moved[0] * 2.0, moved[1])
        shift = np.frexp(moved[0][0, 0])[1] - np.frexp(SIDE[0, 0])[1]
        np.testing.assert_array_equal(np.ldexp(SIDE, shift), moved[0])


def test_repeats_are_found_in_any_column():
    assert not has_repeats(SIDE)
    for column in range(3):
        twice = SIDE.copy()
        twice[70, column] = twice[3, column]
        assert has_repeats(twice)
        assert not twin_rows(twice).any()  # the rows still differ


@pytest.mark.parametrize("d", [1, 2, 4])
def test_twins_and_distinct_rows_are_those_of_numpy(d):
    rows = RNG.integers(3, size=(80, d)) * 1.0
    rows[:10] += RNG.normal(size=(10, d))
    _, inverse, counts = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    inverse = inverse.reshape(-1)
    np.testing.assert_array_equal(twin_rows(rows), counts[inverse] > 1)
    order = np.argsort(rows[:, 0])
    np.testing.assert_array_equal(twin_rows(rows, order), counts[inverse] > 1)
    first, number = distinct_rows(rows)
    assert len(first) == len(counts)
    np.testing.assert_array_equal(rows[first][number], rows)
    expected = [np.flatnonzero((rows == row).all(axis=1))[0] for row in rows]
    np.testing.assert_array_equal(first[number], expected)
    np.testing.assert_array_equal(first_twins(rows), expected)


def test_rows_that_are_all_distinct_are_their_own():
    first, number = distinct_rows(SIDE)
    np.testing.assert_array_equal(first, np.arange(100))
    np.testing.assert_array_equal(number, np.arange(100))
    assert first_twins(SIDE) is None
    assert first_twins(np.empty((5, 0))) is None


def test_noise_breaks_every_tie_and_is_as_small_as_asked():
    side = RNG.integers(4, size=(2000, 2)) * [1.0, 100.0]
    moved = break_ties(side, 1e-6, 0)
    assert not has_repeats(moved)
    spread = (moved - side).std(axis=0) / side.std(axis=0)
    np.testing.assert_allclose(spread, 1e-6, rtol=0.1)


def test_noise_follows_the_seed_and_the_order_of_values_and_no_unit():
    side = RNG.integers(4, size=(50, 2)) * 1.0
    moved = break_ties(side, 1e-3, 0)
    np.testing.assert_array_equal(break_ties(side, 1e-3, 0), moved)
    np.testing.assert_array_equal(break_ties(4.0 * side, 1e-3, 0), 4.0 * moved)
    assert (break_ties(side, 1e-3, 1) != moved).all()
    assert (break_ties(side[::-1], 1e-3, 0)[::-1] != moved).any()
