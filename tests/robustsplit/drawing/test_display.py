"""The display, by its artists: what is drawn, where, in which unit; nothing global is touched."""

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest

from mitools import Verdict
from robustsplit.drawing import RhoDepthDisplay
from robustsplit.report.rho_csv import read_rho_csv, rho_frame, write_csv
from tests.robustsplit.fakes import LAYERS, profile, result


def artists(ax, gid):
    return [item for item in [*ax.lines, *ax.collections] if item.get_gid() == gid]


@pytest.fixture
def ax():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def labels(axes):
    return [tick.get_text() for tick in axes.get_xticklabels()]


def test_values_are_bits_in_order_of_depth(ax):
    display = RhoDepthDisplay.from_profile(profile(), label="regular").plot(ax)
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    rho = np.array([0.5, 0.8, 1.1, 1.4, 1.7]) / np.log(2)
    np.testing.assert_allclose(display.line_.get_ydata(), rho)
    np.testing.assert_allclose(display.line_.get_xdata(), [-4, -3, -2, -1, 0])
    assert labels(ax) == list(LAYERS[1:])
    assert "bits" in ax.get_ylabel()
    assert display.line_.get_label() == "regular"


def test_paper_order_starts_at_the_output_and_nats_are_nats(ax):
    display = RhoDepthDisplay.from_profile(profile()).plot(ax, x="from_output", unit="nats")
    np.testing.assert_allclose(display.line_.get_ydata(), [1.7, 1.4, 1.1, 0.8, 0.5])
    np.testing.assert_allclose(display.line_.get_xdata(), [0, 1, 2, 3, 4])
    assert labels(ax) == list(LAYERS[:0:-1])
    assert "nats" in ax.get_ylabel()


def test_null_band_ceiling_and_spread_are_there(ax):
    RhoDepthDisplay.from_result(result()).plot(ax, unit="nats")
    (null,) = artists(ax, "null")
    heights = null.get_paths()[0].vertices[:, 1]
    assert heights.min() == pytest.approx(0.01 - 0.04)
    assert heights.max() == pytest.approx(0.01 + 0.04)
    (ceiling,) = artists(ax, "ceiling")
    np.testing.assert_allclose(ceiling.get_ydata(), 3.9)
    (band,) = artists(ax, "band")
    assert band.get_paths()[0].vertices[:, 1].max() == pytest.approx(0.8 + 0.2)
    (cut,) = artists(ax, "cut")
    assert cut.get_xdata()[0] == pytest.approx(-1.5)  # before the first of two pairs


def test_result_shows_the_least_over_converged_trials_and_says_when_none_converged():
    shown = RhoDepthDisplay.from_result(result(converged=(False, True, True)))
    np.testing.assert_allclose(shown.rho, [0.6, 0.9])
    none = RhoDepthDisplay.from_result(result(converged=(False, False)))
    np.testing.assert_allclose(none.rho, [0.55, 0.85])
    assert "no trial converged" in none.label


def test_several_displays_line_up_and_differ_in_colour_and_marker(ax):
    lines = [
        RhoDepthDisplay.from_result(result(keep=2)).plot(ax).line_,
        RhoDepthDisplay.from_profile(profile()).plot(ax).line_,
        RhoDepthDisplay.from_result(result(keep=4)).plot(ax).line_,
    ]
    assert len({line.get_color() for line in lines}) == 3
    assert len({line.get_marker() for line in lines}) == 3
    assert labels(ax) == list(LAYERS[1:])
    legend = ax.get_legend_handles_labels()[1]
    assert sum("null" in text for text in legend) == 1
    assert sum("ceiling" in text for text in legend) == 1


def test_pairs_that_look_independent_are_hollow(ax):
    RhoDepthDisplay.from_profile(profile(verdict=Verdict.INDEPENDENT)).plot(ax)
    (hollow,) = artists(ax, "independent")
    assert len(hollow.get_xdata()) == 5
    assert hollow.get_markerfacecolor() == "white"


def test_published_estimator_is_drawn_with_its_own_null(ax):
    display = RhoDepthDisplay.from_profile(profile(released=2.6))
    display.plot(ax, quantity="released", unit="nats")
    np.testing.assert_allclose(display.line_.get_ydata(), 2.6)
    (null,) = artists(ax, "released null")
    np.testing.assert_allclose(null.get_ydata(), 2.58)
    assert not artists(ax, "ceiling")


