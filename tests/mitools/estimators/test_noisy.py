import numpy as np
import pytest
from scipy.spatial.distance import cdist

from mitools.estimators.noisy import NoisyBounds


def naive(y, sigma, c):
    kernel = np.exp(-(cdist(y, y) ** 2) / (c * sigma**2))
    return -np.mean(np.log(kernel.mean(axis=1)))


@pytest.mark.parametrize("d", [1, 5, 300])
def test_equals_the_naive_sums(d):
    y = np.random.default_rng(d).normal(size=(60, d))
    stats = NoisyBounds(sigma=0.8, scale="data").estimate(np.arange(60), y).stats
    assert stats["lower"] == pytest.approx(naive(y, 0.8, 8), abs=1e-10)
    assert stats["upper"] == pytest.approx(min(naive(y, 0.8, 2), np.log(60)), abs=1e-10)


def test_far_clusters_near_points_and_scattered_points():
    x = np.arange(120)
    clusters = np.repeat(1e3 * np.arange(4.0), 30)
    for bound in ("lower", "upper"):
        noisy = NoisyBounds(sigma=1.0, scale="data", bound=bound)
        assert noisy.estimate(x, clusters).value == pytest.approx(np.log(4), abs=1e-12)
        assert noisy.estimate(x, 1e3 * x).value == pytest.approx(np.log(120), abs=1e-12)
        assert noisy.estimate(x, 1e3 * x).saturated
        assert noisy.estimate(x, np.full(120, 7.0)).value == pytest.approx(0, abs=1e-12)
    assert NoisyBounds().estimate(x, np.full(120, 7.0)).value == 0.0


def test_bounds_bracket_the_gaussian_case():
    covariance = np.array([[2.0, 0.5], [0.5, 1.0]])
    y = np.random.default_rng(0).multivariate_normal([0, 0], covariance, size=1500)
    for sigma in (0.4, 1.0, 3.0):
        truth = np.linalg.slogdet(np.eye(2) + covariance / sigma**2)[1] / 2
        stats = NoisyBounds(sigma=sigma, scale="data").estimate(np.arange(1500), y).stats
        assert stats["lower"] < truth < stats["upper"]


def test_information_on_a_label():
    rng = np.random.default_rng(1)
    label = rng.integers(3, size=300)
    y = 50.0 * label[:, None] + 0.1 * rng.normal(size=(300, 2))
    estimate = NoisyBounds(sigma=5.0, scale="data").estimate(label, y)
    assert estimate.value == pytest.approx(estimate.ceiling, abs=0.05)  # H(label): separated
    shuffled = NoisyBounds(sigma=5.0, scale="data").estimate(rng.permutation(label), y)
    assert shuffled.value < 0.05


def test_the_pairing_is_blind_when_every_row_is_its_own_symbol():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(2, 100, 3))
    noisy = NoisyBounds(sigma=0.5)
    assert noisy.estimate(x, y).value == pytest.approx(
        noisy.estimate(x, y[rng.permutation(100)]).value, abs=1e-12
    )


def test_units_of_distance_make_it_scale_free():
    y = np.random.default_rng(3).normal(size=(100, 4))
    first, second = (NoisyBounds(0.2).estimate(np.arange(100), c * y + c) for c in (1.0, 1e4))
    assert first.value == pytest.approx(second.value, abs=1e-9)
    values = [NoisyBounds(sigma).estimate(np.arange(100), y).value for sigma in (0.05, 0.5, 5.0)]
    assert values[0] > values[1] > values[2] > 0


def test_refusals():
    with pytest.raises(ValueError, match="`sigma` must be a positive number, got 0"):
        NoisyBounds(sigma=0)
    with pytest.raises(ValueError, match="`bound` must be 'lower' or 'upper', got 'mean'"):
        NoisyBounds(bound="mean")


@pytest.mark.parametrize("power", [-1000, -600, -300, 300, 600, 1000])
def test_extreme_units_change_nothing(power):
    y = np.random.default_rng(4).normal(size=(80, 3))
    x = np.arange(80)
    huge = np.ldexp(y, power)
    with np.errstate(all="raise", under="ignore"):
        relative = NoisyBounds(0.2).estimate(x, huge)
        absolute = NoisyBounds(float(np.ldexp(0.2, power)), scale="data").estimate(x, huge)
    assert relative.value == pytest.approx(NoisyBounds(0.2).estimate(x, y).value, abs=1e-12)
    expected = NoisyBounds(0.2, scale="data").estimate(x, y).value
    assert absolute.value == pytest.approx(expected, abs=1e-12)


def test_noise_far_below_or_above_the_data():
    x, y = np.arange(80), np.repeat(np.arange(8.0), 10)
    for scale in (1e-300, 1.0, 1e300):
        tiny, large = NoisyBounds(1e-320, scale="data"), NoisyBounds(1e300, scale="data")
        assert tiny.estimate(x, scale * y).value == pytest.approx(np.log(8), abs=1e-12)
        if scale <= 1:
            assert large.estimate(x, scale * y).value == pytest.approx(0, abs=1e-12)


def test_close_points_far_from_the_others_are_told_apart():
    y = np.concatenate([np.arange(20.0), 1e12 + np.arange(20.0)])  # clusters of 20, far apart
    expected = np.log(2) + naive(np.arange(20.0)[:, None], 1.0, 8)
    found = NoisyBounds(1.0, scale="data").estimate(np.arange(40), y).value
    assert found == pytest.approx(expected, abs=1e-6)  # the mean itself is rounded to 1e-4
