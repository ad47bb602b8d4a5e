"""A gain counts for what is certain of it."""

import numpy as np

from mitools.engines.linear.gain import EVIDENCE, certain_gain


def test_it_is_the_lower_limit_of_the_gain():
    assert certain_gain(0.5, 0.1) == 0.5 - EVIDENCE * 0.1
    assert certain_gain(0.5, 0.1, 2.0) == 0.3
    gains, errors = np.array([0.1, 0.5]), np.array([0.1, 0.1])
    assert (certain_gain(gains, errors) > 0).tolist() == [False, True]


def test_the_larger_of_two_is_biased_and_what_is_certain_hardly():
    """Two noisy zeros: their maximum is 0.56 deviations above 0; with evidence, under 0.01."""
    rng = np.random.default_rng(0)
    first, other = rng.normal(size=(2, 100_000))
    larger = np.maximum(first, other).mean()
    chosen = np.where(certain_gain(other - first, np.sqrt(2.0)) > 0, other, first).mean()
    assert larger > 0.5
    assert abs(chosen) < 0.01
