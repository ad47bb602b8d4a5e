"""What assess doubts by itself: order in the rows, copies, columns the other side determines."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter

from mitools import EDGE, KSG, Auto, Labels, Verdict, assess
from mitools.evidence.doubts import copied, determined, likeness
from mitools.samples.arrays import column_names

QUICK = {"n_permutations": 99, "n_halves": 2, "sweep": False, "cross_check": None}


def slow(rng, n, phi=0.95):
    """An autoregressive series of the first order: lag-one correlation phi."""
    return lfilter([1], [1, -phi], rng.normal(size=n + 200))[200:]


def test_series_are_warned_of_and_say_so_in_the_reasons():
    rng = np.random.default_rng(0)
    x, y = slow(rng, 200), slow(rng, 200)
    with pytest.warns(UserWarning, match=r"Neighbouring rows.*keep it with `blocks=1`"):
        plain = assess(x, y, **QUICK)
    assert plain.reasons[-1].startswith("Neighbouring rows are alike on both sides (lag-one")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kept = assess(x, y, blocks=1, **QUICK)
        assess(x, rng.normal(size=200), **QUICK)  # one side without order is enough
        shuffled = rng.permutation(200)
        assess(x[shuffled], y[shuffled], **QUICK)
    assert not any("Neighbouring" in reason for reason in kept.reasons)
    assert "99 circular shifts, p = " in str(kept)
    assert "99 permutations of 4 blocks, p = " in str(assess(x, y, blocks=4, **QUICK))
    assert (plain.to_dict()["blocks"], kept.to_dict()["blocks"]) == (None, 1)


def test_rows_sorted_by_their_labels_are_not_warned_of_within_them():
    rng = np.random.default_rng(1)
    labels = np.repeat([0, 1, 2], 80)
    x, y = 5 * labels + rng.normal(size=240), 5 * labels + rng.normal(size=240)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assess(x, y, given=labels, **QUICK)
    with pytest.warns(UserWarning, match="Neighbouring rows"):
        assess(x, y, **QUICK)


def test_chance_is_no_order():
    rng = np.random.default_rng(2)
    assert all(likeness(rng.normal(size=(40, 300))) == 0 for _ in range(100))
    assert likeness(np.ones((40, 2))) == 0
    assert likeness(1e200 * slow(rng, 100)[:, None]) >= 0  # no error
    crowd = np.column_stack([rng.normal(size=(500, 20)), slow(rng, 500)])
    assert likeness(crowd) > 0.8


def test_a_bootstrap_is_recognised_by_its_copies():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 300, 2))
    rows = rng.integers(300, size=300)
    with pytest.warns(UserWarning, match=r"6\d% of the rows repeat another row on both sides"):
        found = assess(x[rows], y[rows], estimator=EDGE(), **QUICK)
    assert found.verdict is not Verdict.INDEPENDENT  # what the warning is about
    assert "Keep one of each" in found.reasons[-1]


def test_ties_and_labels_are_no_copies():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(500, 1))
    y = x + rng.normal(size=(500, 1))
    assert copied(x, y) == 0
    assert copied(x.round(1), y.round(1)) == 0
    assert copied(np.maximum(x, 0), np.maximum(y, 0)) == 0
    labels = rng.integers(40, size=(500, 2)).astype(float)
    assert copied(labels[:, :1], labels[:, 1:]) == 0
    assert copied(labels[:, :1], labels[:, :1]) == 0  # few symbols: a function, not copies
    assert copied(np.repeat(x, 2, axis=0), np.repeat(y, 2, axis=0)) == 1


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
    assert "The other side nearly determines the discrete side." in found.reasons, str(found)
