"""Saved tasks are rows of their files; bad manifests are refused."""

import numpy as np
import pandas as pd
import pytest

from mitools.tasks import saved_tasks


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        np.savez(tmp_path / f"{name}.npz", x=rng.normal(size=50), y=rng.normal(size=(50, 2)))
    np.savez(tmp_path / "given.npz", x=np.ones(9), y=np.ones(9), z=np.ones(9))
    pd.DataFrame(
        {
            "suite": ["one", "two", "two"],
            "task_id": ["first", "second", "conditional"],
            "file": ["a.npz", "b.npz", "given.npz"],
            "mi_nats": [0.25, 0.0, 0.1],
        }
    ).to_csv(tmp_path / "manifest.csv", index=False)
    return tmp_path


def test_saved_tasks_are_rows_of_their_files(folder):
    suites = saved_tasks(folder)
    assert {name: [task.name for task in tasks] for name, tasks in suites.items()} == {
        "one": ["first"],
        "two": ["second"],  # with z, the truth is of something else
    }
    (task,) = suites["one"]
    x, y = task.sample(20, seed=3)
    whole = np.load(folder / "a.npz")
    rows = [int(np.flatnonzero(whole["x"] == value)[0]) for value in x[:, 0]]
    assert len(set(rows)) == 20
    assert np.array_equal(y, whole["y"][rows])
    assert task.mutual_information == 0.25
    with pytest.raises(ValueError, match=r"a\.npz has 50 rows, fewer than 51"):
        task.sample(51)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.drop(columns="file"), "has no column 'file'"),
        (lambda frame: frame.assign(file="c.npz"), "names 'c.npz' for 'first'; there is no such"),
        (lambda frame: frame.assign(mi_nats="much"), "must be a number, got 'much'"),
    ],
)
def test_a_bad_manifest_says_what_is_wrong(folder, change, message):
    change(pd.read_csv(folder / "manifest.csv")).to_csv(folder / "manifest.csv", index=False)
    with pytest.raises(ValueError, match=message):
        saved_tasks(folder)


def test_a_folder_without_manifest_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"There is no manifest\.csv in"):
        saved_tasks(tmp_path)
