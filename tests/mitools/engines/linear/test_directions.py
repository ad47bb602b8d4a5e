"""Directions: learned and random ones."""

import numpy as np
import pytest

from mitools import EDGE, RandomProjection, Reduced

pytestmark = pytest.mark.filterwarnings("error")


def test_random_directions_are_a_reduction():
    message = r"Reduced\(EDGE\(\), RandomProjection\(2\)\)"
    with pytest.raises(ValueError, match=message):
        EDGE(projection="random")
    estimator = Reduced(EDGE(), RandomProjection(2))
    null = [
        estimator.estimate(*np.random.default_rng(s).normal(size=(2, 1000, 300))).value
        for s in range(6)
    ]
    assert abs(np.mean(null)) < 0.05
    x = np.random.default_rng(0).normal(size=(1000, 300))
    assert estimator.estimate(x, x).value > 2


@pytest.mark.parametrize("exponents", [[-700] * 6, [1000] * 6, [0, 0, 0, -900, 0, 900]])
def test_learned_directions_have_no_unit_however_large_or_small(exponents):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 6))
    y = x + rng.normal(size=(600, 6))
    moved = EDGE().estimate(np.ldexp(x, exponents), y).value
    assert moved == pytest.approx(EDGE().estimate(x, y).value, abs=1e-6)
    orders = np.stack([rng.permutation(600)])
    permuted = EDGE().prepare(np.ldexp(x, exponents), y).permuted(orders)
    assert permuted == pytest.approx(EDGE().prepare(x, y).permuted(orders), abs=1e-6)


def test_data_that_alternate_are_as_good_as_shuffled_ones():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 2000, 6))
    alternating = 20.0 * (np.arange(2000) % 2)
    x[:, 0] += alternating
    y[:, 0] += alternating
    assert EDGE().estimate(x, y).value == pytest.approx(np.log(2), abs=0.1)


def test_curved_copies_of_a_variate_count_once():
    """Wide columns that bend one number: several pairs of directions correlate, one is news."""
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(2000, 1))
    other = 0.9 * hidden + np.sqrt(1 - 0.81) * rng.normal(size=(2000, 1))  # 0.830 nats
    x, y = (
        np.abs(side @ rng.normal(size=(1, 40)) + rng.normal(size=40)) for side in (hidden, other)
    )
    assert 0.6 < EDGE().estimate(x, y).value < 0.9
    independent = np.hstack([hidden, rng.normal(size=(2000, 9))])  # nothing is left out here
    pairs = 0.6 * independent + 0.8 * rng.normal(size=(2000, 10))
    assert EDGE().estimate(independent, pairs).value > 0.8 * 10 * 0.223
