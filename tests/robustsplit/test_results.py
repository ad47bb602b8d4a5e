"""The records: views of rho, intervals of accuracy, and the way through JSON and back."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from robustsplit.results import AccuracyRecord, RhoResult, least_of_converged
from tests.robustsplit.fakes import result


def test_the_chosen_pairs_are_the_least_of_the_converged_trials():
    cut = result(converged=(False, True, True))
    assert [pair.rho for pair in cut.chosen()] == list(cut.rho("min_converged"))
    assert cut.chosen() == list(cut.trials[1].profile.pairs)  # trial 0 is lower, and did not count


def test_without_a_converged_trial_the_most_accurate_one_is_shown_and_rho_is_undefined():
    cut = result(converged=(False, False, False))
    assert cut.chosen() == list(cut.best_trial.profile.pairs)
    assert cut.rho("min_converged").isna().all()


def test_the_least_is_taken_pair_by_pair_and_the_first_of_equals():
    values = np.array([[0.0, 0.0, 0.0], [3.0, 1.0, 2.0], [2.0, 1.0, 4.0]])
    assert least_of_converged(values, [False, True, True]).tolist() == [2, 1, 1]
    assert least_of_converged(values, [True, True, True]).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("view", "expected"), [("min", 0.5), ("max", 0.7), ("mean", 0.6), ("sd", 0.1)]
)
def test_views_over_all_trials(view, expected):
    assert result().rho(view).iloc[0] == pytest.approx(expected)


def test_an_unknown_view_gets_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'best_trial'"):
        result().rho("best_trail")


def test_results_come_back_from_json():
    original = result(warnings=("Careful.",))
    assert RhoResult.from_dict(json.loads(json.dumps(asdict(original)))) == original


@pytest.mark.parametrize(("correct", "n"), [(0, 7), (7, 7), (288, 360), (1, 3)])
def test_the_interval_solves_wilsons_equation(correct, n):
    """Its ends are the p whose score test has z = 1.96: |share - p| = z sqrt(p (1 - p) / n)."""
    for end in AccuracyRecord(correct, n).interval:
        p = end / 100
        distance = abs(correct / n - p)
        assert distance == pytest.approx(1.959964 * np.sqrt(p * (1 - p) / n), abs=1e-6)
    low, high = AccuracyRecord(correct, n).interval
    assert 0 <= low <= 100 * correct / n <= high <= 100 and low < high


def test_the_frame_has_a_row_per_trial_pair_and_label():
    frame = result().to_frame()
    assert len(frame) == 3 * 2 * (1 + 2)
    whole = frame[frame["label"] == "all"]
    assert np.allclose(whole["excess"], whole["rho"] - whole["null_mean"])
