import numpy as np
import pytest

from mitools.estimators.gaussian import Gaussian, GaussianCopula, rank_normal

BOTH = [Gaussian(), GaussianCopula()]


def pairs(rng, n, d, information, n_pairs=None):
    """d + d dimensions with the information spread evenly over the first pairs."""
    n_pairs = n_pairs or d
    rho = np.sqrt(1 - np.exp(-2 * information / n_pairs))
    x, y = rng.normal(size=(2, n, d))
    y[:, :n_pairs] = rho * x[:, :n_pairs] + np.sqrt(1 - rho**2) * y[:, :n_pairs]
    return x, y


def by_determinants(x, y):
    """GCMI's form: three log determinants, each with its own correction."""
    n = len(x)

    def entropy(data):
        d = data.shape[1]
        from scipy.special import digamma

        psi = digamma((n - np.arange(1, d + 1)) / 2).sum() / 2
        bias = psi + d * (np.log(2) - np.log(n - 1)) / 2
        return np.linalg.slogdet(np.atleast_2d(np.cov(data.T)))[1] / 2 - bias

    return entropy(x) + entropy(y) - entropy(np.hstack([x, y]))


@pytest.mark.parametrize(("d_x", "d_y", "n"), [(1, 1, 60), (3, 2, 200), (5, 8, 3000)])
def test_equals_the_determinant_form(d_x, d_y, n):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, d_x))
    y = x @ rng.normal(size=(d_x, d_y)) + rng.normal(size=(n, d_y))
    assert Gaussian().estimate(x, y).value == pytest.approx(by_determinants(x, y), abs=1e-10)
    ranked = by_determinants(rank_normal(x), rank_normal(y))
    assert GaussianCopula().estimate(x, y).value == pytest.approx(ranked, abs=1e-10)


@pytest.mark.parametrize("estimator", BOTH)
def test_closed_forms(estimator):
    rng = np.random.default_rng(1)
    for rho, truth in ((0.5, 0.1438), (0.9, 0.8304), (0.99, 1.9585)):
        x, y = pairs(rng, 5000, 1, truth)
        assert np.corrcoef(x.T, y.T)[0, 1] == pytest.approx(rho, abs=0.03)
        # One estimate has a standard deviation of rho / sqrt(n) = 0.014.
        assert estimator.estimate(x, y).value == pytest.approx(truth, abs=0.057)
    mixing = np.array([[1, 0.5], [0, 2]])
    x = rng.normal(size=(5000, 2))
    y = x @ mixing.T + 0.5 * rng.normal(size=(5000, 2))
    assert estimator.estimate(x, y).value == pytest.approx(2.2272, abs=0.08)


@pytest.mark.parametrize("estimator", BOTH)
@pytest.mark.parametrize("d", [1, 10, 60, 160, 512])
def test_nothing_at_independence_at_any_width(estimator, d):
    rng = np.random.default_rng(d)
    values = [
        estimator.estimate(*rng.normal(size=(2, 1000, d))).value for _ in range(3 if d > 99 else 6)
    ]
    # Measured over 5 to 8 seeds: means within 0.012, standard deviations up to 0.014.
    assert abs(np.mean(values)) < 0.03


def test_more_columns_than_samples():
    rng = np.random.default_rng(2)
    assert abs(Gaussian().estimate(*rng.normal(size=(2, 100, 300))).value) < 0.2
    assert abs(Gaussian().estimate(*rng.normal(size=(2, 30, 300))).value) < 2.0


def test_low_rank_signal_in_512_dimensions():
    rng = np.random.default_rng(3)
    u, v = pairs(rng, 1000, 2, 2.0)
    x, y = u @ rng.normal(size=(2, 512)), v @ rng.normal(size=(2, 512))
    assert Gaussian().estimate(x, y).value == pytest.approx(2.0, rel=0.05)
    noisy = [side + 0.1 * rng.normal(size=side.shape) for side in (x, y)]
    assert Gaussian().estimate(*noisy).value == pytest.approx(2.0, rel=0.05)


def test_many_weak_pairs():
    x, y = pairs(np.random.default_rng(4), 1600, 128, 2.0)
    estimate = GaussianCopula().estimate(x, y)
    assert estimate.value == pytest.approx(2.0, rel=0.1)
    assert estimate.stats["held_out"] < 0.3  # ten directions cannot hold it