def test_frame_of_the_csv_gives_the_same_line(tmp_path):
    study = result(converged=(False, True, True))
    write_csv(rho_frame([study]), tmp_path / "rho.csv")
    again = RhoDepthDisplay.from_frame(read_rho_csv(tmp_path / "rho.csv"))
    original = RhoDepthDisplay.from_result(study)
    for name in ("offset", "rho", "low", "high", "null_mean", "ceiling", "released"):
        np.testing.assert_allclose(getattr(again, name), getattr(original, name), rtol=1e-9)
    assert again.children == original.children
    assert again.has_cut


def test_many_layers_get_fewer_labels(ax):
    layers = tuple(f"features.{index}" for index in range(50))
    RhoDepthDisplay.from_profile(profile(layers)).plot(ax)
    written = [text for text in labels(ax) if text]
    assert 8 <= len(written) <= 16
    assert written[-1] == "features.49"


def test_wrong_words_are_refused(ax):
    display = RhoDepthDisplay.from_profile(profile())
    with pytest.raises(ValueError, match=r"No unit named 'bit'\. Did you mean 'bits'"):
        display.plot(ax, unit="bit")
    with pytest.raises(ValueError, match="No x axis named 'width'"):
        display.plot(ax, x="width")


def test_words_for_readers_who_cannot_see_it():
    text = RhoDepthDisplay.from_profile(profile(), label="regular").describe()
    assert text.startswith("regular, in bits: conv2 0.72 (null 0.01), ")


def test_keywords_of_the_line_come_before_the_packages_own(ax):
    display = RhoDepthDisplay.from_profile(profile(), ax=ax, c="k", lw=0.7, label="ours")
    (line,) = display.lines_
    assert line is display.line_ and display.ax_ is ax and display.figure_ is ax.figure
    assert (line.get_color(), line.get_linewidth(), line.get_label()) == ("k", 0.7, "ours")


def test_settings_of_matplotlib_are_followed():
    small = {"lines.linewidth": 0.5, "lines.markersize": 2, "xtick.labelsize": 5, "font.size": 6}
    with mpl.rc_context(small):
        figure, axes = plt.subplots()
        line = RhoDepthDisplay.from_profile(profile()).plot(axes).line_
    assert line.get_linewidth() == 0.5 and line.get_markersize() == 2
    assert axes.get_xticklabels()[0].get_fontsize() == 5
    assert axes.xaxis.label.get_fontsize() == 6
    plt.close(figure)


def test_networks_with_other_layers_never_bear_each_others_names(ax):
    for prefix, layers in (("a", 4), ("b", 6)):
        names = tuple(f"{prefix}{index}" for index in range(layers))
        RhoDepthDisplay.from_profile(profile(names), label=prefix).plot(ax)
    assert not any(text.startswith(("a", "b")) for text in labels(ax))
    lines = artists(ax, "rho")
    assert all((line.get_xdata()[0], line.get_xdata()[-1]) == (0, 1) for line in lines)
    assert "relative depth" in ax.get_xlabel()


def test_a_cut_stays_where_it_is_in_the_network_when_another_joins(ax):
    cut = RhoDepthDisplay.from_result(result(keep=2)).plot(ax)
    RhoDepthDisplay.from_profile(profile(("x", "y", "z"))).plot(ax)
    np.testing.assert_allclose(cut.line_.get_xdata(), [0.75, 1.0])  # the last 2 of 5 pairs
    (edge,) = artists(ax, "cut")
    np.testing.assert_allclose(edge.get_xdata(), 0.625)


def test_profiles_and_results_are_drawn_as_one(ax):
    shown = RhoDepthDisplay.from_profiles({"net": profile(), "cut": result()}, ax=ax)
    assert [display.label for display in shown] == ["net", "cut"]
    assert len(shown) == len(shown.lines_) == 2
    assert shown.ax_ is ax and shown.figure_ is ax.figure
    with pytest.raises(ValueError, match="`profiles` is empty"):
        RhoDepthDisplay.from_profiles({})


def test_the_spread_can_be_bars_or_nothing(ax):
    display = RhoDepthDisplay.from_profile(profile())
    display.plot(ax, spread="none")
    assert not artists(ax, "band") and not artists(ax, "bars")
    display.plot(ax, spread="bars")
    assert len(artists(ax, "bars")) == 1
    with pytest.raises(ValueError, match="No spread named 'bar'"):
        display.plot(ax, spread="bar")
