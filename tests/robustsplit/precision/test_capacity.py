import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from robustsplit.precision import WithinClasses, capacity
from robustsplit.precision.capacity import log_det
from tests.robustsplit.precision.laws import capacity_of, labels, normal_layer

SPECTRA = {
    "two": np.array([1.0, 0.4]),
    "power": np.arange(1.0, 65.0) ** -1.0,
    "linear": np.arange(64.0, 0.0, -1.0),
    "flat": np.ones(64),
}


@pytest.mark.parametrize("tau", [0.3, 0.1])
@pytest.mark.parametrize("name", SPECTRA)
def test_known_capacities_are_found_from_fifty_inputs_a_class(name, tau):
    spectrum, truth = SPECTRA[name], capacity_of(SPECTRA[name], tau)
    found = []
    for seed in range(4):
        rows = normal_layer(np.random.default_rng(seed), spectrum, 500)
        found.append(capacity(WithinClasses.of(rows, labels(50), scaled=False), tau).value)
    assert np.mean(found) == pytest.approx(truth, rel=0.02)


def test_the_interval_holds_the_capacity_in_most_samples():
    spectrum, held = SPECTRA["power"], 0
    for seed in range(60):
        rows = normal_layer(np.random.default_rng(seed), spectrum, 300)
        low, high = capacity(WithinClasses.of(rows, labels(30), scaled=False), 0.3).interval()
        held += low <= capacity_of(spectrum, 0.3) <= high
    assert held >= 48


def test_the_estimate_is_the_maximum_that_the_formula_names():
    values, nu, noise = np.array([3.0, 1.0, 0.5, 0.2]), 20, 0.3
    padded = np.append(values, np.zeros(16))

    def negative(w):
        return -(np.log((padded + w) / noise).sum() + nu * (1 - w / noise))

    best = minimize_scalar(negative, bounds=(1e-9, noise), method="bounded")
    found, w, enough = log_det(values, nu, noise)
    assert enough and w == pytest.approx(best.x, rel=1e-3)
    assert found == pytest.approx(-best.fun, rel=1e-9)


def test_many_inputs_leave_nothing_to_correct():
    values = np.array([3.0, 1.0, 0.5])
    found, _, _ = log_det(values, 10_000_000, 0.3)
    assert found == pytest.approx(np.log1p(values / 0.3).sum(), rel=1e-5)


def test_a_projection_is_corrected_for():
    """Count sketches of 20,000 columns: without the correction far too little."""
    rng = np.random.default_rng(0)
    d, n, m = 20_000, 100, 400
    rows = rng.normal(size=(n, d)) * np.arange(1.0, d + 1) ** -0.5
    to, signs = rng.integers(m, size=d), rng.choice([-1.0, 1.0], size=d)
    sketched = np.stack([np.bincount(to, row * signs, m) for row in rows])
    y = labels(10)
    whole = capacity(WithinClasses.of(rows, y, scaled=False), 0.1).value
    naive = capacity(WithinClasses.of(sketched, y, scaled=False), 0.1).value
    found = capacity(WithinClasses.of(sketched, y, scaled=False, sketch=m), 0.1).value
    assert found == pytest.approx(whole, rel=0.03)
    assert abs(found - whole) < 0.5 * abs(naive - whole)


def test_two_networks_on_the_same_inputs_are_compared_in_pairs():
    rng = np.random.default_rng(0)
    rows = normal_layer(rng, SPECTRA["power"], 500)
    near = rows + 0.05 * rng.normal(size=rows.shape)
    one, other = (
        capacity(WithinClasses.of(r, labels(50), scaled=False), 0.3) for r in (rows, near)
    )
    difference, low, high = one.minus(other)
    assert difference == one.value - other.value and low < difference < high
    assert high - low < 0.5 * np.hypot(*(2 * 1.645 * each.error for each in (one, other)))
    with pytest.raises(ValueError, match="same inputs"):
        one.minus(capacity(WithinClasses.of(rows[::2], labels(25)), 0.3))


def test_a_layer_without_variation_has_none():
    found = capacity(WithinClasses.of(np.ones((20, 3)), labels(2)), 0.3)
    assert found.value == 0.0 and found.interval() == (0.0, 0.0)


@pytest.mark.parametrize("tau", [0.0, -1.0, np.nan, np.inf])
def test_a_precision_without_noise_is_refused(tau):
    layer = WithinClasses.of(np.random.default_rng(0).normal(size=(20, 3)), labels(2))
    with pytest.raises(ValueError, match="`tau` must be a positive number"):
        capacity(layer, tau)