def test_invariances():
    rng = np.random.default_rng(5)
    x, y = pairs(rng, 300, 3, 1.0)
    value = Gaussian().estimate(x, y).value
    assert Gaussian().estimate(y, x).value == pytest.approx(value, abs=1e-12)
    mixed = 1e6 * x @ rng.normal(size=(3, 3)) + 5
    assert Gaussian().estimate(mixed, 1e-6 * y).value == pytest.approx(value, abs=1e-9)
    copula = GaussianCopula().estimate(x, y).value
    assert GaussianCopula().estimate(np.exp(x), y**3).value == copula
    with_constant = np.hstack([x, np.ones((300, 1)), x[:, :1]])  # a copy adds nothing either
    assert Gaussian().estimate(with_constant, y).value == pytest.approx(value, abs=1e-9)


def test_determinism_is_said():
    x = np.random.default_rng(6).normal(size=(500, 3))
    with pytest.warns(UserWarning, match="3 linear combination.* the information is infinite"):
        estimate = Gaussian().estimate(x, x @ np.diag([1.0, 2.0, 3.0]))
    assert estimate.saturated
    assert estimate.stats["determined_pairs"] == 3


def test_constant_sides_carry_nothing():
    x = np.random.default_rng(7).normal(size=(50, 2))
    assert Gaussian().estimate(x, np.full(50, 0.1)).value == 0.0  # its mean is not 0.1 exactly


def test_what_it_cannot_see():
    rng = np.random.default_rng(8)
    x = rng.normal(size=2000)
    assert abs(GaussianCopula().estimate(x, x**2).value) < 0.01  # the docstring's own example
    labels = GaussianCopula().estimate(x, (x > 0).astype(float))
    assert labels.stats["tied_fraction"] > 0.99


def embedded(rng, n, width, bend):
    """Two hidden columns a side with I = 2 nats, seen through `width` noiseless columns."""
    r = np.sqrt(1 - np.exp(-2.0))
    hidden = rng.normal(size=(n, 2))
    other = r * hidden + np.sqrt(1 - r**2) * rng.normal(size=(n, 2))
    return (bend(side @ rng.normal(size=(2, width))) for side in (hidden, other))


@pytest.mark.parametrize("estimator", [Gaussian(), GaussianCopula()], ids=repr)
@pytest.mark.parametrize(("n", "width"), [(2000, 10), (1000, 200), (300, 600)])
def test_linear_combinations_of_columns_are_not_counted_again(estimator, n, width):
    x, y = embedded(np.random.default_rng(9), n, width, lambda side: side)
    estimate = estimator.estimate(x, y)
    assert estimate.stats["rank_x"] == 2
    assert estimate.value == pytest.approx(2.0, abs=0.2)  # sd at n = 300: 0.08
    copies = estimator.estimate(np.hstack([x, x[:, :2]]), np.hstack([y, -3 * y]))
    assert copies.value == pytest.approx(estimate.value, abs=0.2)


def test_copies_of_columns_change_no_bit_of_the_ranks():
    x, y = pairs(np.random.default_rng(10), 400, 3, 1.0)
    once = GaussianCopula().estimate(x, y).value
    assert GaussianCopula().estimate(np.hstack([x, x**3]), np.hstack([y, y])).value == (
        pytest.approx(once, abs=1e-9)
    )


@pytest.mark.parametrize("estimator", [Gaussian(), GaussianCopula()], ids=repr)
def test_curved_copies_are_warned_of(estimator):
    bent = embedded(np.random.default_rng(11), 1000, 50, np.tanh)
    with pytest.warns(UserWarning, match="count the same information again"):
        estimate = estimator.estimate(*bent)
    assert estimate.value > 3  # what the warning is about: the truth is 2


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("estimator", [Gaussian(), GaussianCopula()], ids=repr)
def test_noisy_copies_and_many_weak_pairs_are_not_warned_of(estimator):
    rng = np.random.default_rng(12)
    x, y = embedded(rng, 1000, 50, lambda side: side)
    noisy = [side + 0.3 * rng.normal(size=side.shape) for side in (x, y)]
    assert estimator.estimate(*noisy).value == pytest.approx(2.0, abs=0.25)
    many = pairs(rng, 2000, 60, 1.2)
    assert estimator.estimate(*many).value == pytest.approx(1.2, abs=0.15)  # sd 0.03


@pytest.mark.parametrize("estimator", [Gaussian(), GaussianCopula()], ids=repr)
def test_permuted_values_are_those_of_permuted_samples(estimator):
    rng = np.random.default_rng(13)
    x, y = pairs(rng, 120, 3, 1.0)
    orders = rng.permuted(np.tile(np.arange(120), (4, 1)), axis=1)
    expected = [estimator.estimate(x, y[order]).value for order in orders]
    assert estimator.prepare(x, y).permuted(orders) == pytest.approx(expected, abs=1e-12)
