"""Caveats beside claims, and columns of a table whose neighbouring rows are alike."""

import numpy as np

from mitools.evidence.doubts import alike_columns, headline, repeated


def test_caveats_follow_the_claim():
    assert headline("dependent", ()) == "dependent"
    assert headline("dependent", ("a", "b")) == "dependent; but a; but b"


def test_two_columns_make_a_pair():
    assert alike_columns("ab", [0.9, 0.0]) is None
    doubt = alike_columns("abc", [0.9, 0.0, 0.5])
    assert "2 columns (a, c; lag-one correlations up to 0.90)" in str(doubt)


def test_copies_on_both_sides_are_doubted():
    x, y = np.random.default_rng(0).normal(size=(2, 100, 1))
    rows = np.arange(200) % 100
    assert repeated(x, y) is None
    assert str(repeated(x[rows], y[rows])).startswith("100% of the rows repeat another row")
    assert repeated(x[rows], np.random.default_rng(1).normal(size=(200, 1))) is None
