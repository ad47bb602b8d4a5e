"""The published tasks: their truths, and samples like the reference ones."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ks_2samp

from mitools.tasks import saved_tasks, suite
from mitools.tasks.bmi40 import additive, spiral, student, two_pairs

SAVED = Path(__file__).parents[3].parent / "shared" / "reference" / "tasks"


def pairs_of(name):
    if not (SAVED / "manifest.csv").exists():
        pytest.skip("the saved tasks are not here")
    return {task.name: task for task in saved_tasks(SAVED)[name]}


def test_truths_of_the_published_tasks():
    saved = pairs_of("bmi40")
    ours = {task.name: task for task in suite("bmi40")}
    assert list(ours) == list(saved)
    for name, task in ours.items():
        assert abs(task.mutual_information - saved[name].mutual_information) < 1e-6


def views(x, y, like):
    """Return columns in which a wrong margin, angle or pairing shows, in units of `like`."""
    first, other = (np.column_stack([x[:, :3], y[:, :3]]) for x, y in ((x, y), like))
    middle, spread = np.median(other, axis=0), np.subtract(*np.quantile(other, [0.8, 0.2], axis=0))
    first = np.clip((first - middle) / spread, -20, 20)
    i, j = np.triu_indices(first.shape[1], 1)
    lengths = np.log(np.column_stack([(x**2).sum(axis=1), (y**2).sum(axis=1)]))
    columns = [first, first[:, i] * first[:, j], first[:, i] - first[:, j], lengths]
    return np.column_stack([*columns, lengths.sum(axis=1)]).T


def alike(one, other):
    """Return the least p value that any view of the two samples has one distribution."""
    pairs = zip(views(*one, other), views(*other, other), strict=True)
    return min(ks_2samp(a, b).pvalue for a, b in pairs)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(task.name, marks=pytest.mark.slow if "25-25" in task.name else [])
        for task in suite("bmi40")
    ],
)
def test_samples_of_the_published_tasks_are_alike(name):
    saved = pairs_of("bmi40")[name]
    ours = next(task for task in suite("bmi40") if task.name == name)
    assert alike(ours.sample(4000), saved.sample(4000)) > 1e-5


def test_another_angle_or_correlation_would_be_seen():
    """The negative control: a spiral of another speed, and a pair less correlated."""
    saved = pairs_of("bmi40")
    for name, wrong in {
        "spiral-multinormal-sparse-5-5-2-2.0": spiral(two_pairs(5), 3),
        "multinormal-sparse-3-3-2-2.0": two_pairs(3, strength=1.0),
        "student-identity-3-3-2": student(3, 3),
        "1v1-additive-0.1": additive(0.15),
    }.items():
        assert alike(wrong.sample(4000), saved[name].sample(4000)) < 1e-5
