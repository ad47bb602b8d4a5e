"""Learned codes of wide data, for any estimator of codes."""

import math

import numpy as np
import pytest

from mitools import (
    KSG,
    Gaussian,
    GaussianCopula,
    Learned,
    distributions,
)

pytest.importorskip("torch")

#: Short trainings, for tests that ask for no accuracy.
SHORT = {"epochs": 4, "patience": 2, "hidden": (8,), "weight_decays": (0.1,)}


def low_rank(n, width, seed, information=1.0):
    """Two normal signals spread over many columns a side."""
    rng, fixed = np.random.default_rng(seed), np.random.default_rng(99)
    r = math.sqrt(-math.expm1(-information))  # each of two pairs has half of the information
    signal = rng.normal(size=(n, 2))
    other = r * signal + math.sqrt(1 - r**2) * rng.normal(size=(n, 2))
    return tuple(side @ fixed.normal(size=(2, width)) for side in (signal, other))


def test_learned_codes_of_wide_data():
    x, y = low_rank(600, 100, seed=0)
    estimator = Learned(n_components=2, epochs=40, learning_rate=3e-3, weight_decays=(1.0,))
    found = estimator.estimate(x, y)
    assert 0.75 < found.value < 1.1
    assert found.ceiling == estimator.then.ceiling(300)


def test_learned_takes_any_estimator_of_codes():
    x, y = distributions.Gaussian((0.9,)).sample(200, seed=0)
    found = Learned(
        then=GaussianCopula(),
        n_components=1,
        hidden=(16,),
        batch_size=16,
        epochs=40,
        learning_rate=3e-3,
        weight_decays=(0.2,),
    ).estimate(x, y)
    assert 0.5 < found.value < 1.0  # 0.83
    assert Learned(then=Gaussian()).ceiling(200) == math.inf
    assert Learned(then=KSG(k=50)).minimum_samples() == 102
    assert Learned().minimum_samples() == 40


@pytest.mark.parametrize("reconstruction", [0.0, 1.0])
def test_learned_codes_of_independent_data(reconstruction):
    estimator = Learned(reconstruction=reconstruction, **SHORT)
    values = [
        estimator.estimate(*np.random.default_rng(seed).normal(size=(2, 120, 3))).value
        for seed in range(10)
    ]
    assert abs(np.mean(values)) < 0.1
