"""The selector on series."""

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter
from sklearn.base import clone

from mitools import GaussianCopula
from mitools.integrations.sklearn import InformationSelector


def series(seed, columns, n=500):
    news = np.random.default_rng(seed).normal(size=(n + 200, columns))
    return lfilter([1], [1, -0.95], news, axis=0)[200:]


def selector(**settings):
    return InformationSelector(GaussianCopula(), n_permutations=99, **settings)


def test_series_are_warned_of_by_name():
    data = series(0, 4)
    X = pd.DataFrame(data[:, 1:], columns=["p", "q", "r"])
    X["noise"] = np.random.default_rng(0).normal(size=500)
    message = r"alike in 4 columns \(the target, p, q, r; lag-one"
    with pytest.warns(UserWarning, match=message):
        plain = selector().fit(X, data[:, 0])
    assert plain.alike_.tolist() == [True, True, True, False]


@pytest.mark.filterwarnings("error")
def test_independent_series_are_hardly_ever_kept_with_blocks_and_coupled_ones_are():
    p = []
    for seed in range(6):
        data = series(seed, 11)
        coupled = data[:, [0]] + 0.5 * data[:, [1]]
        found = selector(blocks=1).fit(np.hstack([data[:, 1:], coupled]), data[:, 0])
        p.extend(found.p_values_[1:-1])
        assert found.p_values_[-1] <= 0.02
    assert np.mean(np.array(p) <= 0.05) <= 0.14  # 54: 0.05 expected; 0.14 is 3 standard errors


@pytest.mark.filterwarnings("error")
def test_a_target_in_any_order_is_not_warned_of():
    data = series(0, 3)
    target = np.random.default_rng(0).permutation(data[:, 0])
    assert not selector().fit(data[:, 1:], target).alike_.any()


def test_blocks_are_a_setting_and_checked():
    assert clone(selector(blocks=3)).get_params()["blocks"] == 3
    with pytest.raises(ValueError, match="`blocks` must be at least 1"):
        selector(blocks=0).fit(series(0, 2), series(1, 1)[:, 0])
