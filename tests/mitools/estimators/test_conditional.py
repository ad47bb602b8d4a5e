"""I(X; Y | Z) against a naive twin, independent packages and published tasks."""

from pathlib import Path

import numpy as np
import pytest
from scipy.special import digamma

from mitools.estimators.conditional import (
    ConditionalKSG,
    conditional_independence_test,
    conditional_mutual_information,
)

TASKS = Path(__file__).parents[3].parent / "shared" / "reference" / "tasks"


TRUTH = 0.247348  # nats


RHO = np.sqrt(1 - np.exp(-2 * TRUTH))


PLAIN = ConditionalKSG(residualize="none")


def coupled(rng, n, rho=RHO, d=1):
    """Two residuals with I = -d ln(1 - rho^2) / 2."""
    first, second = rng.normal(size=(2, n, d))
    return first, rho * first + np.sqrt(1 - rho**2) * second


def naive(x, y, z, k):
    """Frenzel and Pompe (2007), eq. (4), point by point."""
    terms = []
    for i in range(len(x)):
        d_x, d_y, d_z = (abs(side - side[i]).max(axis=1) for side in (x, y, z))
        radius = np.sort(np.maximum(np.maximum(d_x, d_y), d_z))[k]
        in_z = d_z < radius
        terms.append(
            digamma(in_z.sum())
            - digamma((in_z & (d_x < radius)).sum())
            - digamma((in_z & (d_y < radius)).sum())
        )
    return digamma(k) + np.mean(terms)


def test_equals_the_naive_twin():
    rng = np.random.default_rng(0)
    sides = [(side - side.mean(axis=0)) / side.std(axis=0) for side in rng.normal(size=(3, 60, 2))]
    value = conditional_mutual_information(*sides, estimator=PLAIN).value
    assert value == pytest.approx(naive(*sides, 4), abs=1e-12)


def test_equals_ennemi():
    ennemi = pytest.importorskip("ennemi")
    rng = np.random.default_rng(1)
    z = rng.normal(size=(500, 2))
    x = z[:, 0] + rng.normal(size=500)
    y = x + z[:, 1] + rng.normal(size=500)
    theirs = float(np.squeeze(ennemi.estimate_mi(y, x, k=4, cond=z)))
    assert conditional_mutual_information(x, y, z, estimator=PLAIN).value == pytest.approx(
        theirs, abs=1e-6
    )


def test_ten_dimensional_condition():
    values, nothing = [], []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        z = rng.normal(size=(2000, 10))
        weights = rng.normal(size=(2, 10, 1)) * 2 / np.sqrt(10)
        for rho, kept in ((RHO, values), (0.0, nothing)):
            first, second = coupled(rng, 2000, rho)
            kept.append(
                conditional_mutual_information(
                    z @ weights[0] + first, z @ weights[1] + second, z
                ).value
            )
    # Measured over 6 seeds: mean 0.248, standard deviation 0.014; and 0.000, 0.008.
    assert np.mean(values) == pytest.approx(TRUTH, abs=0.03)
    assert abs(np.mean(nothing)) < 0.02
    plain = conditional_mutual_information(
        z @ weights[0] + first, z @ weights[1] + first + second, z, estimator=PLAIN
    )
    assert plain.value < 0.15  # what is to be improved on


@pytest.mark.parametrize(("task", "tolerance"), [("1-1-z1-dep0.8", 0.03), ("3-3-z3-dep0.6", 0.08)])
def test_published_tasks(task, tolerance):
    path = TASKS / f"cmi__gauss-{task}__s0.npz"
    if not path.exists():
        pytest.skip("the reference tasks are not here")
    with np.load(path) as data:
        x, y, z = (data[name][:2000] for name in "xyz")
        truth = float(data["mi"])
    assert conditional_mutual_information(x, y, z).value == pytest.approx(truth, abs=tolerance)


