import numpy as np
import pytest
from scipy.special import digamma

from mitools.engines.neighbors.ties import equal_steps
from mitools.estimators.discrete import PlugIn
from mitools.estimators.mixed import Mixed
from mitools.samples.scaling import TIE_JITTER, break_ties


def naive(x, y, k):
    """Gao et al. (2017), Algorithm 1, with digamma; ties but at a distance of 0 broken."""
    n = len(x)
    untied = [break_ties(equal_steps(side), TIE_JITTER, 0) for side in (x, y)]
    terms = []
    for i in range(n):
        equal = [(side == side[i]).all(axis=1) for side in (x, y)]
        both = (equal[0] & equal[1]).sum()
        if both > k:
            counts = both, equal[0].sum(), equal[1].sum()
        else:
            d_x, d_y = (abs(side - side[i]).max(axis=1) for side in untied)
            radius = np.sort(np.maximum(d_x, d_y))[k]
            counts = k, (d_x < radius).sum(), (d_y < radius).sum()
        terms.append(digamma(counts[0]) - digamma(counts[1]) - digamma(counts[2]))
    return digamma(n) + np.mean(terms)


@pytest.mark.parametrize(("n", "sd", "classes"), [(300, 3, 2), (750, 30, 2), (1000, 300, 6)])
def test_independent_rounded_numbers_carry_nothing(n, sd, classes):
    rng = np.random.default_rng(9)
    values = [
        Mixed().estimate(np.round(sd * rng.normal(size=n)), rng.integers(classes, size=n)).value
        for _ in range(8)
    ]
    assert abs(np.mean(values)) < 0.02


def on_and_off(share):
    """x normal; y is x with noise where it is on, and 0 elsewhere: I(X; Y) = share ln(26) / 2."""
    rng = np.random.default_rng(10)
    x, noise = rng.normal(size=(2, 4000))
    return x, np.where(rng.random(4000) < share, x + 0.2 * noise, 0.0), share * np.log(26) / 2


@pytest.mark.parametrize("share", [0.5, 0.2, 0.08, 0.04])
def test_atoms_of_any_share(share):
    x, y, truth = on_and_off(share)
    assert Mixed().estimate(x, y).value == pytest.approx(truth, rel=0.1, abs=0.03)


def relu_pair(rng, n, rho):
    x = rng.normal(size=n)
    y = rho * x + np.sqrt(1 - rho**2) * rng.normal(size=n)
    return np.maximum(x, 0), np.maximum(y, 0)


@pytest.mark.parametrize("kind", ["continuous", "integers", "relu", "constant"])
def test_equals_the_naive_twin(kind):
    rng = np.random.default_rng(0)
    x, y = {
        "continuous": rng.normal(size=(2, 60, 2)),
        "integers": rng.integers(4, size=(2, 60, 1)).astype(float),
        "relu": np.maximum(rng.normal(size=(2, 60, 2)), 0),
        "constant": np.stack([np.ones((60, 1)), rng.normal(size=(60, 1))]),
    }[kind]
    value = Mixed(k=3, standardize=False, atoms="among").estimate(x, y).value
    assert value == pytest.approx(naive(x, y, 3), abs=1e-12)


def test_without_ties_it_is_ksg():
    sklearn = pytest.importorskip("sklearn.feature_selection")
    rng = np.random.default_rng(1)
    x = rng.normal(size=400)
    y = x + rng.normal(size=400)
    theirs = sklearn.mutual_info_regression(x[:, None], y, n_neighbors=4, random_state=0)[0]
    assert Mixed(k=4).estimate(x, y).value == pytest.approx(theirs, abs=1e-6)


def test_on_dense_discrete_data_it_is_miller_madow():
    rng = np.random.default_rng(2)
    x = rng.integers(4, size=3000)
    y = (x + rng.integers(3, size=3000)) % 4
    expected = PlugIn("miller_madow").estimate(x, y).value
    assert Mixed().estimate(x, y).value == pytest.approx(expected, abs=1e-4)


def test_units_do_not_matter():
    rng = np.random.default_rng(3)
    x = rng.integers(5, size=300)
    y = x + rng.normal(size=300)
    first = Mixed().estimate(x, y).value
    assert Mixed().estimate(1e6 * x + 3, -1e-7 * y).value == pytest.approx(first, abs=1e-12)
    assert Mixed().estimate(y, x).value == pytest.approx(first, abs=1e-12)


