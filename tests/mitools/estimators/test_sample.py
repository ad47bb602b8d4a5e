"""Samples by label: prepared once, the same bits; blocks, workers and subsets."""

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter

from mitools import EDGE, KSG, GaussianCopula, assess, mutual_information
from mitools.estimators import sample as module
from mitools.estimators.base import MutualInformationEstimator
from mitools.estimators.sample import Sample
from mitools.evidence.pairings import orders
from mitools.evidence.spread import Spread

QUICK = {"n_permutations": 99, "n_halves": 2, "sweep": False, "cross_check": None}


def slow(rng, n, phi=0.95):
    """An autoregressive series of the first order: lag-one correlation phi."""
    return lfilter([1], [1, -phi], rng.normal(size=n + 200))[200:]


def test_workers_change_no_bit_of_a_series():
    rng = np.random.default_rng(1)
    x, y = slow(rng, 200), slow(rng, 200)
    one, two = (assess(x, y, blocks=4, n_jobs=n_jobs, **QUICK) for n_jobs in (None, 2))
    assert np.array_equal(one.null, two.null)


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        (0, "`blocks` must be at least 1"),
        (2.5, "`blocks` must be a whole number"),
        (60, "at least two rows to each, got 60 for 100 rows"),
    ],
)
def test_wrong_blocks_are_refused(blocks, message):
    x, y = np.random.default_rng(0).normal(size=(2, 100))
    with pytest.raises(ValueError, match=message):
        assess(x, y, blocks=blocks, **QUICK)


class Mean(MutualInformationEstimator):
    """The mean of the first column, plus c n^-a."""

    def __init__(self, c=0.0, a=0.5):
        self.c, self.a = c, a

    def _estimate(self, x, y):
        return float(x[:, 0].mean()) + self.c * len(x) ** -self.a, {}

    def ceiling(self, n_samples):
        return np.inf


def spread(x, estimator, splits=400, rate=0.5):
    sample = Sample.of_pair(x[:, None], x[:, None])
    rng = np.random.default_rng(1)
    halves, quarters = (sample.splits(estimator, d, splits, rng) for d in (2, 4))
    return Spread.of(halves, quarters, rate)


def test_subsets_of_a_split_share_no_sample_and_leave_out_only_the_remainder():
    seen = []

    class Records(Mean):
        def _estimate(self, x, y):
            seen.append(x[:, 0])
            return super()._estimate(x, y)

    x = np.arange(43.0)
    spread(x, Records(), splits=2)
    halves, quarters = seen[:4], seen[4:]
    for split, size in ((halves[:2], 21), (halves[2:], 21), (quarters[:4], 10)):
        together = np.concatenate(split)
        assert [len(each) for each in split] == [size] * len(split)
        assert len(np.unique(together)) == len(together)


RNG = np.random.default_rng(0)
X = RNG.normal(size=(150, 2))
Y = X + RNG.normal(size=(150, 2))
LABELS = np.repeat(["a", "b", "c"], [70, 50, 30])
ESTIMATORS = [KSG(), EDGE(members=3), GaussianCopula()]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=str)
@pytest.mark.parametrize("given", [None, LABELS], ids=["whole", "labels"])
def test_sides_prepared_once_give_the_bits_of_fresh_estimates(estimator, given):
    prepared = Sample.of(X, Y, given).prepare(estimator)
    null, parts = prepared.null(5, np.random.default_rng(3))  # the null first: it disturbs nothing
    fresh = mutual_information(X, Y, given=given, estimator=estimator)
    assert prepared.estimate == fresh
    assert null.observed == fresh.value
    assert {label: one.observed for label, one in parts.items()} == {
        label: part.value for label, part in fresh.parts.items()
    }


@pytest.mark.parametrize("blocks", [None, 1, 3])
def test_a_null_is_the_estimates_of_pairs_permuted_within_labels(blocks):
    sample = Sample.of(X, Y, LABELS, blocks=blocks)
    null, parts = sample.prepare(KSG()).null(4, np.random.default_rng(3))
    rng, total = np.random.default_rng(3), np.zeros(4)
    for label, share in zip("abc", (70 / 150, 50 / 150, 30 / 150), strict=True):
        x, y = X[label == LABELS], Y[label == LABELS]
        values = [KSG().estimate(x, y[order]).value for order in orders(len(x), 4, blocks, rng)]
        np.testing.assert_allclose(parts[label].values, values, atol=1e-12)
        total += share * np.array(values)
    np.testing.assert_allclose(null.values, total, atol=1e-12)


@pytest.mark.parametrize("blocks", [None, 2])
@pytest.mark.parametrize("given", [None, LABELS], ids=["whole", "labels"])
def test_neither_workers_nor_batches_change_a_bit(given, blocks, monkeypatch):
    def evidence(n_jobs):
        sample = Sample.of(X, Y, given, blocks=blocks, n_jobs=n_jobs)
        null, _ = sample.prepare(KSG()).null(7, np.random.default_rng(1))
        return null.values, sample.splits(KSG(), 2, 3, np.random.default_rng(2))

    expected = evidence(None)
    for n_jobs in (2, 5):
        for one, other in zip(evidence(n_jobs), expected, strict=True):
            np.testing.assert_array_equal(one, other)
    monkeypatch.setattr(module, "INDICES", 300)  # a batch of one or two permutations
    for one, other in zip(evidence(None), expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_sample_knows_its_shape_its_names_and_its_labels():
    sample = Sample.of(pd.DataFrame(X, columns=["u", "v"]), Y, LABELS)
    assert (sample.n_samples, sample.widths, sample.labelled) == (150, (2, 2), True)
    assert list(sample.names[0]) == ["Column 'u'", "Column 'v'"]
    assert [part.label for part in sample.parts] == ["a", "b", "c"]
    assert [part.share for part in sample.parts] == [70 / 150, 50 / 150, 30 / 150]
    pair = Sample.of_pair(X, Y)
    assert not pair.labelled
    assert pair.estimate(KSG()) == KSG().estimate(X, Y)


def test_every_label_must_have_the_samples_that_are_asked_for():
    sample = Sample.of(X, Y, np.r_[np.zeros(147), np.ones(3)])
    assert not sample.accepted_by(KSG())
    assert Sample.of(X, Y, LABELS).accepted_by(KSG())
    assert sample.splits(KSG(), 2, 3, RNG).shape == (0, 2)
    with pytest.raises(ValueError, match=r"in each label; label '1\.0' has too few, got 3"):
        sample.prepare(KSG())
    with pytest.raises(ValueError, match="samples for feature 3, got 2"):
        Sample.of_pair(X[:2], Y[:2]).prepare(KSG(), " for feature 3")


def test_blocks_must_fit_the_smallest_label():
    Sample.of(X, Y, LABELS, blocks=15)
    with pytest.raises(ValueError, match="got 16 for 30 rows of a label"):
        Sample.of(X, Y, LABELS, blocks=16)


def test_splits_weigh_labels_by_their_shares_in_the_sample():
    class Size(Mean):
        def _estimate(self, x, y):
            return float(len(x)), {}

    found = Sample.of(X, Y, LABELS).splits(Size(), 4, 2, np.random.default_rng(0))
    expected = 70 / 150 * 17 + 50 / 150 * 12 + 30 / 150 * 7
    np.testing.assert_allclose(found, np.full((2, 4), expected))
