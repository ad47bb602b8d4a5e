import numpy as np
import pytest
from scipy.special import digamma

from mitools.estimators.gaussian import Gaussian
from mitools.estimators.ksg import KSG
from mitools.estimators.sliced import Sliced, random_frame


@pytest.mark.parametrize("d", [2, 3, 10])
def test_identity(d):
    """I(theta'X; phi'X) of normal columns: (psi(d/2) - psi((d-1)/2)) / 2."""
    x = np.random.default_rng(d).normal(size=(500, d))
    estimate = Sliced(n_slices=400, base=Gaussian()).estimate(x, x)
    truth = (digamma(d / 2) - digamma((d - 1) / 2)) / 2
    assert estimate.value == pytest.approx(truth, abs=4 * estimate.stats["slice_error"] + 0.002)


def test_default_base_agrees_with_the_gaussian_one():
    x = np.random.default_rng(0).normal(size=(800, 3))
    y = x + 0.5 * np.random.default_rng(1).normal(size=(800, 3))
    nearest = Sliced(n_slices=60).estimate(x, y).value
    exact = Sliced(n_slices=60, base=Gaussian()).estimate(x, y).value  # the same slices
    assert nearest == pytest.approx(exact, abs=0.02)


def test_full_frames_are_the_base_estimate():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(300, 3))
    y = x + rng.normal(size=(300, 3))
    whole = Gaussian().estimate(x, y).value
    assert Sliced(k=3, n_slices=4, base=Gaussian()).estimate(x, y).value == pytest.approx(whole)
    assert Sliced(k=9, n_slices=2, base=Gaussian()).estimate(x, y).value == pytest.approx(whole)


def test_more_columns_see_more():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(500, 6))
    y = x[:, ::-1] + 0.3
    values = [Sliced(k=k, n_slices=30, base=Gaussian()).estimate(x, y).value for k in (1, 2, 3)]
    assert values[0] < values[1] < values[2]


def test_independence():
    rng = np.random.default_rng(4)
    assert abs(Sliced(n_slices=30).estimate(*rng.normal(size=(2, 500, 50))).value) < 0.02


def test_frames_are_orthonormal_and_reproducible():
    frame = random_frame(7, 3, np.random.default_rng(0))
    np.testing.assert_allclose(frame.T @ frame, np.eye(3), atol=1e-12)
    x = np.random.default_rng(5).normal(size=(100, 4))
    first, second = (Sliced(n_slices=5, seed=1).estimate(x, x**2).value for _ in range(2))
    assert first == second != Sliced(n_slices=5, seed=2).estimate(x, x**2).value


def test_permuted_equals_estimating_afresh():
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(2, 80, 3))
    orders = np.array([rng.permutation(80) for _ in range(3)])
    sliced = Sliced(n_slices=4)
    fresh = [sliced.estimate(x, y[order]).value for order in orders]
    np.testing.assert_allclose(sliced.prepare(x, y).permuted(orders), fresh, atol=1e-12)


def test_settings():
    assert Sliced(base=KSG(k=3)).ceiling(100) == KSG(k=3).ceiling(100)
    assert Sliced(base=KSG(k=8)).minimum_samples() == 9
    with pytest.raises(ValueError, match="`n_slices` must be at least 1, got 0"):
        Sliced(n_slices=0)
    with pytest.raises(TypeError, match="`base` must be an estimator such as KSG"):
        Sliced(base=KSG)
