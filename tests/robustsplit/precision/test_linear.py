import numpy as np
import pytest

from robustsplit.precision import WithinClasses, linear_information
from tests.robustsplit.precision.laws import labels, normal_layer

Y = labels(30)
SPECTRUM = np.arange(1.0, 11.0) ** -1.0


def noisy_pair(sigma, seed=0):
    """Return a layer, one that adds noise to it, and their information at tau = 0.3."""
    rng = np.random.default_rng(seed)
    rows = normal_layer(rng, SPECTRUM, 300)
    added = sigma**2 * SPECTRUM.sum() / 10
    later = rows + np.sqrt(added) * rng.normal(size=rows.shape)
    noise = 0.3**2 * (SPECTRUM.sum() + 10 * added)
    truth = 0.5 * np.log((SPECTRUM + added + noise) / (added + noise)).sum()
    return (*(WithinClasses.of(r, Y, scaled=False) for r in (rows, later)), truth)


@pytest.mark.parametrize("sigma", [0.1, 1.0])
def test_jointly_normal_layers_have_their_information(sigma):
    before, layer, truth = noisy_pair(sigma)
    found = linear_information(before, layer, 0.3)
    assert found.value == pytest.approx(truth, rel=0.1)
    assert found.p_value == 0.05 and abs(found.null.mean()) < 0.03


def test_independent_layers_have_none():
    values, p = [], []
    for seed in range(10):
        before, _, _ = noisy_pair(1.0, seed)
        other = normal_layer(np.random.default_rng(100 + seed), SPECTRUM, 300)
        found = linear_information(before, WithinClasses.of(other, Y), 0.3, seed=seed)
        values.append(found.value)
        p.append(found.p_value)
    assert np.abs(values).max() < 0.05
    assert np.mean(p) > 0.25


def test_information_falls_with_the_noise_between():
    found = [linear_information(*noisy_pair(s)[:2], 0.3).value for s in (0.1, 0.5, 2.0, 8.0)]
    assert found == sorted(found, reverse=True)


def test_layers_on_other_inputs_are_refused():
    before, layer, _ = noisy_pair(1.0)
    less = WithinClasses.of(np.random.default_rng(0).normal(size=(60, 3)), labels(6))
    with pytest.raises(ValueError, match="same inputs"):
        linear_information(before, less, 0.3)
    with pytest.raises(ValueError, match="`tau`"):
        linear_information(before, layer, 0.0)
