"""Samples by label: prepared once, the same bits; blocks, workers and subsets."""

import numpy as np
import pytest
from scipy.signal import lfilter

from mitools import assess
from mitools.estimators.base import MutualInformationEstimator
from mitools.estimators.sample import Sample
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
