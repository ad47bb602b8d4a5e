"""The bent tasks: truths by quadrature, against independent quadrature and samples."""

import math

import numpy as np
import pytest
from scipy.integrate import dblquad

from mitools.tasks import bend, fresh, suite
from mitools.tasks.mixtures import Mixture
from mitools.tasks.truths import normal_density

MIXTURES = {
    name: (task[0], task[1]) for module in (bend, fresh) for name, task in module.MIXTURES.items()
}


def test_truth_of_crossing_ridges_by_quadrature():
    mixture, truth = MIXTURES["X 1+1"]
    assert isinstance(mixture, Mixture)

    def density(x, y):
        scale = 2 * np.pi * math.sqrt(1 - 0.81)
        return sum(
            0.5 * math.exp(-0.5 * (x * x - 2 * r * x * y + y * y) / (1 - 0.81)) / scale
            for r in (0.9, -0.9)
        )

    def term(x, y):
        p = density(x, y)
        product = math.exp(-0.5 * (x * x + y * y)) / (2 * np.pi)
        return p * math.log(p / product) if p > 0 else 0.0

    value = 4 * dblquad(term, 0, 7, 0, 7, epsabs=1e-5)[0]  # it has both signs of both axes
    assert abs(value - truth) < 0.001


@pytest.mark.parametrize("name", ["sine 1+1", "product 2+1"])
def test_truths_by_quadrature_agree_with_samples_of_the_density(name):
    task = next(task for task in suite("fresh") if task.name == name)
    rng = np.random.default_rng(0)
    x, y = task.draw(4000, rng)
    signal, deviation = (np.sin(6 * x), 0.3) if name == "sine 1+1" else (x[:, :1] * x[:, 1:], 0.5)
    others, _ = task.draw(4000, rng)
    centres = np.sin(6 * others) if name == "sine 1+1" else others[:, :1] * others[:, 1:]
    given = normal_density(y, signal, deviation)[:, 0]
    marginal = normal_density(y, centres.T, deviation).mean(axis=1)
    terms = np.log(given / marginal)
    assert abs(terms.mean() - task.mutual_information) < 5 * terms.std() / np.sqrt(4000)
