"""Principal components of one side, against scikit-learn, numpy's SVD and exact identities."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from mitools.engines.linear.components import (
    FINE,
    RIDGE,
    Whitened,
    principal_axes,
    principal_components,
)

RNG = np.random.default_rng(0)


def spread(n, d, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d)) * np.linspace(5, 1, d) + 3.0


@pytest.mark.parametrize("shape", [(200, 6), (40, 40), (40, 39), (30, 120), (12, 9000)])
@pytest.mark.parametrize("most", [None, 3])
def test_scores_are_those_of_an_independent_implementation(shape, most):
    x = spread(*shape)
    found = principal_components(x, most=most)
    p = min(shape[0] - 1, shape[1], most or shape[1])
    expected = PCA(p, svd_solver="full").fit_transform(x)
    assert found.shape == expected.shape
    signs = np.sign((found * expected).sum(axis=0))
    np.testing.assert_allclose(found * signs, expected, atol=1e-7 * np.abs(expected).max())


def test_both_ways_of_computing_agree():
    """From the products of the columns, and, with columns of zeros beside them, of the rows."""
    x = spread(50, 40)[:, :5] @ RNG.normal(size=(5, 40))
    tall, wide = principal_components(x), principal_components(np.hstack([x, np.zeros((50, 30))]))
    assert tall.shape == wide.shape == (50, 5)
    np.testing.assert_allclose(np.abs(tall), np.abs(wide), atol=1e-7)


@pytest.mark.parametrize("shape", [(60, 8), (20, 50)])
@pytest.mark.parametrize("scale", [1e-140, 1.0, 1e140])
def test_scores_have_no_unit(shape, scale):
    x = spread(*shape)
    power = 2.0 ** np.round(np.log2(scale))
    found = principal_components(x * power)
    np.testing.assert_allclose(np.abs(found / power), np.abs(principal_components(x)), atol=1e-9)


@pytest.mark.parametrize("shape", [(100, 20), (15, 20)])
def test_constant_and_repeated_columns_are_no_components(shape):
    x = spread(*shape)[:, :4]
    more = np.hstack([x, np.full((shape[0], 3), 7.0), x[:, :2], x[:, 2:3] - x[:, 3:4]])
    assert principal_components(more).shape == (shape[0], 4)
    assert principal_components(np.full(shape, 3.0)).shape == (shape[0], 0)


def test_small_components_are_kept_where_they_are_asked_for():
    x = spread(200, 2)  # the difference has a share of about 1e-11
    near = np.hstack([x, x[:, :1] + 3e-5 * RNG.normal(size=(200, 1))])
    assert principal_components(near).shape[1] == 2
    assert principal_components(near, FINE).shape[1] == 3


@pytest.mark.parametrize("width", [5, 300])
def test_equal_rows_get_equal_scores(width):
    x = spread(101, width)[RNG.integers(101, size=205)]
    found = principal_components(x)
    _, inverse = np.unique(x, axis=0, return_inverse=True)
    for group in range(inverse.max() + 1):
        rows = found[inverse.reshape(-1) == group]
        assert (rows == rows[0]).all()


def test_axes_of_equal_variance_are_the_columns_in_order():
    cube = np.array(np.meshgrid(*[[-1.0, 1.0]] * 4)).reshape(4, -1).T
    squares, axes = principal_axes(cube)
    assert (np.abs(axes) == np.eye(4)).all()
    np.testing.assert_allclose(squares, 16)
    one, two = 2.0 * cube[:, :2], cube[:, 2:]
    turn = np.linalg.qr(RNG.normal(size=(2, 2)))[0]
    scores = principal_components(np.hstack([one, two @ turn]), most=3)
    np.testing.assert_allclose(np.abs(scores[:, :2]), 2.0)
    assert scores.shape == (16, 3)  # the last one is tied with one that is cut off


def test_wide_ties_are_settled_in_the_columns():
    hot = np.kron(np.eye(6), np.ones((1, 4)))  # 6 rows of 24 columns, all five variances equal
    found = principal_components(hot)
    order = RNG.permutation(6)
    assert found.shape == (6, 5)
    np.testing.assert_allclose(
        np.abs(found[order]), np.abs(principal_components(hot[order])), atol=1e-7
    )


@pytest.mark.parametrize("shape", [(500, 3), (60, 200)])
def test_whitened_components_are_uncorrelated_with_unit_variance(shape):
    side = RNG.normal(size=shape) @ np.diag(np.linspace(1, 5, shape[1]))
    scores = Whitened.of(side).scores
    covariance = scores.T @ scores / len(scores)
    assert np.abs(covariance - np.diag(np.diag(covariance))).max() < 1e-9
    assert 0.98 < np.diag(covariance).min() <= np.diag(covariance).max() <= 1.0


def test_whitening_adds_its_share_of_noise():
    scores = principal_components(spread(300, 7))
    variances = scores.var(axis=0)
    white = Whitened.of_components(scores).scores
    expected = variances / (variances + RIDGE * variances.mean())
    np.testing.assert_allclose(white.var(axis=0), expected, rtol=1e-9)


def test_kurtosis_tells_normal_sides_from_redundant_ones():
    z = np.random.default_rng(0).normal(size=(2000, 3))
    assert abs(Whitened.of(z).kurtosis - 1) < 0.1
    assert Whitened.of(np.hstack([z, z**3])).kurtosis > 1.5
    assert Whitened.of(z * RNG.exponential(size=(2000, 1))).kurtosis > 1.5