def test_gao_uniform():
    rng = np.random.default_rng(4)
    values = []
    for _ in range(5):
        x = rng.integers(5, size=2000)
        values.append(Mixed().estimate(x, x + rng.uniform(0, 2, size=2000)).value)
    # ln 5 - (4 / 5) ln 2; one run has a standard deviation of 0.012
    assert np.mean(values) == pytest.approx(1.05492, abs=0.025)


def test_independent_rectified_data_carry_nothing():
    rng = np.random.default_rng(5)
    values = [Mixed().estimate(*relu_pair(rng, 1000, 0.0)).value for _ in range(10)]
    assert abs(np.mean(values)) < 0.02
    dependent = Mixed().estimate(*relu_pair(rng, 1000, 0.8))
    assert dependent.value > 0.25  # a negative control: the check above can fail
    assert 0.3 < dependent.stats["atom_fraction"] < 0.5


def half_atoms(rng, n):
    """Gao et al. (2017), Experiment II: half the samples on four atoms amid the normal others."""
    x = rng.normal(size=n)
    y = 0.9 * x + np.sqrt(1 - 0.81) * rng.normal(size=n)
    sign = rng.choice([-1.0, 1.0], size=n)
    kept = np.where(rng.random(n) < 0.9, 1, -1)
    atom = rng.random(n) < 0.5
    return np.where(atom, sign, x), np.where(atom, kept * sign, y)


def test_atoms_amid_continuous_values():
    truth = np.log(2) + (np.log(2) + 0.9 * np.log(0.9) + 0.1 * np.log(0.1)) / 2
    truth -= np.log(1 - 0.81) / 4  # 1.2924
    rng = np.random.default_rng(7)
    samples = [half_atoms(rng, 1500) for _ in range(4)]
    values = [Mixed().estimate(*pair).value for pair in samples]
    assert np.mean(values) == pytest.approx(truth, abs=0.05)
    published = [Mixed(atoms="among").estimate(*pair).value for pair in samples]
    assert np.mean(published) < truth - 0.1  # why they are kept apart


def test_rectified_pairs_of_columns():
    rng = np.random.default_rng(8)
    values, nothing = [], []
    for _ in range(6):
        x, other = np.maximum(rng.normal(size=(2, 500, 2)), 0)
        nothing.append(Mixed().estimate(x, other).value)
        first = rng.normal(size=(500, 2))
        second = first + 0.5 * rng.normal(size=(500, 2))
        values.append(Mixed().estimate(np.maximum(first, 0), np.maximum(second, 0)).value)
    assert abs(np.mean(nothing)) < 0.025
    assert np.mean(values) == pytest.approx(1.084, abs=0.06)  # the value at n = 8000


def test_determinism_meets_the_ceiling():
    x = np.random.default_rng(6).normal(size=300)
    estimate = Mixed(k=3).estimate(x, x)
    assert estimate.value == pytest.approx(estimate.ceiling, abs=1e-12)
    assert estimate.saturated


def test_refusals():
    with pytest.raises(ValueError, match="`k` must be at least 1, got 0"):
        Mixed(k=0)
    with pytest.raises(ValueError, match="at least 5 samples"):
        Mixed(k=4).estimate([1, 2, 3], [1, 2, 3])


@pytest.mark.parametrize("atoms", ["apart", "among"])
def test_permuted_estimates_are_fresh_ones(atoms):
    rng = np.random.default_rng(8)
    x = np.maximum(rng.normal(size=(80, 2)), 0)
    orders = np.array([rng.permutation(80) for _ in range(4)])
    # noise stays with its row of y, so that y with ties differs by the luck of the noise
    continuous, whole = x[:, :1] + rng.normal(size=(80, 1)), rng.integers(4, size=(80, 1)) * 1.0
    for y, luck in ((continuous, 1e-12), (whole, 0.1)):
        expected = [Mixed(atoms=atoms).prepare(x, y[order]).found().value for order in orders]
        assert Mixed(atoms=atoms).prepare(x, y).permuted(orders) == pytest.approx(
            expected, abs=luck
        )
