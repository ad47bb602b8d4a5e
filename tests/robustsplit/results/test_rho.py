"""Algorithm 1's records: views of rho, and the way through JSON and back."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from robustsplit.results import RhoResult
from tests.robustsplit.fakes import result


def test_the_chosen_pairs_are_the_least_of_the_converged_trials():
    cut = result(converged=(False, True, True))
    assert [pair.rho for pair in cut.chosen()] == list(cut.rho("min_converged"))
    assert cut.chosen() == list(cut.trials[1].profile.pairs)  # trial 0 is lower, and did not count


def test_without_a_converged_trial_the_most_accurate_one_is_shown_and_rho_is_undefined():
    cut = result(converged=(False, False, False))
    assert cut.chosen() == list(cut.best_trial.profile.pairs)
    assert cut.rho("min_converged").isna().all()


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


def test_the_frame_has_a_row_per_trial_pair_and_label():
    frame = result().to_frame()
    assert len(frame) == 3 * 2 * (1 + 2)
    whole = frame[frame["label"] == "all"]
    assert np.allclose(whole["excess"], whole["rho"] - whole["null_mean"])


def test_a_result_is_short_in_a_terminal_and_a_table_in_a_notebook():
    cut = result()
    assert len(repr(cut)) < 300 and len(repr(cut.trials[0])) < 120
    for words in ("82.0 % (Acc*)", "60.0 % (Acc_sr)", "80.4 % (Acc~)", "2 of 3 trials converged"):
        assert words in repr(cut)
    assert cut._repr_html_().count("<tr>") == 3


def test_a_result_draws_itself():
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib.figure import Figure

    ax = Figure().add_subplot()
    display = result().plot(ax, unit="nats")
    assert display.label == "last 2 weight layers"
    np.testing.assert_allclose(display.line_.get_ydata(), [0.5, 0.8])


def test_accuracies_of_a_cut_are_compared_image_by_image():
    cut = result()
    assert cut.against_robust.points == pytest.approx(cut.acc_tilde.percent - 82.0)
    assert cut.against_semirobust.points == pytest.approx(cut.acc_tilde.percent - 60.0)
