"""Scores: averages, tables and files."""

import json
import math

import pandas as pd
import pytest

from mitools.tasks import Score, Scores


def table():
    rows = [
        Score("one", "first", 1, 1, 10, seed, name, 1.0, value, 0.5)
        for seed in (0, 1)
        for name, value in (("a", 1.5 + seed), ("b", 1.0 - seed))
    ]
    return Scores((*rows, Score("two", "third", 2, 1, 10, 0, "a", 0.0, float("nan"), 0.1, "no")))


def test_errors_are_averaged_by_what_is_chosen():
    scores = table()
    assert scores.mean_absolute_error("a", suite="one") == 1.0
    assert scores.mean_absolute_error("b") == 0.5
    assert math.isnan(scores.mean_absolute_error(suite="two"))
    with pytest.raises(ValueError, match="No estimator named 'c'"):
        scores.mean_absolute_error("c")


def test_the_table_has_value_truth_error_and_seconds():
    lines = str(table()).splitlines()
    assert lines[0] == "one, n = 10, mean of 2 samples a task; nats"
    assert lines[2].split() == ["value", "error", "CPU", "s"] * 2
    assert lines[3].split() == ["first", "1.000", *"2.000 1.000 0.500 0.500 -0.500 0.500".split()]
    assert lines[4].split() == ["mean", "absolute", "error", "1.000", "0.500"]
    assert lines[-1] == "a refused 1 of 1: no"
    assert "third" in lines[-5]


def test_files_hold_every_estimate(tmp_path):
    scores = table()
    scores.save(tmp_path / "new" / "scores.json", machine="this")
    record = json.loads((tmp_path / "new" / "scores.json").read_text())
    assert record["machine"] == "this"
    assert record["rows"][0]["error"] == 0.5
    assert record["rows"][-1]["value"] is None
    assert record["summary"][0]["mean_absolute_error"] == 1.0
    scores.save(tmp_path / "scores.csv")
    frame = pd.read_csv(tmp_path / "scores.csv")
    pd.testing.assert_frame_equal(
        frame.fillna({"note": ""}), scores.to_frame().astype({"value": float, "error": float})
    )
    with pytest.raises(ValueError, match=r"saved as \.json or \.csv, got 'scores\.txt'"):
        scores.save(tmp_path / "scores.txt")
