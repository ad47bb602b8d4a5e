"""Pairs of columns: which null each has, its level and its power."""

import numpy as np
import pytest
from scipy.stats import kstest

from mitools import KSG, GaussianCopula, Labels, PlugIn
from mitools.estimators.column_pairs import MOST_DRAWS, OWN, RANKS, Column, ColumnPairs
from mitools.evidence.groups import Groups
from mitools.evidence.null import p_values

GROUPS = Groups.of(np.repeat(np.arange(12), 10), 120)[0]


def columns(table, labels=()):
    """Return the columns of an array; those at the places of `labels` are labels."""
    return [
        Column(str(place), np.array(column, float)[:, None], place in labels)
        for place, column in enumerate(np.asarray(table).T)
    ]


def pairs_of(table, labels=(), estimator=None, **rows):
    return ColumnPairs.of(columns(table, labels), estimator, 0, **rows)


@pytest.fixture
def table():
    """Return three continuous columns, one mostly zero, and two labels, one of them first."""
    rng = np.random.default_rng(0)
    found = rng.normal(size=(120, 6))
    found[:, 3] = np.maximum(found[:, 3], 0.5)
    found[:, [0, 5]] = rng.integers(3, size=(120, 2))
    return found


def test_each_pair_has_the_null_that_it_can_share(table):
    found = pairs_of(table, labels=(0, 5))
    nulls = {tuple(pair): null for pair, null in zip(found.pairs, found.nulls, strict=True)}
    assert {pair for pair, null in nulls.items() if null == RANKS} == {(1, 2), (1, 4), (2, 4)}
    assert {pair for pair, null in nulls.items() if null == 0} == {(0, 1), (0, 2), (0, 4)}
    assert {pair for pair, null in nulls.items() if null == 5} == {(1, 5), (2, 5), (4, 5)}
    assert {pair for pair, null in nulls.items() if null == OWN} == {
        pair for pair in nulls if 3 in pair or pair == (0, 5)
    }
    sides = {tuple(pair): tuple(side) for pair, side in zip(found.pairs, found.sides, strict=True)}
    assert sides[0, 1] == (1, 0)
    assert sides[1, 5] == (1, 5)
    kinds = dict(zip(map(tuple, found.pairs), map(type, found.estimators), strict=True))
    assert (kinds[0, 1], kinds[0, 5], kinds[1, 2]) == (Labels, PlugIn, KSG)


@pytest.mark.parametrize(
    "settings", [{"blocks": 1}, {"groups": GROUPS}, {"estimator": GaussianCopula()}]
)
def test_series_and_other_estimators_have_their_own(table, settings):
    assert set(pairs_of(table[:, 1:5], **settings).nulls) == {OWN}


def test_permutations_of_pairs_that_share_are_put_together(table):
    found = pairs_of(table, labels=(0, 5))
    answers = found.answers(10, 0, None, None)
    assert set(answers.n_draws[found.nulls != OWN]) == {30}
    assert set(answers.n_draws[found.nulls == OWN]) == {10}
    assert np.array_equal(np.isnan(answers.rank_values), found.nulls == OWN)
    assert not np.isnan(answers.values).any()


def test_a_shared_null_has_no_more_than_it_needs(table):
    answers = pairs_of(table[:60, 1:3]).answers(MOST_DRAWS + 1, 0, None, None)
    assert answers.n_draws.tolist() == [MOST_DRAWS]


def test_workers_change_no_bit_and_progress_counts_pairs(table):
    found = pairs_of(table, labels=(0, 5))
    told = []
    one = found.answers(5, 0, None, lambda done, of: told.append((done, of)))
    two = found.answers(5, 0, 2, None)
    for left, right in zip(one, two, strict=True):
        assert np.array_equal(left, right, equal_nan=True)
    assert told == sorted(told)
    assert told[-1] == (15, 15)


def test_p_values_of_independent_columns_are_uniform():
    """Of 666 pairs, whose p values hang together only through their columns and one large null."""
    rng = np.random.default_rng(1)
    table = rng.normal(size=(150, 39))
    table[:, ::3] = np.exp(3 * table[:, ::3])
    table[:, 1::3] = np.cbrt(table[:, 1::3])
    labels = (37, 38)
    table[:, labels] = rng.integers(4, size=(150, 2))
    found = pairs_of(table, labels)
    p = found.answers(20, 2, None, None).p_values
    shared = p[found.nulls == RANKS]
    assert len(shared) == 37 * 36 / 2
    assert kstest(shared, "uniform").pvalue > 0.01
    assert abs((shared <= 0.05).mean() - 0.05) < 3 * np.sqrt(0.05 * 0.95 / len(shared))
    labelled = p[found.nulls >= 0]
    assert kstest(labelled, "uniform").pvalue > 0.01


@pytest.mark.parametrize("shape", ["line", "ring", "spread"])
def test_the_shared_null_has_the_power_of_permutations_of_each_pair(shape):
    """At 5 %, of 150 pairs: as many found, or more, less what chance allows."""
    rng = np.random.default_rng(3)
    n, count = 100, 150
    x, noise = rng.normal(size=(2, count, n))
    angle = rng.uniform(0, 2 * np.pi, size=(count, n))
    y = {
        "line": 0.5 * x + noise,
        "ring": np.sin(angle) + noise / 4,
        "spread": noise * np.exp(x / 2),
    }
    x = np.cos(angle) + rng.normal(size=(count, n)) / 4 if shape == "ring" else x
    null = ColumnPairs.of(columns(rng.normal(size=(n, 8))), None, 0)._draws(RANKS, 100, 0, None)
    shared = own = 0
    for one, other in zip(x, y[shape], strict=True):
        pair = pairs_of(np.column_stack([one, other]))
        shared += p_values(null, pair.answers(3, 0, None, None).rank_values)[0] <= 0.05
        prepared = KSG().prepare(one[:, None], other[:, None])
        draws = prepared.permuted(np.stack([rng.permutation(n) for _ in range(99)]))
        own += p_values(draws, np.array([prepared.found().value]))[0] <= 0.05
    assert 0.3 * count < own < 0.98 * count
    assert shared >= own - 2 * np.sqrt(count / 4)
