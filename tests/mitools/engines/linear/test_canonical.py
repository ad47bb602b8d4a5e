"""Canonical directions of a pair, against numpy's decompositions, and what ties leave free."""

import numpy as np
import pytest
from scipy.linalg import block_diag

from mitools.engines.linear.canonical import (
    Pairing,
    canonical_correlations,
    centred,
    singular_pairs,
    triangle,
)


def sides(n, p, q, shared=2, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, shared))
    return tuple(
        z @ rng.normal(size=(shared, d)) + rng.normal(size=(n, d)) + rng.normal(size=d)
        for d in (p, q)
    )


def paired(x, y, ridge=0.0):
    x, y = centred(x), centred(y)
    return Pairing.of(x, triangle(x, ridge), y, ridge)


def test_correlations_are_those_of_the_determinants():
    """-1/2 sum ln(1 - r^2) = 1/2 ln(|S_x| |S_y| / |S|), for any data."""
    x, y = sides(300, 4, 6)
    r = canonical_correlations(x, y)
    joint, left, right = (
        np.linalg.slogdet(np.cov(part.T))[1] for part in (np.hstack([x, y]), x, y)
    )
    assert -0.5 * np.log1p(-(r**2)).sum() == pytest.approx((left + right - joint) / 2, abs=1e-9)
    mixed = canonical_correlations(1e5 * x @ np.random.default_rng(1).normal(size=(4, 4)), y - 9)
    np.testing.assert_allclose(mixed, r, atol=1e-9)


@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_triangles_are_roots_of_the_products(ridge):
    x = centred(sides(50, 6, 2)[0])
    r = triangle(x, ridge)
    np.testing.assert_allclose(r.T @ r, x.T @ x + 50 * ridge * np.eye(6), atol=1e-9)
    assert (np.tril(r, -1) == 0).all()


@pytest.mark.parametrize("empty", [[0], [2], [1, 4], [0, 1, 2, 3, 4]])
def test_components_that_are_absent_get_no_weight(empty):
    """They may be there in the samples that the directions are applied to."""
    x, y = sides(80, 5, 4)
    x[:, empty] = 3.0
    kept = np.setdiff1d(np.arange(5), empty)
    to_x, to_y = paired(x, y).directions(5, 3)
    assert np.isfinite(to_x).all()
    assert np.abs(to_x[empty]).max() < 1e-100
    if len(kept):
        expected_x, expected_y = paired(x[:, kept], y).directions(5, 3)
        count = expected_x.shape[1]
        signs = np.sign((to_y[:, :count] * expected_y).sum(axis=0))
        np.testing.assert_allclose(to_x[kept][:, :count] * signs, expected_x, atol=1e-9)
        np.testing.assert_allclose(to_y[:, :count] * signs, expected_y, atol=1e-9)


@pytest.mark.parametrize("widths", [(6, 6), (40, 40), (40, 9), (9, 40)])
@pytest.mark.parametrize("size", [3, 8, 40])
def test_directions_are_those_of_the_full_decomposition(widths, size):
    """Of the nested triangles and the few leading pairs, against numpy's QR and SVD."""
    x, y = sides(300, *widths)
    to_x, to_y = paired(x, y).directions(size, 3)
    bases = [np.linalg.qr(centred(side[:, :size])) for side in (x, y)]
    u, values, v = np.linalg.svd(bases[0][0].T @ bases[1][0])
    for found, (_, r), axes in zip((to_x, to_y), bases, (u, v.T), strict=True):
        expected = np.linalg.solve(r, axes[:, :3])
        signs = np.sign((found * expected).sum(axis=0))
        np.testing.assert_allclose(found * signs, expected, atol=1e-8)
    along = centred(x)[:, :size] @ to_x, centred(y)[:, :size] @ to_y
    np.testing.assert_allclose((along[0] * along[1]).sum(axis=0), values[:3], atol=1e-9)


@pytest.mark.parametrize("shape", [(5, 5), (40, 40), (35, 60), (60, 35), (4, 50)])
@pytest.mark.parametrize("most", [None, 2])
def test_singular_pairs_are_singular_pairs(shape, most):
    matrix = np.random.default_rng(0).normal(size=shape) / 9
    left, values, right = singular_pairs(matrix, most)
    expected = np.linalg.svd(matrix, compute_uv=False)[:most]
    count = len(expected)
    np.testing.assert_allclose(values[:count], expected, atol=1e-7)
    np.testing.assert_allclose(matrix @ right, left * values, atol=1e-7)
    assert left.shape[0] == shape[0]
    if most:
        assert left.shape[1] == right.shape[1] == most


def rotation(m, seed):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(m, m)))[0]


@pytest.mark.parametrize("width", [6, 40])
@pytest.mark.parametrize("most", [None, 1, 3])
def test_equal_correlations_give_the_first_components_first(width, most):
    """A side with itself: every rotation of both is a solution, and LAPACK may find none."""
    noise = 1e-15 * np.random.default_rng(0).normal(size=(width, width))
    left, values, right = singular_pairs(np.eye(width) + noise, most)
    np.testing.assert_allclose(np.abs(left), np.eye(width)[:, :most], atol=1e-10)
    np.testing.assert_allclose(left, right, atol=1e-10)
    np.testing.assert_allclose(values, 1)


@pytest.mark.parametrize("most", [None, 2])
@pytest.mark.parametrize("width", [3, 30])
def test_a_tie_is_settled_whatever_rounding_says(most, width):
    """Four equal correlations in known subspaces, turned at random by as little as rounding."""
    rng = np.random.default_rng(1)
    values = np.r_[[0.9] * 4, np.linspace(0.5, 0.1, width)]
    u, v = rotation(width + 4, 1), rotation(width + 4, 2)
    found = []
    for seed in range(4):
        turn = block_diag(rotation(4, seed), np.eye(width))
        matrix = (u @ turn * values) @ (v @ turn).T + 1e-15 * rng.normal(size=(width + 4,) * 2)
        left, _, right = singular_pairs(matrix, most)
        found.append((left[:, :2], right[:, :2]))
    for left, right in found[1:]:
        signs = np.sign((left * found[0][0]).sum(axis=0))
        np.testing.assert_allclose(left * signs, found[0][0], atol=1e-9)
        np.testing.assert_allclose(right * signs, found[0][1], atol=1e-9)


def test_no_correlation_at_all_has_one_answer():
    rounding = 1e-17 * np.random.default_rng(0).normal(size=(4, 3))
    for one, other in zip(singular_pairs(rounding), singular_pairs(np.zeros((4, 3))), strict=True):
        assert (one == other).all()
