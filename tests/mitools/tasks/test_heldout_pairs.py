"""The narrow held-out tasks: margins and densities against scipy, truths by other means."""

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

from mitools.tasks import heldout_pairs

TASKS = {task.name: task for task in heldout_pairs.TASKS}
MARGINS = {
    "Clayton copula 1+1": (stats.expon(), stats.expon()),
    "Gumbel copula 1+1": (stats.invweibull(1), stats.invweibull(1)),
    "FGM copula 1+1": (stats.logistic(), stats.logistic()),
    "gamma-exponential 1+1": (stats.gamma(0.5), stats.lomax(0.5)),
    "Cauchy channel 1+1": (stats.cauchy(), stats.cauchy(scale=1.5)),
    "phase 1+1": (stats.uniform(-np.pi, 2 * np.pi), stats.uniform(-np.pi, 2 * np.pi)),
    "extremes 1+1": (stats.beta(1, 3), stats.beta(3, 1)),
}
#: Kendall's tau of the copulas, in closed form.
TAU = {"Clayton copula 1+1": 3 / 5, "Gumbel copula 1+1": 1 / 2, "FGM copula 1+1": 2 / 9}


@pytest.mark.parametrize("name", MARGINS)
def test_margins_are_the_laws_they_are_said_to_be(name):
    for side, law in zip(TASKS[name].sample(5000, seed=1), MARGINS[name], strict=True):
        assert stats.kstest(side[:, 0], law.cdf).pvalue > 1e-3


def test_another_margin_would_be_seen():
    x, _ = TASKS["gamma-exponential 1+1"].sample(5000, seed=1)
    assert stats.kstest(x[:, 0], stats.gamma(0.6).cdf).pvalue < 1e-3


@pytest.mark.parametrize("name", TAU)
def test_copulas_are_as_concordant_as_their_closed_forms(name):
    x, y = TASKS[name].sample(5000, seed=2)
    assert stats.kendalltau(x[:, 0], y[:, 0])[0] == pytest.approx(TAU[name], abs=0.03)


def test_phases_know_as_much_as_the_entropy_of_their_noise_leaves():
    for kappa in (0.5, 4.0, 30.0):
        expected = np.log(2 * np.pi) - stats.vonmises(kappa).entropy()
        assert heldout_pairs.vonmises_information(kappa) == pytest.approx(expected, abs=1e-10)


def test_the_density_of_laplace_is_that_of_scipy():
    y = np.linspace(-5, 5, 21)
    expected = stats.laplace(scale=0.7).pdf(y)
    np.testing.assert_allclose(heldout_pairs.laplace_density(y, 0.7), expected, rtol=1e-12)


def test_a_square_that_is_not_turned_shares_nothing_and_45_degrees_share_most():
    assert heldout_pairs.rotated(0.0).mutual_information == pytest.approx(0, abs=1e-12)
    values = [heldout_pairs.rotated(angle).mutual_information for angle in (10, 30, 45)]
    assert values == sorted(values)
    triangle = quad(lambda s: -(1 - s) * np.log((1 - s) / np.sqrt(2)), 0, 1)[0] * 2
    assert values[-1] == pytest.approx(2 * triangle - np.log(4), abs=1e-9)


def test_the_gamma_exponential_truth_by_its_densities():
    x, y = TASKS["gamma-exponential 1+1"].sample(100_000, seed=3)
    terms = stats.expon(scale=1 / x).logpdf(y) - stats.lomax(0.5).logpdf(y)
    error = terms.std() / np.sqrt(len(terms))
    assert abs(terms.mean() - TASKS["gamma-exponential 1+1"].mutual_information) < 4.5 * error
