import numpy as np
import pytest

from robustsplit.precision import WithinClasses, bracket, capacity
from tests.robustsplit.precision.laws import capacity_of, labels, normal_layer

Y = labels(50)


def mixture_information(points, noise, rng, draws=4000):
    """Return I(x; x + noise) of equally likely points, by simulation."""
    at = rng.integers(len(points), size=draws)
    shift = np.sqrt(noise) * rng.normal(size=(draws, points.shape[1]))
    seen = points[at] + shift
    apart = ((seen[:, None] - points) ** 2).sum(axis=2)
    density = np.log(np.exp(-0.5 * apart / noise).mean(axis=1))
    return (-0.5 * (shift**2).sum(axis=1) / noise - density).mean()


def bumps(latent):
    return np.exp(-0.5 * ((latent - np.linspace(0, 1, 64)) / 0.05) ** 2)


def rectified(latent):
    return np.maximum(latent @ np.random.default_rng(7).normal(size=(3, 64)), 0)


LAYERS = {
    "bumps": lambda rng, n: bumps(rng.random((n, 1))),
    "rectified": lambda rng, n: rectified(rng.normal(size=(n, 3))),
    "levels": lambda rng, n: np.eye(20)[rng.integers(20, size=n)],
}


@pytest.mark.parametrize("name", LAYERS)
def test_curved_and_few_valued_layers_lie_between_the_sides(name):
    rng = np.random.default_rng(0)
    layer = WithinClasses.of(LAYERS[name](rng, 500), Y, scaled=False)
    noise = capacity(layer, 0.3).noise
    truth = mixture_information(LAYERS[name](rng, 3000), noise, rng, 600)
    found = bracket(layer, 0.3)
    assert found.lower - 2 * found.lower_error <= truth <= found.upper + 2 * found.upper_error
    assert found.upper < capacity(layer, 0.3).value
    assert found.tight


def test_normal_layers_lie_between_the_sides():
    spectrum = np.arange(1.0, 33.0) ** -1.0
    rows = normal_layer(np.random.default_rng(1), spectrum, 500)
    found = bracket(WithinClasses.of(rows, Y, scaled=False), 0.3)
    truth = capacity_of(spectrum, 0.3)
    assert found.lower < truth < found.upper + 2 * found.upper_error


def test_the_lower_side_stays_below_the_logarithm_of_the_inputs():
    rows = np.random.default_rng(0).normal(size=(500, 100))
    found = bracket(WithinClasses.of(rows, Y), 0.001)
    assert found.limit == pytest.approx(np.log(50))
    assert found.lower == pytest.approx(found.limit, abs=1e-6)
    assert not found.tight


def test_sides_depend_on_the_seed_alone():
    layer = WithinClasses.of(np.random.default_rng(0).normal(size=(500, 5)), Y)
    assert bracket(layer, 0.3, seed=4) == bracket(layer, 0.3, seed=4)
    assert bracket(layer, 0.3, seed=4) != bracket(layer, 0.3, seed=5)


def test_a_layer_without_variation_keeps_nothing():
    found = bracket(WithinClasses.of(np.ones((500, 3)), Y), 0.3)
    assert found.lower == found.upper == 0.0
