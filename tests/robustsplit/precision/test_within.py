import numpy as np
import pytest

from robustsplit.precision import WithinClasses
from tests.robustsplit.precision.laws import labels

RNG = np.random.default_rng(0)
ROWS, Y = RNG.normal(size=(60, 7)), labels(6)


def gram(layer):
    return layer.rows @ layer.rows.T / layer.freedom


def test_inner_products_are_those_of_rows_minus_class_means():
    centred = np.vstack([ROWS[Y == y] - ROWS[Y == y].mean(axis=0) for y in range(10)])
    layer = WithinClasses.of(ROWS, Y, scaled=False)
    assert layer.freedom == 50 and layer.width == layer.varying == 7
    np.testing.assert_allclose(gram(layer), centred @ centred.T / 50, atol=1e-13)
    assert layer.power == pytest.approx((centred**2).sum() / 50)
    np.testing.assert_allclose(layer.squares, (centred**2).sum(axis=1), atol=1e-12)


def test_order_scale_and_copies_of_classes_names_leave_the_layer_alone():
    one = WithinClasses.of(ROWS, Y)
    scales = 10.0 ** RNG.integers(-3, 4, size=7)
    other = WithinClasses.of(ROWS[:, ::-1] * scales + 5, 100 - 3 * Y)
    np.testing.assert_allclose(gram(one), gram(other), atol=1e-9)


def test_columns_of_one_unit_share_a_scale():
    units = np.array([0, 0, 0, 1, 1, 2, 2])
    scales = np.array([3.0, 3, 3, 0.1, 0.1, 7, 7])
    one, other = (WithinClasses.of(rows, Y, units=units) for rows in (ROWS, ROWS * scales))
    np.testing.assert_allclose(gram(one), gram(other), atol=1e-12)
    alone = WithinClasses.of(ROWS, Y)
    assert np.abs(gram(one) - gram(alone)).max() > 1e-3


def test_what_does_not_vary_within_classes_counts_for_nothing():
    rows = np.column_stack([ROWS, np.full(60, 3.0), Y.astype(float)])
    layer = WithinClasses.of(rows, Y)
    assert layer.varying == 7
    np.testing.assert_allclose(gram(layer), gram(WithinClasses.of(ROWS, Y)), atol=1e-12)


@pytest.mark.parametrize(
    ("rows", "y", "said"),
    [
        (np.where(np.arange(7) == 3, np.nan, ROWS), Y, "finite, got nan in row 0, column 3"),
        (ROWS, Y[:-1], "one entry per row, got 59 for 60"),
        (ROWS, np.where(np.arange(60) == 0, 99, Y), "at least two inputs"),
    ],
)
def test_bad_input_is_refused_in_words(rows, y, said):
    with pytest.raises(ValueError, match=said):
        WithinClasses.of(rows, y)


def test_wide_rows_become_as_many_coordinates_as_inputs():
    wide = RNG.normal(size=(60, 500))
    layer = WithinClasses.of(wide, Y, scaled=False)
    assert layer.rows.shape[1] <= 60 and layer.width == 500
    centred = np.vstack([wide[Y == y] - wide[Y == y].mean(axis=0) for y in range(10)])
    np.testing.assert_allclose(gram(layer), centred @ centred.T / 50, atol=1e-10)
    keep = np.flatnonzero(np.arange(60) % 6 < 3)
    some = WithinClasses.of(wide[keep], Y[keep], scaled=False)
    np.testing.assert_allclose(gram(layer.some(keep)), gram(some), atol=1e-10)
