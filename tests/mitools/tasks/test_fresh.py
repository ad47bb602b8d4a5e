"""The library's own shapes: one-to-one maps, mixtures and quadratures by other means."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import k0

from mitools.tasks import fresh
from mitools.tasks.truths import normal_entropy

TASKS = {task.name: task for task in fresh.TASKS}


@pytest.mark.parametrize("d", [4, 12])
def test_coupled_maps_are_one_to_one(d):
    change = fresh.coupled(d, 1)
    x = np.random.default_rng(0).normal(size=d)
    steps = 1e-6 * np.eye(d)
    jacobian = np.vstack([change(x[None] + s) - change(x[None] - s) for s in steps]) / 2e-6
    assert abs(np.linalg.det(jacobian)) > 1e-3
    before = x.copy()
    change(x[None])
    np.testing.assert_array_equal(x, before)


def test_a_skewed_side_keeps_the_ranks_of_every_column():
    x = np.random.default_rng(0).normal(size=(200, 5))
    changed = fresh.skewed(x)
    np.testing.assert_array_equal(np.argsort(changed, axis=0), np.argsort(x, axis=0))
    np.testing.assert_array_equal(changed[:, 0], np.exp(1.5 * x[:, 0]))
    np.testing.assert_array_equal(changed[:, 3], np.sinh(2 * x[:, 3]))


def test_curved_surfaces_have_the_dimensions_they_are_made_of():
    change = fresh.curved(2, 20, 1)
    x = np.random.default_rng(0).normal(size=(1, 2))
    assert change(x).shape == (1, 20)
    slopes = np.vstack([(change(x + 1e-6 * e) - change(x - 1e-6 * e)) / 2e-6 for e in np.eye(2)])
    assert np.linalg.svd(slopes)[1].min() > 0.01  # no direction is lost


def test_ring_and_clusters_lie_where_they_are_said_to():
    ring = fresh.ring(radius=3.0, count=50)
    np.testing.assert_allclose(np.hypot(*ring.means.T), 3.0)
    np.testing.assert_allclose(ring.covariances, np.tile(0.16 * np.eye(2), (50, 1, 1)))
    clusters = fresh.clusters(2, 6, 2.0)
    assert clusters.means.shape == (6, 4)
    assert clusters.shares.sum() == pytest.approx(1)


def test_the_scale_of_all_columns_is_shared():
    x, y = TASKS["shared scale 6+6"].sample(20_000, seed=0)
    assert abs(np.corrcoef(x[:, 0], y[:, 0])[0, 1]) < 0.05
    scales = [np.log(np.abs(side)).mean(axis=1) for side in (x, y)]
    assert np.corrcoef(*scales)[0, 1] > 0.6


def test_the_truth_of_a_product_without_noise_is_that_of_bessel_s_density():
    """The product of two normal variables has the density K0(|y|) / pi."""

    def density(y):
        return k0(abs(y)) / np.pi

    alone = -2 * quad(lambda y: density(y) * np.log(density(y)), 0, 40, limit=200)[0]
    noise = 0.02  # so little that the entropy of the noisy product is that of the product
    expected = alone - normal_entropy(noise)
    assert fresh.product(noise, 2).mutual_information == pytest.approx(expected, abs=0.03)


def test_columns_of_noise_change_no_truth():
    assert TASKS["sine 4+1"].mutual_information == TASKS["sine 1+1"].mutual_information
    assert TASKS["product 6+1"].mutual_information == TASKS["product 2+1"].mutual_information
    assert fresh.sine(6.0, 0.2).mutual_information > TASKS["sine 1+1"].mutual_information
