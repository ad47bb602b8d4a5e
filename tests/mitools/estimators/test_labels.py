from pathlib import Path

import numpy as np
import pytest
from scipy.special import digamma, logsumexp

from mitools.estimators.discrete import entropy_of_counts
from mitools.estimators.labels import Labels, ross_terms

TASKS = Path(__file__).parents[3].parent / "shared" / "reference" / "tasks"


def gaussian_classes(rng, means, n):
    """Samples, labels and the mean of ln p(y | x) / p(y) over many more of them: the truth."""

    def draw(m):
        y = rng.integers(len(means), size=m)
        x = means[y] + rng.normal(size=(m, means.shape[1]))
        log_p = x @ means.T - 0.5 * (means**2).sum(axis=1)
        return x, y, np.log(len(means)) + np.mean(log_p[range(m), y] - logsumexp(log_p, axis=1))

    truth = draw(100_000)[2]
    return *draw(n)[:2], truth


def naive_ross(x, y, k, norm):
    terms = []
    for i in range(len(x)):
        distance = np.linalg.norm(x - x[i], ord=norm, axis=1)
        own = y == y[i]
        near = min(k, own.sum() - 1)
        radius = np.sort(distance[own])[near]
        terms.append(
            digamma(len(x)) + digamma(near) - digamma(own.sum())
            - digamma((distance < radius).sum())
        )  # fmt: skip
    return np.array(terms)


@pytest.mark.parametrize(
    ("d", "metric"), [(1, "l2"), (3, "max"), (3, "l2"), (20, "l2"), (20, "max")]
)
def test_ross_equals_the_naive_twin(d, metric):
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=60)
    x = rng.normal(size=(60, d)) + y[:, None]
    norm = np.inf if metric == "max" else 2
    np.testing.assert_allclose(ross_terms(x, y, 3, metric), naive_ross(x, y, 3, norm), atol=1e-12)


def test_ross_equals_scikit_learn():
    sklearn = pytest.importorskip("sklearn.feature_selection")
    rng = np.random.default_rng(1)
    y = rng.integers(4, size=500)
    x = rng.normal(size=500) + y
    theirs = sklearn.mutual_info_classif(x[:, None], y, n_neighbors=3, random_state=0)[0]
    mine = Labels(k=3, method="ross").estimate(x, y).value
    assert mine == pytest.approx(theirs, abs=1e-4)  # they add noise of 1e-10


@pytest.mark.parametrize(("n_labels", "d", "spread"), [(10, 2, 2.0), (10, 10, 1.0), (10, 64, 0.5)])
def test_gaussian_classes_within_five_percent(n_labels, d, spread):
    rng = np.random.default_rng(d)
    x, y, truth = gaussian_classes(rng, spread * rng.normal(size=(n_labels, d)), 2000)
    assert Labels().estimate(x, y).value == pytest.approx(truth, rel=0.05)


@pytest.mark.parametrize(
    ("task", "truth"),
    [("K10-d2-sep2", 1.634), ("K10-d64-sep0.5", 2.256), ("K100-d64-sep0.7", 4.585)],
)
def test_published_tasks_within_five_percent(task, truth):
    path = TASKS / f"label__gauss-{task}__s0.npz"
    if not path.exists():
        pytest.skip("the reference tasks are not here")
    with np.load(path) as data:
        x, y = data["x"][:2000], data["y"][:2000]
    estimate = Labels().estimate(x, y)
    assert estimate.value == pytest.approx(truth, rel=0.05)
    assert estimate.value <= entropy_of_counts(np.unique(y, return_counts=True)[1])


def test_shapes_that_no_line_separates():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(2000, 2))
    exclusive_or = Labels().estimate(x, x[:, 0] * x[:, 1] > 0)
    assert exclusive_or.value == pytest.approx(np.log(2), rel=0.1)
    assert exclusive_or.stats["log_loss"] < 0.7 * np.log(2)  # the neighbours are needed
    # Two variances in ten dimensions: I = 0.281 by Monte Carlo, and neighbours see a third of it.
    y = rng.integers(2, size=2000)
    spheres = Labels().estimate(rng.normal(size=(2000, 10)) * np.where(y, 1.5, 1.0)[:, None], y)
    assert spheres.value == pytest.approx(0.281, abs=0.04)


@pytest.mark.parametrize(("n_labels", "d"), [(2, 1), (2, 5), (10, 10), (10, 64), (50, 30)])
def test_independent_labels_carry_nothing(n_labels, d):
    rng = np.random.default_rng(4)
    values = [
        Labels().estimate(rng.normal(size=(600, d)), rng.integers(n_labels, size=600)).value
        for _ in range(4)
    ]
    assert abs(np.mean(values)) < 0.02


@pytest.mark.parametrize("method", ["auto", "ross"])
@pytest.mark.parametrize(("n", "sd", "classes"), [(300, 3, 6), (750, 30, 2), (1000, 300, 6)])
def test_independent_rounded_features_carry_nothing(n, sd, classes, method):
    rng = np.random.default_rng(4)
    values = [
        Labels(method=method)
        .estimate(np.round(sd * rng.normal(size=n)), rng.integers(classes, size=n))
        .value
        for _ in range(8)
    ]
    assert abs(np.mean(values)) < 0.02


