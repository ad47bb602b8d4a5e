"""Nothing to find: the truth is 0, and the sides do not correlate in any pair of columns."""

import numpy as np
import pytest
from scipy.stats import kurtosis, spearmanr

from mitools.tasks import independent


@pytest.mark.parametrize("task", independent.TASKS, ids=lambda task: task.name)
def test_sides_have_nothing_in_common(task):
    width = int(task.name.split("+")[1].split(",")[0])
    x, y = task.sample(1000, seed=0)
    assert task.mutual_information == 0
    assert x.shape == y.shape == (1000, width)
    x, y = x[:, :5], y[:, :5]
    between = np.atleast_2d(spearmanr(x, y)[0])[: x.shape[1], -y.shape[1] :]
    assert np.abs(between).max() < 4.5 / np.sqrt(1000)


def test_cubed_columns_have_heavy_tails_and_the_ranks_of_their_roots():
    x = np.random.default_rng(0).normal(size=(5000, 2))
    cubed = independent.cubed(x)
    np.testing.assert_array_equal(np.argsort(cubed, axis=0), np.argsort(x, axis=0))
    assert (kurtosis(cubed) > 10).all()
    heavy = [task for task in independent.TASKS if task.name.endswith("cubed")]
    assert len(heavy) == len(independent.TASKS) / 2
    assert all(kurtosis(task.sample(2000)[0][:, 0]) > 10 for task in heavy)
