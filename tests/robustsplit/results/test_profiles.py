"""Profiles: pairs by name, and as a frame."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from robustsplit.results import Profile
from tests.robustsplit.fakes import LAYERS, profile, score


def test_a_pair_is_found_by_its_later_layer():
    assert profile()["fc1"].parent == "conv4"
    with pytest.raises(KeyError, match="Did you mean 'fc1'"):
        profile()["fc11"]


def test_the_frame_has_a_row_per_pair_and_the_excess():
    frame = profile().to_frame()
    assert list(frame["child"]) == list(LAYERS[1:])
    np.testing.assert_allclose(frame["excess"], frame["rho"] - frame["null_mean"])


def test_a_profile_is_short_in_a_terminal_and_a_table_in_a_notebook():
    shown = replace(profile(), accuracy=score(14))
    text = repr(shown)
    assert len(text) < 250
    for words in ("5 layer pairs from conv1 to fc2", "rho 0.72 to 2.45 bits", "2.8 % of 500"):
        assert words in text
    assert "5 x dependent, magnitude unreliable" in text
    page = shown._repr_html_()
    assert page.count("<tr>") == 6 and "conv1 → conv2" in page
    assert len(repr(shown.pairs[0])) < 150
    named = replace(shown, pairs=(replace(shown.pairs[0], parent="<b>"),))
    assert "<b> →" not in named._repr_html_() and "&lt;b&gt; →" in named._repr_html_()
    assert repr(Profile(())) == "Profile(no layer pairs)"


def test_a_profile_comes_back_from_json_with_its_accuracy():
    shown = replace(profile(), accuracy=score(14))
    assert Profile.from_dict(json.loads(json.dumps(asdict(shown)))) == shown
    before = {name: value for name, value in asdict(shown).items() if name != "accuracy"}
    assert Profile.from_dict(before).accuracy is None


def test_a_profile_draws_itself():
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib.figure import Figure

    ax = Figure().add_subplot()
    display = profile().plot(ax, label="mine", color="k", unit="nats")
    assert display.ax_ is ax and display.line_.get_color() == "k"
    np.testing.assert_allclose(display.line_.get_ydata(), [0.5, 0.8, 1.1, 1.4, 1.7])
    with pytest.raises(ValueError, match="no layer pairs"):
        Profile(()).plot(ax)
