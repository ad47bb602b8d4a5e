"""Whole groups change places: exact, alike in every label, and refused where they are too few."""

import warnings

import numpy as np
import pandas as pd
import pytest

from mitools import KSG, Verdict, assess, compare, information_matrix, mutual_information
from mitools.estimators.sample import Sample
from mitools.evidence.groups import Groups

QUICK = {"n_permutations": 39, "n_halves": 4, "sweep": False, "cross_check": None}


def subjects(rng, n_groups=12, rows=8, shared=0.0):
    """Rows around the traits of their subject: independent traits, or correlated ones."""
    group = np.repeat(np.arange(n_groups), rows)
    x, other = rng.normal(size=(2, n_groups))
    y = shared * x + np.sqrt(1 - shared**2) * other
    noise = 0.3 * rng.normal(size=(2, len(group)))
    return x[group] + noise[0], y[group] + noise[1], group


def p_values(draws, with_groups):
    found = []
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        x, y, group = subjects(rng)
        sample = Sample.of(x, y, groups=group if with_groups else None)
        found.append(sample.prepare(KSG()).null(39, rng)[0].p_value)
    return np.array(found)


def test_dependence_through_identity_alone_is_not_called_dependence():
    assert (p_values(200, True) <= 0.05).mean() <= 0.09  # 5 %, and 2.6 standard errors
    assert (p_values(40, False) <= 0.05).mean() > 0.5  # what rows make of it


def test_traits_that_go_together_are_dependence():
    x, y, group = subjects(np.random.default_rng(0), n_groups=40, shared=0.9)
    assert assess(x, y, groups=group, **QUICK).p_value == 1 / 40


def test_an_order_moves_whole_groups_row_by_row():
    rng = np.random.default_rng(0)
    codes = rng.permutation(np.repeat(np.arange(6), 5))  # rows of a group need not stand together
    groups, rows = Groups.of(codes, 30)
    assert rows is None
    moved = groups.permutations(50, rng)
    for order, permutation in zip(groups.orders(moved), moved, strict=True):
        assert np.array_equal(np.sort(order), np.arange(30))
        for group in range(6):
            taken = order[codes == group]
            assert np.array_equal(taken, np.flatnonzero(codes == permutation[group]))


def test_groups_of_one_row_are_no_groups():
    groups, _ = Groups.of(np.arange(7), 7)
    moved = groups.permutations(20, np.random.default_rng(0))
    assert np.array_equal(groups.orders(moved), moved)


def test_one_permutation_of_the_groups_serves_all_labels():
    codes, labels = np.repeat(np.arange(6), 4), np.tile([0, 0, 1, 1], 6)
    groups, _ = Groups.of(codes, 24, labels)
    moved = groups.permutations(9, np.random.default_rng(0))
    first, second = (codes[labels == part][groups.orders(moved, part)] for part in (0, 1))
    assert np.array_equal(first, second)


def test_groups_of_different_labels_do_not_change_places():
    codes = np.repeat(np.arange(12), 3)
    groups, _ = Groups.of(codes, 36, codes // 6)  # a label for each half of the subjects
    moved = groups.permutations(30, np.random.default_rng(0))
    assert (moved // 6 == np.arange(12) // 6).all()
    subsets = groups.subsets(2, np.random.default_rng(1))
    assert [len(np.unique(codes[(subsets == 0) & (codes // 6 == i)])) for i in (0, 1)] == [3, 3]


def test_subsets_are_of_whole_groups():
    codes = np.repeat(np.arange(9), 4)
    groups, _ = Groups.of(codes, 36)
    subsets = groups.subsets(4, np.random.default_rng(0))
    assert all(len(np.unique(subsets[codes == group])) == 1 for group in range(9))
    assert groups.divisible(4)
    assert not groups.divisible(5)


def test_larger_groups_leave_their_last_rows_out():
    codes = np.repeat(np.arange(8), [10, 10, 10, 10, 11, 10, 10, 11])
    x, y = np.random.default_rng(0).normal(size=(2, len(codes)))
    with pytest.warns(UserWarning, match="2 of 82 rows are left out"):
        groups, rows = Groups.of(codes, len(codes))
    assert np.array_equal(np.bincount(groups.codes), [10] * 8)
    assert set(range(82)) - set(rows) == {50, 81}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = assess(x, y, groups=codes, given=np.arange(82) * 0, **QUICK)
        assert found.estimate.n_samples == 80
        assert found.value == mutual_information(x[rows], y[rows]).value


def test_the_level_holds_for_groups_of_nearly_equal_size():
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in range(200):
            rng = np.random.default_rng(seed)
            group = np.repeat(np.arange(16), rng.integers(18, 24, size=16))
            x, y = rng.normal(size=(2, 16))[:, group] + 0.3 * rng.normal(size=(2, len(group)))
            prepared = Sample.of(x, y, groups=group).prepare(KSG())
            found.append(prepared.null(19, rng)[0].p_value)
    assert (np.array(found) <= 0.05).mean() <= 0.09


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ([20] * 4, "4 groups of 20 rows each; .* in 24 ways.*below 0.042.*Pass more groups"),
        ([5, 10, 20, 40, 80, 160], "100% of the rows are in groups that no other is like in size"),
        ([20] * 3 + [10] * 3, "6 groups of 10 to 20 rows; .* 36 ways.*Keep the same number"),
    ],
)
def test_too_few_groups_are_refused(sizes, message):
    codes = np.repeat(np.arange(len(sizes)), sizes)
    with pytest.raises(ValueError, match=message):
        Groups.of(codes, len(codes))


def test_wrong_groups_are_refused_by_name():
    x, y, group = subjects(np.random.default_rng(0))
    for groups, error, message in (
        (group[:-1], ValueError, "`groups` must hold one label per sample"),
        (group + 0.5, TypeError, "`groups` must hold discrete labels, got fractions. Pass the nu"),
        ([None, *group[1:]], ValueError, "`groups` has 1 missing labels"),
        (pd.Series(group, index=range(1, 97)), ValueError, "different row labels"),
    ):
        sides = (x, pd.Series(y)) if isinstance(groups, pd.Series) else (x, y)
        with pytest.raises(error, match=message):
            assess(*sides, groups=groups, **QUICK)
    with pytest.raises(ValueError, match="`blocks` and `groups` cannot both be given"):
        assess(x, y, groups=group, blocks=1, **QUICK)


def test_workers_change_no_bit():
    x, y, group = subjects(np.random.default_rng(0))
    given = np.tile([0, 1], 48)
    one, two = (
        assess(x, y, given=given, groups=group, n_jobs=jobs, **QUICK) for jobs in (None, 2)
    )
    assert np.array_equal(one.null, two.null)
    assert one.interval == two.interval


def test_every_verb_says_that_groups_were_permuted():
    x, y, group = subjects(np.random.default_rng(0))
    names = np.array([f"s{i}" for i in group])
    assessed = assess(x, y, groups=names, **QUICK)
    assert "permutations of 12 whole groups" in str(assessed)
    assert assessed.to_dict()["n_groups"] == 12
    assert not assessed.caveats  # neighbouring rows are alike, and groups answer for it
    compared = compare(x, y, estimators=[KSG()], groups=names)
    assert compared.n_groups == 12
    assert not compared.caveats
    table = pd.DataFrame({"x": x, "y": y, "z": x + y})
    matrix = information_matrix(table, groups=names, n_permutations=19)
    assert matrix.n_groups == 12
    assert not matrix.alike.any()
    assert assessed.verdict is Verdict.INDEPENDENT