@pytest.mark.parametrize("d_z", [1, 4, 10])
@pytest.mark.parametrize("kind", ["square", "product", "scale", "largest"])
def test_no_false_dependence_through_curves(kind, d_z):
    rng = np.random.default_rng(d_z)
    z = rng.normal(size=(1500, d_z))
    shared = {
        "square": 2 * (z**2).sum(axis=1) / np.sqrt(d_z),
        "product": 3 * np.sin(2 * z[:, 0]) + 3 * z[:, -1] * z[:, d_z // 2],
        "scale": np.zeros(1500),
        "largest": 1.5 * z.max(axis=1),
    }[kind][:, None]
    scale = np.exp(0.7 * z[:, :1]) if kind == "scale" else 1.0
    for rho, truth in ((0.0, 0.0), (RHO, TRUTH)):
        first, second = coupled(rng, 1500, rho)
        value = conditional_mutual_information(
            shared + scale * first, shared + scale * second, z
        ).value
        assert value == pytest.approx(truth, abs=0.07)


def test_a_coupling_that_depends_on_the_condition_is_kept():
    rng = np.random.default_rng(2)
    z = rng.normal(size=(2000, 5))
    first, second = rng.normal(size=(2, 2000, 1))
    y = 0.8 * np.sign(z[:, :1]) * first + 0.6 * second
    estimate = conditional_mutual_information(first, y, z)
    assert estimate.value == pytest.approx(-0.5 * np.log(1 - 0.64), abs=0.08)
    assert estimate.stats["left_r2"] > 0.1
    assert estimate.stats["condition_columns"] == 1


def test_linear_keeps_all_of_the_condition():
    rng = np.random.default_rng(3)
    z = rng.normal(size=(500, 4))
    first, second = coupled(rng, 500)
    estimate = conditional_mutual_information(
        z[:, :1] + first, second, z, estimator=ConditionalKSG(residualize="linear")
    )
    assert estimate.stats["condition_columns"] == 4
    # Adding any linear function of Z to X changes next to nothing.
    again = conditional_mutual_information(
        9 * z[:, 1:2] + first, second, z, estimator=ConditionalKSG(residualize="linear")
    )
    assert again.value == pytest.approx(estimate.value, abs=0.01)


def test_symmetry_and_units():
    rng = np.random.default_rng(4)
    z = rng.normal(size=(400, 3))
    first, second = coupled(rng, 400)
    value = conditional_mutual_information(first, second, z).value
    assert conditional_mutual_information(second, first, z).value == pytest.approx(value, abs=1e-9)
    scaled = conditional_mutual_information(1e3 * first, 1e-3 * second, 50 * z + 1).value
    assert scaled == pytest.approx(value, abs=1e-6)


def test_atoms_do_not_break_it():
    rng = np.random.default_rng(5)
    z = np.maximum(rng.normal(size=(600, 1)), 0)
    x, y = np.maximum(rng.normal(size=(2, 600, 1)), 0)
    assert abs(conditional_mutual_information(x, y, z, estimator=PLAIN).value) < 0.08


def test_a_constant_condition_is_none():
    rng = np.random.default_rng(6)
    x, y = coupled(rng, 300)
    estimator = ConditionalKSG()
    assert conditional_mutual_information(np.full(300, 0.1), y, x).value == 0.0
    with_constant = conditional_mutual_information(x, y, np.full(300, 0.1)).value
    assert with_constant == pytest.approx(estimator.estimate(x, y).value, abs=1e-12)


def test_p_values():
    rng = np.random.default_rng(8)
    z = rng.normal(size=(300, 3))
    p_values = []
    for _ in range(8):
        x, y = z[:, :1] ** 2 + rng.normal(size=(2, 300, 1))
        p_values.append(conditional_independence_test(x, y, z, n_permutations=19).p_value)
    assert min(p_values) >= 1 / 20
    assert np.mean(np.array(p_values) <= 0.1) <= 0.34
    first, second = coupled(rng, 300)
    found = conditional_independence_test(
        z[:, :1] + first, z[:, :1] + second, z, n_permutations=39
    )
    assert found.p_value == 1 / 40
    assert "p=0.025" in repr(found)


def test_p_values_with_one_column():
    rng = np.random.default_rng(9)
    z = rng.normal(size=(300, 1))
    x, y = np.exp(z / 2) * rng.normal(size=(2, 300, 1))
    assert conditional_independence_test(x, y, z, n_permutations=39).p_value > 0.05


def test_refusals():
    x = np.random.default_rng(10).normal(size=50)
    with pytest.raises(TypeError, match="must be a ConditionalKSG, got 'ksg'"):
        conditional_mutual_information(x, x, x, estimator="ksg")
    with pytest.raises(ValueError, match="got 20 rows for 50 samples"):
        conditional_mutual_information(x, x, x[:20])
    with pytest.raises(ValueError, match="needs at least 10 samples, got 6"):
        conditional_mutual_information(x[:6], x[:6], x[:6])
    with pytest.raises(ValueError, match="`z` has NaN"):
        conditional_mutual_information(x, x, np.where(x > 0, np.nan, x))
    with pytest.raises(ValueError, match="`n_permutations` must be at least 1"):
        conditional_independence_test(x, x, x, n_permutations=0)
    with pytest.raises(ValueError, match="`residualize` must be"):
        ConditionalKSG(residualize="forest")


def test_neighbours_are_counted_in_whole_numbers():
    with pytest.raises(ValueError, match=r"`k` must be a whole number, got 2\.5"):
        ConditionalKSG(k=2.5)


@pytest.mark.parametrize(("n", "d", "q"), [(300, 5, 2), (500, 20, 4)])
def test_cross_fitted_ridge_is_scikit_learns(n, d, q):
    linear_model = pytest.importorskip("sklearn.linear_model")
    from mitools.estimators.residuals import PENALTIES, _r2, cross_fitted

    rng = np.random.default_rng(0)
    features = rng.normal(size=(n, d))
    targets = features @ rng.normal(size=(d, q)) + np.linspace(0.5, 9, q) * rng.normal(size=(n, q))
    fold = np.arange(n) % 2
    theirs = np.empty_like(targets)
    for train, test in ((fold == 0, fold == 1), (fold == 1, fold == 0)):
        model = linear_model.RidgeCV(alphas=PENALTIES, alpha_per_target=True)
        theirs[test] = model.fit(features[train], targets[train]).predict(features[test])
    ours = _r2(targets, cross_fitted(features, targets, fold))
    np.testing.assert_allclose(ours, _r2(targets, theirs), atol=0.005)
    assert ours.max() > 0.1


def sigmoid(t):
    return 1 / (1 + np.exp(-t))


def flipped(rng, n):
    z = rng.integers(2, size=n)
    return *(z ^ (rng.random((2, n)) < 0.2)), z


def sums(rng, n):
    z = rng.integers(3, size=(n, 3))
    return *(z.sum(axis=1) + rng.integers(2, size=(2, n))), z


def binary(rng, n, d):
    z = rng.normal(size=(n, d))
    return *(rng.random((2, n)) < sigmoid(2 * z.sum(axis=1) / np.sqrt(d))), z


def binary_of_age(rng, n):
    z = rng.integers(20, 60, size=n)
    return *(rng.random((2, n)) < sigmoid((z - 40) / 8)), z


def counts(rng, n):
    z = rng.normal(size=(n, 2))
    return *rng.poisson(np.exp(1 + z[:, 0] / 2), size=(2, n)), z


def heavy(rng, n, rho=0.0, sigma=3.0, d=4):
    z = rng.normal(size=(n, d))
    first, second = coupled(rng, n, rho)
    shared = z.sum(axis=1)[:, None] / np.sqrt(d)
    return np.exp(sigma * (shared + first)), np.exp(sigma * (shared + second)), z


def of_levels(rng, n, levels, rho=0.0):
    z = rng.integers(levels, size=(n, 1))
    first, second = coupled(rng, n, rho)
    return z + first, z + second, z


def of_both(rng, n, rho=0.0):
    z, switch = rng.normal(size=(n, 1)), rng.integers(2, size=(n, 1))
    first, second = coupled(rng, n, rho)
    shared = np.where(switch == 1, z, -z) + switch
    return shared + first, shared + second, np.hstack([z, switch])


KINDS = {
    "binary given binary": flipped,
    "sums given three columns of levels": sums,
    "binary given one continuous": lambda rng, n: binary(rng, n, 1),
    "binary given five continuous": lambda rng, n: binary(rng, n, 5),
    "binary given age": binary_of_age,
    "counts given continuous": counts,
    "heavy tails": heavy,
    "normal given five levels": lambda rng, n: of_levels(rng, n, 5),
    "normal given age": lambda rng, n: of_levels(rng, n, 40),
    "normal given both kinds": of_both,
}


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_found_where_nothing_is(kind):
    rng = np.random.default_rng(20)
    values = [conditional_mutual_information(*KINDS[kind](rng, 600)).value for _ in range(3)]
    # one estimate has a standard deviation of at most 0.03
    assert abs(np.mean(values)) < 0.06


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_level_of_the_test(kind):
    p_values = []
    for seed in range(60):
        data = KINDS[kind](np.random.default_rng(seed), 300)
        p_values.append(conditional_independence_test(*data, n_permutations=19).p_value)
    # of 60 tests with a level of 5 %, more than 8 reject in 0.4 %
    assert (np.array(p_values) <= 0.05).sum() <= 8


POWER = {
    "binary": lambda rng, n: of_levels(rng, n, 2, 0.4),
    "five levels": lambda rng, n: of_levels(rng, n, 5, 0.4),
    "age": lambda rng, n: of_levels(rng, n, 40, 0.4),
    "both kinds": lambda rng, n: of_both(rng, n, 0.4),
    "heavy tails": lambda rng, n: heavy(rng, n, 0.4),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", POWER)
def test_power_of_the_test(kind):
    found = [
        conditional_independence_test(
            *POWER[kind](np.random.default_rng(seed), 500), n_permutations=19
        ).p_value
        <= 0.05
        for seed in range(30)
    ]
    # with a power of 90 %, fewer than 23 of 30 in 0.8 %
    assert sum(found) >= 23


def test_labels_given_a_label_are_counted():
    rng = np.random.default_rng(21)
    z = rng.integers(2, size=3000)
    x = rng.integers(2, size=3000)
    y = x ^ (rng.random(3000) < np.where(z == 1, 0.1, 0.3))
    truth = np.log(2) + np.mean([p * np.log(p) + (1 - p) * np.log(1 - p) for p in (0.1, 0.3)])
    estimate = conditional_mutual_information(x, y, z)
    assert estimate.value == pytest.approx(truth, abs=0.03)
    assert estimate.stats["strata"] == 2
    # the names of labels do not matter
    again = conditional_mutual_information(-7 * x, 3 - y, np.array([5.5, -2])[z])
    assert again.value == pytest.approx(estimate.value, abs=1e-12)


def test_what_z_determines_carries_nothing():
    rng = np.random.default_rng(22)
    x = rng.normal(size=400)
    y = x + rng.normal(size=400)
    for z in (x, 2 * x - 1, np.exp(x), np.column_stack([x, rng.normal(size=(400, 2))])):
        assert conditional_mutual_information(x, y, z).value == 0
        assert conditional_mutual_information(x, x, z).value == 0
        assert conditional_independence_test(x, y, z, n_permutations=9).p_value == 1
    # a negative control: nearly determined is not determined
    noise, other = rng.normal(size=(2, 400))
    near = conditional_mutual_information(x + 0.1 * noise, noise + 0.3 * other, x).value
    assert near > 0.5


def test_increasing_maps_of_each_column_change_nothing():
    rng = np.random.default_rng(23)
    x, y, z = heavy(rng, 300, rho=0.8, sigma=0.5, d=3)
    first = conditional_mutual_information(x, y, z).value
    bent = conditional_mutual_information(np.log(x), y**3, np.sinh(3 * z)).value
    assert bent == first
    # a negative control: the plain estimator sees the tails
    plain = [
        conditional_mutual_information(*data, estimator=PLAIN).value
        for data in ((x, y, z), (x**6, y**6, z))
    ]
    assert abs(plain[0] - plain[1]) > 0.02


def test_a_test_permutes_among_equal_values_of_z():
    # X and Y depend on Z alone, through values that no curve follows: only strata are right
    rng = np.random.default_rng(24)
    level = rng.normal(size=40)
    p_values = []
    for _ in range(30):
        z = rng.integers(40, size=300)
        x, y = 5 * level[z] + rng.normal(size=(2, 300))
        p_values.append(conditional_independence_test(x, y, z, n_permutations=19).p_value)
    assert (np.array(p_values) <= 0.05).sum() <= 6
