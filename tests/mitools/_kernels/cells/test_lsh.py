"""Quantiles, cells and joint codes against slow twins."""

import numpy as np
import pytest

from mitools._kernels.cells.lsh import cell_codes, margin_quantiles
from tests.mitools._kernels.cells.naive_edge import path


@pytest.mark.parametrize("knots", [1, 2, 7, 200])
def test_quantiles_are_mid_ranks(knots):
    rng = np.random.default_rng(knots)
    values = rng.integers(12, size=knots).astype(float)
    got = margin_quantiles(values, np.sort(values))
    expected = [((values < v).sum() + (values <= v).sum()) / (2 * knots) for v in values]
    np.testing.assert_allclose(got, expected, atol=1e-12)


@pytest.mark.parametrize("knots", [2, 7, 200])
def test_quantiles_hardly_move_with_rounding(knots):
    """At a knot, the last ones included, a value is a rank on either side, not a jump."""
    knots = np.sort(np.random.default_rng(knots).normal(size=knots))
    at = margin_quantiles(knots, knots)
    for toward in (-np.inf, np.inf):
        moved = margin_quantiles(np.nextafter(knots, toward), knots)
        np.testing.assert_allclose(moved, at, rtol=0, atol=1e-10)
    far = margin_quantiles(np.array([knots[0] - 1e3, knots[-1] + 1e3]), knots)
    np.testing.assert_allclose(far * len(knots), [0.25, len(knots) - 0.25])


def test_quantiles_between_and_beyond_knots_never_decrease():
    knots = np.sort(np.random.default_rng(0).standard_cauchy(300))
    got = margin_quantiles(np.linspace(-400, 400, 5000), knots)
    assert (np.diff(got) >= 0).all()
    assert 0 < got[0] < got[-1] < 1


def test_codes_halve_one_coordinate_per_step():
    quantiles = np.array([[0.6, 0.3]])  # 0.6 = 0.1001..., 0.3 = 0.0100... in binary
    codes = cell_codes(quantiles, 1.0, np.zeros(2), np.array([1, 0]), 5, np.empty(1, np.uint32))
    assert path(codes[0], 5) == (0, 1, 1, 0, 0)
