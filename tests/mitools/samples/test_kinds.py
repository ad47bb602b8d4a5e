"""What kind of side this is: by what is said and by type; and how often values occur."""

import numpy as np
import pandas as pd
import pytest

from mitools.engines.cells.sides import Side
from mitools.samples.kinds import (
    Kind,
    Multiplicities,
    atom_codes,
    copied,
    few_distinct,
    has_atoms,
    is_discrete,
    kind_of,
    share_alone,
)

LABELS = {
    "text": np.array(["a", "b", "a"]),
    "bytes": np.array([b"a", b"b"]),
    "truth values": np.array([True, False]),
    "objects of text": np.array(["a", 1, None], dtype=object),
    "objects of truth values": np.array([True, False, None], dtype=object),
    "categories": pd.Series(["u", "v"], dtype="category"),
    "categories of numbers": pd.Series([1, 2, 1], dtype="category"),
}
NUMBERS = {
    "floats": np.array([0.5, 0.5, 0.5, 0.5]),
    "whole numbers": np.array([1, 2, 1, 1]),
    "bytes as numbers": np.array([1, 2], dtype=np.uint8),
    "one column": np.zeros((5, 1)),
    "objects of numbers": np.array([1.5, 2], dtype=object),
    "a list": [1, 2, 3],
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_by_type(name):
    assert kind_of(LABELS[name]).kind is Kind.LABEL
    assert kind_of(LABELS[name]).reason.endswith(("are labels", "is a label"))


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_by_type(name):
    read = kind_of(NUMBERS[name])
    assert read.kind is Kind.NUMBER
    assert kind_of(NUMBERS[name], "label").kind is Kind.LABEL
    assert kind_of(NUMBERS[name], Kind.LABEL).reason == "as you said"


def test_no_count_of_values_decides():
    rng = np.random.default_rng(0)
    for levels in (1, 2, 50, 150, 1000):
        read = kind_of(rng.integers(levels, size=1000))
        assert read.kind is Kind.NUMBER
        assert read.n_rows == 1000
        assert read.n_distinct <= levels


def test_refusals_of_kinds():
    with pytest.raises(ValueError, match="must be 'label' or 'number', got 'class'"):
        kind_of([1, 2], "class")
    with pytest.raises(ValueError, match=r"one column, got the shape \(3, 2\)"):
        kind_of(np.zeros((3, 2)))
    with pytest.raises(TypeError, match="cannot be numbers: text is a label"):
        kind_of(np.array(["a", "b"]), Kind.NUMBER)
    dates = np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[D]")
    with pytest.raises(TypeError, match=r"datetime64.* is neither a label nor a number"):
        kind_of(dates)
    assert kind_of(dates, "label").n_distinct == 2
    assert kind_of(np.array([True, False]), "number").kind is Kind.NUMBER


@pytest.mark.parametrize("n", range(1, 60))
def test_discrete_is_a_mean_number_of_repeats(n):
    for repeats in (2, 5, 10):
        for distinct in range(1, n + 1):
            enough = distinct * repeats <= n
            assert is_discrete(distinct, n, repeats) == enough
            few = distinct <= max(min(2, n // 2), 1)
            assert is_discrete(distinct, n, repeats, least=2) == (enough or few)


@pytest.mark.parametrize("d", [1, 3])
def test_few_distinct_rows(d):
    rng = np.random.default_rng(1)
    rows = rng.integers(3, size=(500, d)) * 1.0
    expected = np.unique(rows, axis=0)
    for glance in (np.arange(500), np.arange(0, 500, 2)):
        np.testing.assert_array_equal(few_distinct(rows, glance, 5), expected)
        assert few_distinct(rng.normal(size=(500, d)), glance, 5) is None
    rows[1::2, -1] = np.arange(250)  # what a glance does not see
    assert few_distinct(rows, np.arange(0, 500, 2), 5) is None


def test_multiplicities_count_equal_rows():
    side = np.array([[0.0, 1.0], [-0.0, 1.0], [0.0, 2.0], [3.0, 3.0], [0.0, 1.0]])
    found = Multiplicities.of(side)
    assert found.of_rows.tolist() == [3, 3, 1, 1, 3]
    assert found.n_distinct == 3
    assert found.share(2) == 0.6
    assert found.share(4) == 0.0
    assert not found.discrete(2)
    assert found.discrete(1)
    alone = Multiplicities.of(np.arange(5.0)[:, None])
    assert alone.of_rows.tolist() == [1] * 5


@pytest.mark.parametrize("n_levels", [3, 7, 19, 20, 49])
def test_levels_at_the_threshold_are_counted_exactly(n_levels):
    # the sum of 1 / multiplicity that counted them before is off in the last bit
    side = np.repeat(np.arange(float(n_levels)), 10)[:, None]
    assert Multiplicities.of(side).discrete(10)
    assert not Multiplicities.of(side[:-1]).discrete(10)


def test_share_alone():
    side = np.array([[1.0, 1.0], [2.0, 1.0], [2.0, 1.0], [4.0, 0.0]])
    assert share_alone(side).tolist() == [0.5, 0.25]


def test_atoms_need_others_that_are_alone():
    rng = np.random.default_rng(2)
    column = np.maximum(rng.normal(size=200), 0)
    codes = atom_codes(column, 0.05)
    np.testing.assert_array_equal(codes > 0, column == 0)
    assert not atom_codes(rng.integers(4, size=200) * 1.0, 0.05).any()
    assert not atom_codes(rng.normal(size=200), 0.05).any()


def test_copies_are_twins_on_both_sides():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(2, 300, 1))
    rows = rng.integers(300, size=300)
    share = copied(x[rows], y[rows], least=0.1, ties=1.1, repeats=10)
    assert share == np.mean(np.bincount(rows)[rows] > 1)
    assert copied(x[rows], y, least=0.1, ties=1.1, repeats=10) == 0
    assert copied(x, y, least=0.1, ties=1.1, repeats=10) == 0


def test_continuous_values_beside_atoms_are_no_labels():
    rng = np.random.default_rng(4)
    for share in (0.5, 0.9, 0.97):
        column = np.where(rng.random(1000) < share, 0.0, rng.normal(size=1000))
        assert has_atoms(np.unique(column, return_counts=True)[1])
        assert few_distinct(column[:, None], np.arange(1000), 5) is None
        assert Side.discrete_or_none(column[:, None]) is None
    shares = 1 / np.arange(1, 51)
    zipf = rng.choice(50, 300, p=shares / shares.sum())
    assert not has_atoms(np.unique(zipf, return_counts=True)[1])
    assert not has_atoms(np.array([500, 400, 1, 1]))  # two rare labels
    assert not has_atoms(np.array([1] * 100))
