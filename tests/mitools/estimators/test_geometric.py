import numpy as np
import pytest

from mitools.estimators.geometric import Geometric


def test_independence_is_zero_without_bias():
    rng = np.random.default_rng(1)
    values = [
        Geometric(n_splits=1).estimate(*rng.normal(size=(2, 100, 2))).value for _ in range(300)
    ]
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(300)
    assert min(values) < 0  # not clipped


def test_singular_joint_is_one():
    x = np.random.default_rng(2).normal(size=(2000, 1))
    estimate = Geometric().estimate(x, np.sin(x))
    assert estimate.value == pytest.approx(1, abs=0.1)
    assert Geometric().estimate(x[:300], np.sin(x[:300])).value < estimate.value
    assert estimate.value <= estimate.ceiling < 1
    assert estimate.saturated


def test_it_orders_dependence():
    rng = np.random.default_rng(3)
    x, noise = rng.normal(size=(2, 500, 1))
    values = [
        Geometric().estimate(x, rho * x + np.sqrt(1 - rho**2) * noise).value
        for rho in (0.0, 0.6, 0.9, 0.99)
    ]
    assert values == sorted(values)
    circle = Geometric().estimate(np.cos(3 * x), np.sin(3 * x))  # no correlation at all
    assert circle.value > 0.3


def test_units_and_order_of_columns_do_not_matter():
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(2, 200, 2))
    y = y + x
    first = Geometric(seed=3).estimate(x, y).value
    assert Geometric(seed=3).estimate(x, y).value == first
    assert Geometric(seed=3).estimate(1024 * x[:, ::-1], y).value == pytest.approx(first, abs=0.05)


def test_discrete_ties_keep_independence_at_zero():
    rng = np.random.default_rng(5)
    values = [Geometric().estimate(*rng.integers(3, size=(2, 200, 1))).value for _ in range(40)]
    # Within a heap of equal points the tree is a star around the first, so the spread is large.
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(40)


def test_refusals():
    with pytest.raises(ValueError, match="`n_splits` must be at least 1, got 0"):
        Geometric(n_splits=0)
    with pytest.raises(ValueError, match="at least 4 samples"):
        Geometric().estimate([1, 2, 3], [1, 2, 3])
