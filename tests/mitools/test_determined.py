"""Sides of which one is a function of the other: infinite information, and said so."""

import numpy as np
import pandas as pd
import pytest

from mitools import EDGE, KSG, Auto, Labels, Verdict, assess
from mitools.evidence.doubts import determined
from mitools.samples.arrays import column_names

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 3))
NOISE = RNG.normal(size=(400, 2))


def said(x, y):
    x, y = (side.reshape(len(side), -1) for side in (x, y))
    names = [column_names(side, side.shape[1]) for side in (x, y)]
    return " ".join(determined(x, y, *names))


def test_equal_columns_are_named():
    assert said(X, np.c_[NOISE, X[:, 2]]).startswith(
        "Column 2 of `x` and column 2 of `y` are equal: I is infinite"
    )
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    found = assess(frame, frame["b"], n_permutations=19, cross_check=None)
    assert found.verdict is Verdict.UNRELIABLE
    assert found.reasons[1].startswith("Column 'b' of `x` and column 0 of `y` are equal")


@pytest.mark.parametrize("function", [np.exp, lambda x: -3 * x + 1, lambda x: x**3])
def test_monotone_functions_are_named(function):
    assert "column 1 of `y` are monotone functions" in said(
        X, np.c_[NOISE[:, 0], function(X[:, 1])]
    )


def test_linear_functions_of_several_columns_are_named():
    assert "Column 0 of `y` is a linear function of `x`" in said(X, X.sum(axis=1))
    assert "Column 0 of `x` is a linear function of `y`" in said(X.sum(axis=1), X)


def test_what_is_noisy_discrete_or_small_is_not_named():
    assert said(X, X + 1e-4 * RNG.normal(size=X.shape)) == ""
    assert said(X, X.sum(axis=1) + 1e-4 * NOISE[:, 0]) == ""
    labels = RNG.integers(5, size=400)
    assert said(labels, labels) == ""
    assert said(X[:15, 0], X[:15, 0]) == ""  # 15 values could have one order by chance
    assert said(X[:, 0], np.ones(400)) == ""
    wide = RNG.normal(size=(60, 40))  # more columns than 60 samples can tell from a function
    assert said(wide, RNG.normal(size=60)) == ""
    assert said(1e200 * X, NOISE) == ""


@pytest.mark.parametrize("estimator", [KSG(), EDGE(), Auto()], ids=["KSG", "EDGE", "Auto"])
def test_functions_that_bend_back_show_in_the_growth(estimator):
    """Each doubling of the sample adds ln 2; with noise that the sample resolves, nothing."""
    x = np.random.default_rng(1).uniform(-1, 1, size=1200)
    quick = {"n_permutations": 19, "n_halves": 4, "sweep": False}
    found = assess(x, np.sin(6 * x), estimator=estimator, **quick)
    assert found.verdict is Verdict.UNRELIABLE
    assert any("I may be infinite" in reason for reason in found.reasons), str(found)
    noisy = np.sin(6 * x) + 0.3 * np.random.default_rng(2).normal(size=1200)
    found = assess(x, noisy, estimator=estimator, **quick)
    assert not any("infinite" in reason for reason in found.reasons), str(found)


@pytest.mark.parametrize("estimator", [Labels(), EDGE(), Auto()], ids=["Labels", "EDGE", "Auto"])
def test_a_label_that_is_a_function_of_the_features_is_told(estimator):
    x = np.random.default_rng(1).normal(size=(300, 1))
    found = assess(
        x + 3 * (x > 0), x > 0, estimator=estimator, n_permutations=19, n_halves=4, sweep=False
    )
    assert found.value == pytest.approx(np.log(2), rel=0.1)
    assert found.verdict is Verdict.USABLE, str(found)
    assert any("all but determines it" in reason for reason in found.reasons), str(found)
