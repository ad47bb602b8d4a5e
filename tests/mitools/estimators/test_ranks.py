"""Ranks and the nulls they share: identities with the estimators, and what shares a null."""

import numpy as np
import pytest

from mitools import EDGE, KSG, Labels
from mitools.estimators import ranks
from mitools.estimators.ranks import (
    RankedColumn,
    label_null,
    pair_value,
    rank_null,
    rank_values,
    shares_null,
)

RNG = np.random.default_rng


def ranked(column, seed=0):
    return RankedColumn.of(np.asarray(column, float)[:, None], RNG(seed))


@pytest.mark.parametrize("n", [9, 200])
@pytest.mark.parametrize("k", [1, 4, 7])
def test_values_of_ranks_are_those_of_ksg(n, k, monkeypatch):
    sequences = np.stack([RNG(seed).permutation(n) for seed in range(5)])
    estimator, x = KSG(k=k, standardize=False), np.arange(n)
    expected = [estimator.estimate(x, y).value for y in sequences]
    np.testing.assert_allclose(rank_values(sequences, k), expected, rtol=0, atol=1e-12)
    monkeypatch.setattr(ranks, "MOST_PLACES", n - 1)  # by the search that many rows take
    np.testing.assert_allclose(rank_values(sequences, k), expected, rtol=0, atol=1e-12)


def test_ranks_are_the_same_whatever_increasing_function_is_taken():
    column = RNG(0).normal(size=100)
    one = ranked(column)
    assert np.array_equal(one.ranks, np.argsort(np.argsort(column)))
    assert np.array_equal(one.ranks[one.order], np.arange(100))
    for other in (np.exp(3 * column), column**3, np.arctan(column)):
        assert np.array_equal(ranked(other).ranks, one.ranks)


def test_ties_are_broken_at_random_and_many_are_refused():
    column = RNG(1).normal(size=300)
    column[:40] = 0.0
    orders = [ranked(column, seed).ranks[:40] for seed in range(3)]
    for found in orders:
        assert np.array_equal(np.sort(found), found.min() + np.arange(40))
    assert not np.array_equal(orders[0], orders[1])
    column[:80] = 0.0
    assert ranked(column) is None
    assert ranked(np.zeros(30)) is None


@pytest.mark.parametrize("tied", [0, 30])
def test_values_of_pairs_are_those_of_the_estimator(tied):
    x, y = RNG(2).normal(size=(2, 200))
    y += x
    y[:tied] = 0.0
    estimator = KSG(k=3)
    expected = estimator.estimate(x, y).value
    assert pair_value(estimator, ranked(x), ranked(y)) == expected


def test_nulls_are_those_of_permuted_pairs():
    """The mean and spread of KSG's own permutations of columns of ranks, within their errors."""
    n, x = 150, np.arange(150.0)[:, None]
    null = rank_null(n, 4, 1000, 0, None)
    assert len(null) == 1000
    prepared = KSG(standardize=False).prepare(x, x)
    rng = RNG(3)
    own = prepared.permuted(np.stack([rng.permutation(n) for _ in range(1000)]))
    assert null.mean() == pytest.approx(own.mean(), abs=4 * own.std() * np.sqrt(2 / 1000))
    assert null.std() == pytest.approx(own.std(), rel=0.15)


@pytest.mark.parametrize("n_draws", [7, 250])
def test_nulls_have_the_same_bits_for_any_number_of_workers(n_draws):
    label = RNG(4).integers(3, size=60).astype(float)[:, None]
    for null in (
        lambda jobs: rank_null(60, 4, n_draws, 1, jobs),
        lambda jobs: label_null(Labels(method="ross"), label, n_draws, 1, jobs),
    ):
        found = null(None)
        assert found.shape == (n_draws,)
        assert np.array_equal(found, null(2))


def test_only_what_ranks_decide_shares_a_null():
    assert shares_null(KSG(), False)
    assert shares_null(KSG(k=9, seed=1), False)
    assert shares_null(Labels(), True)
    for estimator in (KSG(variant=2), KSG(standardize=False), EDGE(), Labels()):
        assert not shares_null(estimator, False)
    assert not shares_null(KSG(), True)
