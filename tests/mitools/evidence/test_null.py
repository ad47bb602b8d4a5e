"""Permutation nulls against scipy and by simulation."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import gamma, norm, pearson3, t

from mitools import KSG, Verdict
from mitools.distributions import Gaussian
from mitools.evidence.null import FITTED_LEVEL, Null, fitted_p_value, p_value, tail_text
from tests.mitools.correlation import STRONG, toy


def test_the_p_value_counts_ties_and_is_never_zero():
    x, y = STRONG
    constant = toy(x, np.ones(800), estimator=KSG(), cross_check=None)
    assert constant.value == 0
    assert constant.p_value == 1
    assert constant.verdict is Verdict.INDEPENDENT
    assert toy(x, y, n_permutations=400).p_value == 1 / 401


def test_null_p_values_are_uniform():
    """Under independence p <= 0.1 happens one time in ten: 20 of 200, with a sd of 4.2."""
    low = sum(
        toy(
            *Gaussian.independent(1).sample(60, seed=s), n_permutations=19, cross_check=None
        ).p_value
        <= 0.1
        for s in range(200)
    )
    assert 7 <= low <= 33


def test_the_fitted_tail_is_that_of_the_law_for_normal_and_for_skewed_nulls():
    """Its quantile at 0.001, from 2,000 permutations, is the exact one within 6 %."""
    rng = np.random.default_rng(0)
    for draws, law in ((rng.normal(size=2000), norm()), (rng.gamma(4.0, size=2000), gamma(4.0))):
        limit = brentq(lambda v, d=draws: fitted_p_value(d, v) - 0.001, draws.mean(), 100.0)
        assert limit == pytest.approx(law.ppf(0.999), rel=0.06)


def test_one_permuted_value_in_a_thousand_looks_dependent():
    """Each of 100 draws against the other 99: 1 % pass the count alone, 0.1 % both conditions."""
    rng = np.random.default_rng(1)
    counted = fitted = 0
    for null in rng.normal(size=(400, 100)):
        order = np.argsort(null)
        value, rest = null[order[-1]], null[order[:-1]]  # no other draw can be beyond all others
        counted += p_value(rest, value) <= 0.01
        fitted += p_value(rest, value) <= 0.01 and fitted_p_value(rest, value) <= FITTED_LEVEL
    assert counted == 400  # of 40,000
    assert 20 <= fitted <= 60  # 40 expected, sd 6


@pytest.mark.parametrize("above", [-1.0, 0.5, 3.0, 6.0])
def test_the_fitted_tail_is_the_larger_of_two_tails_of_scipy(above):
    rng = np.random.default_rng(2)
    for draws in (rng.normal(size=99), rng.gamma(2.0, size=99), -rng.gamma(2.0, size=99)):
        value = draws.mean() + above * draws.std(ddof=1)
        z = above / np.sqrt(1 + 1 / 99)
        skewness = ((draws - draws.mean()) ** 3).mean() / draws.std() ** 3
        tails = [t(98).sf(z)]
        if skewness > 0 and z > 0:
            tails.append(pearson3(skewness).sf(z))
        assert fitted_p_value(draws, value) == pytest.approx(max(tails), rel=1e-9)


def test_the_p_value_is_the_count_and_rounding_makes_no_difference():
    null = np.array([0.1, 0.2, 0.2, 0.3])
    assert p_value(null, 0.2) == 4 / 5
    assert p_value(null, 0.2 + 1e-15) == 4 / 5
    assert p_value(null, 0.25) == 2 / 5
    assert p_value(null, 9.0) == 1 / 5


def test_a_null_describes_itself_as_numpy_does():
    values = np.random.default_rng(0).normal(size=30)
    null = Null(values, 1.5)
    assert len(null) == 30
    assert null.mean == values.mean()
    assert null.sd == values.std(ddof=1)
    assert null.excess == 1.5 - values.mean()
    assert null.p_value == p_value(values, 1.5)
    assert null.fitted_p_value == fitted_p_value(values, 1.5)
    assert Null(values[:1], 1.5).sd == 0.0
    assert null == Null(values.copy(), 1.5)
    assert null != Null(values, 1.6)
    assert null != Null(values[:-1], 1.5)
    assert null != 1.5


@pytest.mark.parametrize("n", [9, 99, 200])
def test_a_value_far_beyond_all_is_claimed_and_one_just_beyond_is_not(n):
    values = norm.ppf((np.arange(n) + 0.5) / n)
    assert Null(values, 20.0).claims
    assert not Null(values, values[-2]).claims
    just = Null(values, values[-1] + 1e-6)
    assert just.p_value == 1 / (n + 1)  # the count alone would claim it
    assert just.fitted_p_value > FITTED_LEVEL
    assert not just.claims


def test_tails_too_small_to_be_told_apart_are_not_shown():
    assert tail_text(0.0123) == "0.012"
    assert tail_text(1e-6) == "1e-06"
    assert tail_text(1e-30) == "below 1e-06"
