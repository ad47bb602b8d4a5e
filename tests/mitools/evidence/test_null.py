"""Permutation nulls against scipy and by simulation."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import gamma, norm

from mitools import (
    KSG,
    Verdict,
)
from mitools.distributions import Gaussian
from mitools.evidence.null import FITTED_LEVEL, fitted_p_value, p_value
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