@pytest.mark.parametrize(("n_labels", "d"), [(60, 1), (60, 20), (100, 5)])
def test_two_samples_a_class_carry_nothing_at_independence(n_labels, d):
    rng = np.random.default_rng(5)
    y = rng.permutation(np.repeat(np.arange(n_labels), 2))
    assert Labels().estimate(rng.normal(size=(2 * n_labels, d)), y).value < 0.15
    # a negative control: classes far apart
    centres = 5 * rng.normal(size=(n_labels, 5))
    far = Labels().estimate(centres[y] + rng.normal(size=(2 * n_labels, 5)), y).value
    assert far > 0.85 * np.log(n_labels)


def test_many_unequal_classes_of_few_samples():
    shares = 1 / np.arange(1, 51)
    shares /= shares.sum()
    errors = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        means = 1.5 * rng.normal(size=(50, 3))

        def draw(m, rng=rng, means=means):
            y = rng.choice(50, m, p=shares)
            x = means[y] + rng.normal(size=(m, 3))
            log_p = x @ means.T - 0.5 * (means**2).sum(axis=1) + np.log(shares)
            gain = log_p[range(m), y] - logsumexp(log_p, axis=1) - np.log(shares[y])
            return x, y, gain.mean()

        truth = draw(50_000)[2]
        errors.append(Labels().estimate(*draw(300)[:2]).value / truth - 1)
    assert np.max(np.abs(errors)) < 0.25


def test_margins_do_not_matter():
    rng = np.random.default_rng(9)
    x, y, truth = gaussian_classes(rng, 0.7 * rng.normal(size=(10, 10)), 2000)
    for bent in (np.exp(x), x**3):
        estimate = Labels().estimate(bent, y)
        assert estimate.value == pytest.approx(truth, rel=0.05)
        assert estimate.stats["ross"] < 0.85 * truth  # the ranks are needed


def test_never_above_the_entropy_of_the_labels():
    rng = np.random.default_rng(5)
    for n_labels in (2, 7, 20):
        y = rng.integers(n_labels, size=300)
        x = np.eye(n_labels)[y] + 1e-3 * rng.normal(size=(300, n_labels))
        estimate = Labels().estimate(x, y)
        entropy = entropy_of_counts(np.bincount(y))
        assert estimate.value <= entropy == estimate.ceiling
        assert estimate.value == pytest.approx(entropy, rel=0.02)
        assert estimate.saturated


def test_labels_are_names_only():
    rng = np.random.default_rng(6)
    y = rng.integers(3, size=300)
    x = rng.normal(size=(300, 2)) + y[:, None]
    renamed = np.array([-2, 0, 70])[y]
    assert Labels().estimate(x, renamed).value == Labels().estimate(x, y).value
    scaled = Labels().estimate(1e5 * x - 7, y).value
    assert scaled == pytest.approx(Labels().estimate(x, y).value, abs=1e-6)


def test_wide_and_degenerate_features():
    rng = np.random.default_rng(7)
    y = np.repeat([0, 1], 40)
    wide = rng.normal(size=(80, 700))
    wide[:, :20] += 2 * y[:, None]
    assert 0.4 < Labels().estimate(wide, y).value <= np.log(2)
    assert Labels().estimate(np.ones((80, 3)), y).value == pytest.approx(0, abs=0.02)
    assert Labels().estimate(wide, np.zeros(80)).value == 0.0
    rare = y.copy()
    rare[0] = 5
    assert Labels().estimate(wide, rare).stats["singleton_labels"] == 1


def test_refusals():
    x = np.random.default_rng(8).normal(size=(50, 2))
    with pytest.raises(ValueError, match="50 distinct values in 50 rows"):
        Labels().estimate(x, x[:, 0])
    with pytest.raises(TypeError, match=r"no setting 'metric' any more\. Neighbours are"):
        Labels(metric="max")
    with pytest.raises(TypeError, match=r"no setting 'max_directions' any more\. Up to 20"):
        Labels(max_directions=3)
    with pytest.raises(ValueError, match="`folds` must be at least 3, got 2"):
        Labels(folds=2)


@pytest.mark.parametrize("method", ["auto", "ross", "log_loss"])
def test_permuted_estimates_are_fresh_ones(method):
    rng = np.random.default_rng(8)
    y = rng.integers(3, size=(90, 1)) * 1.0
    x = np.exp(rng.normal(size=(90, 2)) + y)
    orders = np.array([rng.permutation(90) for _ in range(3)])
    estimator = Labels(method=method)
    expected = [estimator.prepare(x, y[order]).found().value for order in orders]
    assert estimator.prepare(x, y).permuted(orders) == pytest.approx(expected, abs=1e-12)
    assert estimator.prepare(x, np.ones((90, 1))).permuted(orders).tolist() == [0.0] * 3
