"""Few signals in hundreds of columns: what is drawn has the information that is stated."""

import numpy as np
import pytest

from mitools.tasks import wide
from mitools.tasks.mixtures import correlation_for


def joint_information(x, y):
    """Return I of normal sides by the determinants of their covariances."""
    both = np.cov(np.hstack([x, y]).T)
    d = x.shape[1]
    parts = [np.linalg.slogdet(c)[1] for c in (both[:d, :d], both[d:, d:], both)]
    return (parts[0] + parts[1] - parts[2]) / 2


@pytest.mark.parametrize("slope", [1.0, 0.2])
@pytest.mark.parametrize("rank", [1, 3])
def test_embedded_signals_keep_their_information(rank, slope):
    n, information = 40_000, 1.2
    task = wide.embedded("any", rank, 12, information, slope)
    x, y = task.sample(n, seed=0)
    assert task.mutual_information == information
    undone = [np.where(side > 0, side, side / slope) for side in (x, y)]  # one to one
    signals = []
    for side in undone:
        u, s, _ = np.linalg.svd(side, full_matrices=False)
        assert (s[rank:] < 1e-9 * s[0]).all()  # as many dimensions as there are signals
        signals.append(u[:, :rank] * np.sqrt(n))
    assert joint_information(*signals) == pytest.approx(information, abs=0.03)


@pytest.mark.parametrize("noise", [0.3, 1.0])
def test_noise_takes_the_share_that_is_stated(noise):
    task = wide.noisy_embedded("any", 2, 8, 1.5, noise)
    found = joint_information(*task.sample(60_000, seed=0))
    assert found == pytest.approx(task.mutual_information, abs=0.01)
    assert task.mutual_information < 1.5
    r = correlation_for(1.5 / 2) / (1 + noise**2)
    assert task.mutual_information == pytest.approx(-np.log(1 - r**2))


def test_tasks_have_the_widths_and_the_information_they_are_named_for():
    for task in wide.TASKS:
        width = int(task.name.split("+")[1].split(",")[0])
        assert [side.shape for side in task.sample(3)] == [(3, width)] * 2
        assert 0.5 < task.mutual_information <= 2.0 + 1e-12
