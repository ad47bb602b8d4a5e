"""Running tasks: values, refusals, warnings and bad arguments."""

import math

import numpy as np
import pytest

from mitools import KSG, Geometric
from mitools.tasks import Task, run_tasks, suite


def noise(n, rng):
    return rng.normal(size=(n, 2)), rng.normal(size=(n, 1))


def test_scores_are_the_estimator_s_values():
    task = Task("noise", noise, 0.25)
    scores = run_tasks(task, ["ksg:k=3", KSG()], n=[50, 80], seeds=2)
    assert len(scores) == 8
    for score in scores:
        estimator = KSG(k=3) if score.estimator == "KSG(k=3)" else KSG()
        value = estimator.estimate(*task.sample(score.n, score.seed)).value
        assert score.value == value
        assert score.error == value - 0.25
        assert (score.suite, score.d_x, score.d_y) == ("tasks", 2, 1)
        assert score.cpu_s >= 0


def test_functions_are_estimators_and_may_decline():
    tasks = [Task("noise", noise, 0.5), suite("bend")[0]]

    def mine(x, y):
        return 1.0 if x.shape[1] == 2 else None

    done = []
    scores = run_tasks(tasks, mine, n=30, progress=lambda *of: done.append(of))
    assert [score.value for score in scores] == [1.0]
    assert scores.estimators == ["mine"]
    assert scores.mean_absolute_error("mine") == 0.5
    assert done == [(1, 2), (2, 2)]


def test_a_refusal_is_a_note_and_other_errors_are_raised():
    def picky(x, y):
        if x.shape[1] > 1:
            raise ValueError("one column, please")
        return 0.0

    scores = run_tasks({"mine": [Task("noise", noise, 0.5), *suite("bend")[:1]]}, picky, n=30)
    refused, answered = scores
    assert refused.note == "one column, please"
    assert math.isnan(refused.value)
    assert scores.mean_absolute_error() == abs(answered.error)
    assert "picky refused 1 of 2: one column, please" in str(scores)

    def broken(x, y):
        raise KeyError("broken")

    with pytest.raises(KeyError, match="broken"):
        run_tasks("bend", broken, n=30)


def test_warnings_become_notes(recwarn):
    ties = Task("ties", lambda n, rng: (np.zeros((n, 1)).round(), noise(n, rng)[0]), 0.0)
    half = Task("half", lambda n, rng: (np.maximum(noise(n, rng)[0], 0), noise(n, rng)[1]), 0.0)
    notes = {score.task: score.note for score in run_tasks([ties, half], "ksg", n=60)}
    assert "25%" in notes["half"]
    assert not recwarn.list


@pytest.mark.parametrize(
    ("tasks", "estimators", "settings", "message"),
    [
        ("bent", "ksg", {}, "No suite named 'bent'"),
        ("bend", "kgs", {}, "No estimator named 'kgs'"),
        ("bend", ["ksg", KSG()], {}, r"Two of the `estimators` are called 'KSG\(\)'"),
        ("bend", Geometric(), {}, "something other than mutual information in nats"),
        ("bend", "ksg", {"n": 0}, "`n` must be at least 1, got 0"),
        ("bend", "ksg", {"n": []}, "`n` must hold at least one number"),
        ("bend", "ksg", {"seeds": 0}, "`seeds` must be at least 1, got 0"),
    ],
)
def test_bad_arguments_are_refused(tasks, estimators, settings, message):
    with pytest.raises(ValueError, match=message):
        run_tasks(tasks, estimators, **settings)


def test_wrong_kinds_are_refused():
    with pytest.raises(TypeError, match="`tasks` must be names of suites or tasks, got 3"):
        run_tasks([3])
    with pytest.raises(TypeError, match="`estimators` must be estimators"):
        run_tasks("bend", 3)
