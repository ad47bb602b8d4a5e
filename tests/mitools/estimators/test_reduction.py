"""Reductions: what they compute, and that they see one side only."""

from itertools import pairwise

import numpy as np
import pytest
from sklearn.decomposition import PCA as OraclePCA

from mitools import KSG, PCA, Pooling, RandomProjection, Reduced, mutual_information
from mitools.distributions import Gaussian


def wide(n, d, rank=6, seed=0):
    rng = np.random.default_rng(seed)
    scales = np.linspace(5, 1, rank)
    return (rng.normal(size=(n, rank)) * scales) @ rng.normal(size=(rank, d)) + 3.0


@pytest.mark.parametrize(("n", "d"), [(80, 5), (80, 79), (80, 80), (30, 200), (20, 9000)])
def test_pca_equals_an_independent_one_up_to_signs(n, d):
    x = wide(n, d)
    ours = PCA(4).reduce(x)
    oracle = OraclePCA(4, svd_solver="full").fit_transform(x)
    assert np.allclose(np.abs(ours), np.abs(oracle), atol=1e-7 * np.abs(oracle).max())


def test_halves_are_one_pair_for_what_sees_one_side():
    x, y = wide(60, 9), wide(60, 5)
    ((u, v),) = PCA(2).halves(x, y)
    assert (u == PCA(2).reduce(x)).all()
    assert (v == PCA(2).reduce(y)).all()
    assert not PCA(2).cross_fitted
    with pytest.raises(ValueError, match="one row per sample"):
        PCA(2).halves(x, y[1:])


def test_signs_follow_from_the_data():
    x = wide(50, 300)
    scores = PCA(3).reduce(x)
    largest = scores[np.abs(scores).argmax(axis=0), range(3)]
    assert (largest > 0).all()
    # the same axis turned round gives the same scores
    assert np.allclose(PCA(1).reduce(-x), -PCA(1).reduce(x)) or np.allclose(
        np.abs(PCA(1).reduce(-x)), np.abs(PCA(1).reduce(x))
    )


def test_rank_bounds_the_columns():
    assert PCA(4).reduce(wide(50, 30, rank=2)).shape == (50, 2)
    assert PCA(4).reduce(wide(50, 3000, rank=2)).shape == (50, 2)
    assert PCA(4).reduce(np.ones((10, 3))).shape == (10, 1)
    assert PCA(9).reduce(np.random.default_rng(0).normal(size=(30, 3))).shape == (30, 3)


def test_wide_layers_take_the_small_side():
    x = np.random.default_rng(0).normal(size=(40, 65_536)).astype(np.float32)
    assert PCA(2).reduce(x).shape == (40, 2)


def test_projections_are_fixed_by_their_seed_and_keep_distances_on_average():
    x = np.random.default_rng(0).normal(size=(50, 400))
    one = RandomProjection(60, seed=1).reduce(x)
    assert np.array_equal(one, RandomProjection(60, seed=1).reduce(x))
    assert not np.allclose(one, RandomProjection(60, seed=2).reduce(x))
    ratio = (one**2).sum() / (x**2).sum()
    assert 0.8 < ratio < 1.2
    assert RandomProjection(400).reduce(x) is not None
    assert np.array_equal(RandomProjection(500).reduce(x), x)


@pytest.mark.parametrize("reduction", [PCA(2), RandomProjection(2), Pooling(3)], ids=repr)
def test_reduced_is_the_estimator_on_reduced_sides(reduction):
    x, y = wide(100, 30, seed=1), wide(100, 20, seed=2)
    whole = Reduced(KSG(), reduction).estimate(x, y)
    by_hand = KSG().estimate(reduction.reduce(x), reduction.reduce(y))
    assert whole.value == by_hand.value
    assert whole.ceiling == by_hand.ceiling


def test_each_side_may_have_its_own_reduction():
    x, y = wide(100, 30, seed=1), wide(100, 20, seed=2)
    estimator = Reduced(KSG(), PCA(2), RandomProjection(3, seed=5))
    by_hand = KSG().estimate(PCA(2).reduce(x), RandomProjection(3, seed=5).reduce(y))
    assert estimator.estimate(x, y).value == by_hand.value
    assert repr(estimator) == ("Reduced(KSG(), PCA(2), reduction_y=RandomProjection(3, seed=5))")


def test_permuting_reuses_the_reduced_sides_and_changes_nothing():
    x, y = wide(60, 30, seed=1), wide(60, 200, seed=2)
    estimator = Reduced(KSG(), PCA(2))
    rng = np.random.default_rng(0)
    orders = rng.permuted(np.tile(np.arange(60), (4, 1)), axis=1)
    fresh = [estimator.estimate(x, y[order]).value for order in orders]
    assert estimator.prepare(x, y).permuted(orders) == pytest.approx(fresh, abs=1e-9)


def test_the_pairing_never_leaks_into_the_reduction():
    """A supervised reduction finds dependence in noise; ours, fitted on margins, must not."""
    values = [
        Reduced(KSG(), PCA(3)).estimate(*Gaussian.independent(300).sample(200, seed=seed)).value
        for seed in range(10)
    ]
    assert abs(np.mean(values)) < 0.06  # 4 standard errors of a measured sd of 0.045


