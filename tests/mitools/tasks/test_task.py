"""A task: its truth worked out once, and its samples fixed by their seed."""

import numpy as np
import pytest

from mitools.tasks.task import Task


def pairs(n, rng):
    x = rng.normal(size=(n, 2))
    return x, x + rng.normal(size=(n, 2))


def test_a_truth_is_worked_out_when_first_asked_for_and_only_then():
    asked = []

    def truth():
        asked.append(1)
        return np.float64(np.log(2))

    task = Task("copy", pairs, truth)
    task.sample(5)
    assert asked == []
    assert task.mutual_information == task.mutual_information == np.log(2)
    assert asked == [1]
    assert type(task.mutual_information) is float
    assert Task("copy", pairs, 1).mutual_information == 1.0


def test_samples_follow_the_seed_the_number_and_the_task():
    task = Task("copy", pairs, np.log(2))
    x, y = task.sample(50, seed=3)
    assert x.shape == y.shape == (50, 2)
    for one, other in zip((x, y), task.sample(50, seed=3), strict=True):
        np.testing.assert_array_equal(one, other)
    assert (task.sample(50, seed=4)[0] != x).all()
    assert (task.sample(51, seed=3)[0][:50] != x).all()  # no sample is the start of another
    assert (Task("another", pairs, 0.0).sample(50, seed=3)[0] != x).all()


@pytest.mark.parametrize(
    ("n", "seed", "message"),
    [
        (0, 0, "`n` must be at least 1, got 0"),
        (2.5, 0, "`n` must be a whole number, got 2.5"),
        (5, -1, "`seed` must be at least 0, got -1"),
    ],
)
def test_bad_numbers_are_refused(n, seed, message):
    with pytest.raises(ValueError, match=message):
        Task("copy", pairs, 0.0).sample(n, seed)
