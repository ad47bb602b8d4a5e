"""Mixtures: their truths by density ratios, their samples component by component."""

import tracemalloc

import numpy as np
import pytest

from mitools.tasks import bend, fresh, suite
from mitools.tasks.mixtures import Mixture, normal_information, normal_pairs

MIXTURES = {
    name: (task[0], task[1]) for module in (bend, fresh) for name, task in module.MIXTURES.items()
}


@pytest.mark.parametrize("name", [name for name in MIXTURES if "25+25" not in name])
def test_truths_of_mixtures_are_the_mean_of_their_density_ratio(name):
    mixture, truth = MIXTURES[name]
    mean, error = mixture.information(20_000, seed=1)  # other samples than those of the truth
    assert abs(mean - truth) < 4.5 * error
    assert error < 0.01


def test_a_mixture_knows_its_information():
    # a single component: the closed form; the control is another correlation
    mean, error = normal_pairs([0.8, 0.5], 3, 2).information(20_000, seed=0)
    assert abs(mean - normal_information([0.8, 0.5])) < 4.5 * error
    assert abs(mean - normal_information([0.8, 0.6])) > 4.5 * error


def test_mixtures_are_drawn_component_by_component():
    """A root for each sample would take 40 GB for 5,000 samples of 1,024 columns."""
    covariances = np.array([[[4.0, 1.2], [1.2, 1.0]], [[1.0, 0.0], [0.0, 9.0]]])
    means = np.array([[0.0, 10.0], [100.0, -10.0]])
    x, y = Mixture(np.array([0.25, 0.75]), means, covariances, 1).draw(
        40_000, np.random.default_rng(0)
    )
    for first, mean, covariance in zip(
        (x[:, 0] < 50, x[:, 0] > 50), means, covariances, strict=True
    ):
        rows = np.hstack([x, y])[first]
        assert np.allclose(rows.mean(axis=0), mean, atol=0.1)
        assert np.allclose(np.cov(rows.T), covariance, rtol=0.05, atol=0.05)
    tracemalloc.start()
    suite("wide")[0].sample(2000, 0)
    assert tracemalloc.get_traced_memory()[1] < 300e6
    tracemalloc.stop()