def test_labels_fit_within_themselves():
    x, y = wide(80, 30, seed=1), wide(80, 20, seed=2)
    z = np.repeat([0, 1], [30, 50])
    estimator = Reduced(KSG(), PCA(2))
    whole = mutual_information(x, y, given=z, estimator=estimator)
    assert whole.parts[1].value == estimator.estimate(x[z == 1], y[z == 1]).value


def test_delegation():
    assert Reduced(KSG(k=7), PCA(2)).minimum_samples() == 8
    assert Reduced(KSG(k=7), PCA(2)).ceiling(100) == KSG(k=7).ceiling(100)


@pytest.mark.parametrize("wrong", [0, -1, 2.5, "4"])
def test_bad_numbers_of_components_are_refused(wrong):
    with pytest.raises(ValueError, match="whole number of at least 1"):
        PCA(wrong)
    with pytest.raises(ValueError, match="whole number of at least 1"):
        RandomProjection(wrong)


def test_wrong_kinds_are_refused():
    with pytest.raises(TypeError, match="`estimator` must be an estimator such as KSG"):
        Reduced(PCA(2), PCA(2))
    with pytest.raises(TypeError, match=r"`reduction` must be a reduction such as PCA\(4\)"):
        Reduced(KSG(), 4)
    with pytest.raises(TypeError, match="`reduction_y` must be a reduction"):
        Reduced(KSG(), PCA(2), "pca")


@pytest.mark.parametrize("exponent", [-700, 700, 1000])
@pytest.mark.parametrize("shape", [(50, 5), (20, 40)])
def test_pca_has_a_unit_however_large_or_small_the_numbers(exponent, shape):
    x = wide(*shape, rank=3)
    scores = PCA(2).reduce(np.ldexp(x, exponent))
    assert np.allclose(np.ldexp(scores, -exponent), PCA(2).reduce(x), rtol=1e-9)


@pytest.mark.parametrize(("d", "count"), [(12, 3), (10, 3), (7, 7), (5, 9), (1, 1)])
def test_pooling_is_the_mean_of_runs_as_equal_as_can_be(d, count):
    x = np.random.default_rng(0).normal(size=(20, d))
    pooled = Pooling(count).reduce(x)
    cuts = [i * d // count for i in range(count + 1)] if count < d else range(d + 1)
    naive = [x[:, a:b].mean(axis=1) for a, b in pairwise(cuts)]
    assert np.allclose(pooled, np.column_stack(naive), atol=1e-15)
    assert max(np.diff(cuts)) - min(np.diff(cuts)) <= 1


def test_pooling_of_images_averages_windows():
    images = np.random.default_rng(0).normal(size=(9, 3, 8, 6))
    shape = (3, 8, 6)
    assert np.allclose(Pooling((3, 1, 1), shape).reduce(images), images.mean(axis=(2, 3)))
    assert np.allclose(Pooling(3).reduce(images), images.mean(axis=(2, 3)))  # the same runs
    over_channels = Pooling((1, 8, 6), shape).reduce(images)
    assert np.allclose(over_channels, images.mean(axis=1).reshape(9, -1))
    quarters = images.reshape(9, 3, 2, 4, 2, 3).mean(axis=(3, 5)).reshape(9, -1)
    assert np.allclose(Pooling((3, 2, 2), shape).reduce(images), quarters)
    assert np.array_equal(Pooling((9, 9, 9), shape).reduce(images), images.reshape(9, -1))


def test_pooling_finds_what_a_channel_shares():
    truth = Gaussian((0.9,))
    x, y = truth.sample(1000, seed=0)
    rng = np.random.default_rng(1)
    wide = (x[:, :, None] + rng.normal(size=(1000, 2, 40)) * [[[1.0], [50.0]]]).reshape(1000, -1)
    pooled = Reduced(KSG(), Pooling(2), Pooling(1)).estimate(wide, y).value
    first = Reduced(KSG(), Pooling((1, 1), shape=(2, 40)), Pooling(1)).estimate(wide, y).value
    assert pooled > 0.5 > 0.2 > first  # the loud channel drowns the other in one mean


def test_bad_poolings_are_refused():
    with pytest.raises(ValueError, match=r"takes samples of 12 columns, got 5. Give the other"):
        Pooling((1, 1), shape=(3, 4)).reduce(np.ones((2, 5)))
    with pytest.raises(ValueError, match="one number for each of the 2 axes of `shape`, got"):
        Pooling((1, 1, 1), shape=(3, 4))
    with pytest.raises(ValueError, match=r"`n_components` must be a tuple such as \(64, 2, 2\)"):
        Pooling(3, shape=(3, 4))
    with pytest.raises(ValueError, match="`shape` must be a tuple"):
        Pooling((3,), shape=[3])
    with pytest.raises(ValueError, match="`shape` must be a whole number of at least 1, got 0"):
        Pooling((3, 1), shape=(3, 0))
    for wrong in (0, 2.5, (2, 2)):
        with pytest.raises(ValueError, match="`n_components` must be a whole number of at least"):
            Pooling(wrong)
