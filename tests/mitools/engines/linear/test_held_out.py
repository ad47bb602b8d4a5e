"""Directions learned on one half and applied to the other: covering, honest, reproducible."""

import numpy as np
import pytest

from mitools.distributions import Gaussian
from mitools.engines.linear.components import Whitened
from mitools.engines.linear.held_out import (
    HeldOutSide,
    held_out,
    normal_information,
    two_halves,
)


@pytest.mark.parametrize("n", [40, 101])
def test_halves_cover_every_sample_once(n):
    (a, b), (c, d) = two_halves(n, 3)
    assert (np.sort(np.r_[a, b]) == np.arange(n)).all()
    assert (a == d).all()
    assert (b == c).all()
    rng = np.random.default_rng(0)
    white = [Whitened.of(rng.normal(size=(n, 4))) for _ in range(2)]
    rows = np.concatenate([half.rows for half in held_out(*white, seed=0)])
    assert (np.sort(rows) == np.arange(n)).all()


def test_independent_sides_have_no_held_out_correlation():
    rng = np.random.default_rng(0)
    first = [
        half.correlations[0]
        for _ in range(20)
        for half in held_out(*(Whitened.of(rng.normal(size=(200, 30))) for _ in range(2)), seed=0)
    ]
    assert abs(np.mean(first)) < 4 * 0.1 / np.sqrt(40)  # one over the root of 100 samples


def test_normal_information_is_unbiased_for_weak_pairs():
    r = np.random.default_rng(0).normal(scale=0.1, size=4000)  # at independence, n = 100
    assert abs(normal_information(np.abs(r), 100)) / 4000 < 2e-4


def test_projections_are_those_of_a_plain_computation():
    """With six components a side no number of them is chosen: QR and SVD of the other half."""
    x, y = Gaussian((0.9, 0.6), width=6, rotated=True).sample(301, seed=0)
    white = [Whitened.of(side) for side in (x, y)]
    for half, (train, test) in zip(held_out(*white, seed=5), two_halves(301, 5), strict=True):
        assert (half.rows == test).all()
        bases = [
            np.linalg.qr(side.scores[train] - side.scores[train].mean(axis=0)) for side in white
        ]
        u, _, v = np.linalg.svd(bases[0][0].T @ bases[1][0])
        for found, side, (_, r), axes in zip(
            (half.u, half.v), white, bases, (u, v.T), strict=True
        ):
            expected = side.scores[test] @ np.linalg.solve(r, axes)
            expected = (expected - expected.mean(axis=0)) / expected.std(axis=0)
            signs = np.sign((found * expected).sum(axis=0))
            np.testing.assert_allclose(found * signs, expected, atol=1e-8)
        np.testing.assert_allclose(half.correlations, (half.u * half.v).mean(axis=0))


def test_a_half_is_measured_with_what_the_other_chose():
    x, y = Gaussian((0.9,), width=12, rotated=True).sample(200, seed=0)
    first, second = held_out(Whitened.of(x), Whitened.of(y), seed=0)
    white_x, white_y = Whitened.of(x), Whitened.of(y)
    shuffled = white_y.scores.copy()
    shuffled[second.rows] = shuffled[np.random.default_rng(0).permutation(second.rows)]
    again = held_out(white_x, Whitened(shuffled), seed=0)
    # The second half's own pairing has no say in its directions: its x is seen as before ...
    np.testing.assert_allclose(np.abs(again[1].u[:, 0]), np.abs(second.u[:, 0]), atol=1e-12)
    # ... and those of the first half, which learn from it, are lost.
    assert np.abs(np.abs(again[0].u[:, 0]) - np.abs(first.u[:, 0])).max() > 0.1


@pytest.mark.parametrize("ridge", [0.0, 1e-3])
@pytest.mark.parametrize("width", [4, 60])
def test_a_side_prepared_once_gives_the_same_bits(ridge, width):
    x, y = Gaussian((0.8,), width=width, rotated=True).sample(240, seed=0)
    white_x, white_y = Whitened.of(x), Whitened.of(y)
    prepared = HeldOutSide.of(white_x, 0, ridge)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(240)
        again = HeldOutSide.of(white_x, 0, ridge).paired(white_y.reordered(order), 3)
        for one, other in zip(prepared.paired(white_y.reordered(order), 3), again, strict=True):
            for a, b in zip(one, other, strict=True):
                assert (a == b).all()


def test_few_components_are_chosen_for_a_low_rank_signal():
    """With as many components as a quarter of the half, the signal of the first two is lost."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(400, 2))
    x, y = (
        np.hstack([6 * z + rng.normal(size=(400, 2)), rng.normal(size=(400, 150))])
        for _ in range(2)
    )
    halves = held_out(Whitened.of(x), Whitened.of(y), seed=0)
    assert min(half.correlations[0] for half in halves) > 0.85


def test_a_component_that_one_half_lacks_does_no_harm():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, 4))
    y = x + 0.3 * rng.normal(size=(100, 4))
    rare = (np.arange(100) == 3).astype(float)[:, None]
    plain = held_out(Whitened.of(x), Whitened.of(y), seed=0)
    halves = held_out(Whitened(np.hstack([rare, Whitened.of(x).scores])), Whitened.of(y), seed=0)
    for half, other in zip(halves, plain, strict=True):
        assert np.isfinite(half.u).all()
        assert half.correlations[0] > other.correlations[0] - 0.1


@pytest.mark.parametrize("width", [3, 40])
def test_a_side_with_itself_is_itself(width):
    """All correlations are 1: any rotation would do, and rounding has no say in which."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, width))
    white = Whitened.of(x)
    for half in held_out(white, white, seed=0, pairs=2):
        assert half.u.shape[1] == 2
        assert (half.u == half.v).all()
    turned = Whitened.of(x @ np.linalg.qr(rng.normal(size=(width, width)))[0])
    for half in held_out(white, turned, seed=0, pairs=2):
        assert (half.u == half.v).all()


def test_normality_is_one_for_normal_pairs_and_less_for_clusters():
    x, y = Gaussian((0.9,), width=3).sample(2000, seed=0)
    assert all(half.normality > 0.95 for half in held_out(Whitened.of(x), Whitened.of(y), 0))
    rng = np.random.default_rng(0)
    centre = 20.0 * rng.integers(2, size=(2000, 1))
    x, y = (centre + rng.normal(size=(2000, 1)) for _ in range(2))
    assert all(half.normality < 0.5 for half in held_out(Whitened.of(x), Whitened.of(y), 0))
