"""Cross-fitted regression on Z: exact fits, nothing from noise, and no peeking."""

import numpy as np
import pytest
from scipy.special import ndtr

from mitools.estimators.residuals import (
    cross_fitted,
    features_of,
    predicted_sizes,
    summary_of_rest,
    transformed,
    unexplained,
)


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(600, 3))
    return rng, z, features_of(z, 1), rng.permutation(600) % 5


def test_features_are_standardised_and_seeded(data):
    _, z, features, _ = data
    np.testing.assert_allclose(features.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(features.std(axis=0), 1)
    np.testing.assert_array_equal(features_of(z, 1), features)
    assert not np.array_equal(features_of(z, 2), features)


def test_linear_targets_are_left_without_a_rest(data):
    _, z, features, fold = data
    target = z @ np.array([[1.0], [-2.0], [0.5]]) + 7
    assert np.abs(cross_fitted(z, target, fold) - target).max() < 1e-6
    assert (unexplained(target, [z, features], fold) ** 2).mean() < 1e-8


def test_no_row_helps_to_predict_itself(data):
    rng, z, _, fold = data
    target = rng.normal(size=(600, 1))
    before = cross_fitted(z, target, fold)
    target[fold == 2] += 100  # only the other folds may notice
    after = cross_fitted(z, target, fold)
    np.testing.assert_array_equal(before[fold == 2], after[fold == 2])
    assert np.abs(before[fold != 2] - after[fold != 2]).min() > 1


def test_noise_is_left_as_it_is(data):
    rng, _, features, fold = data
    target = rng.normal(size=(600, 4))
    target -= target.mean(axis=0)
    rest = unexplained(target, [features], fold)
    assert (rest**2).mean() <= (target**2).mean()
    assert (rest**2).mean() > 0.97 * (target**2).mean()
    curved = np.sin(2 * data[1][:, :1]) + 0.1 * target[:, :1]
    curved -= curved.mean(axis=0)
    assert (unexplained(curved, [features], fold) ** 2).mean() < 0.1 * (curved**2).mean()


def test_sizes(data):
    rng, z, features, fold = data
    rest = rng.normal(size=(600, 2))
    rest[:, 1] *= np.exp(z[:, 0])
    sizes = predicted_sizes(rest, features, fold)
    np.testing.assert_array_equal(sizes[:, 0], 1)
    assert np.corrcoef(np.log(sizes[:, 1]), z[:, 0])[0, 1] > 0.9


def test_levels_become_uniform_given_z(data):
    rng, z, features, fold = data
    column = (rng.random(600) < 1 / (1 + np.exp(-2 * z[:, 0]))) * 1.0
    uniform = ndtr(transformed(column, features, fold, rng.random(600)))
    for part in (z[:, 0] < -0.7, z[:, 0] > 0.7):
        assert abs(uniform[part].mean() - 0.5) < 4 / np.sqrt(12 * part.sum())
        assert abs(column[part].mean() - 0.5) > 0.25  # a negative control


def test_the_summary_holds_what_is_left_and_nothing_else(data):
    rng, z, features, fold = data
    x, y = rng.normal(size=(2, 600, 1))
    found, share = summary_of_rest(x, y, features, fold)
    assert found.shape == (600, 0)
    assert share < 0.02
    found, share = summary_of_rest(x, np.sign(z[:, :1]) * x + 0.5 * y, features, fold)
    assert found.shape == (600, 1)
    assert share > 0.1
    assert abs(np.corrcoef(found[:, 0], np.sign(z[:, 0]))[0, 1]) > 0.8
