"""The figure, by its artists: what is drawn, where, in which unit; nothing global is touched."""

from itertools import pairwise

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest

from mitools import Verdict
from robustsplit.report.figures import RhoDepthDisplay, draw_accuracies, draw_depth, render
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


def test_study_figure_has_the_second_panel_only_when_there_is_something_in_it():
    both = draw_depth([RhoDepthDisplay.from_profile(profile())])
    assert len(both.axes) == 2
    alone = draw_depth([RhoDepthDisplay.from_profile(profile(released=np.nan))])
    assert len(alone.axes) == 1


def test_frame_of_the_csv_gives_the_same_line(tmp_path):
    study = result(converged=(False, True, True))
    write_csv(rho_frame([study]), tmp_path / "rho.csv")
    again = RhoDepthDisplay.from_frame(read_rho_csv(tmp_path / "rho.csv"))
    original = RhoDepthDisplay.from_result(study)
    for name in ("offset", "rho", "low", "high", "null_mean", "ceiling", "released"):
        np.testing.assert_allclose(getattr(again, name), getattr(original, name), rtol=1e-9)
    assert again.children == original.children
    assert again.has_cut


def test_nothing_global_changes_and_no_window_opens():
    before, open_before = dict(mpl.rcParams), plt.get_fignums()
    figure = draw_depth([RhoDepthDisplay.from_result(result())])
    render(figure, "svg")
    assert dict(mpl.rcParams) == before
    assert plt.get_fignums() == open_before


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_files_have_the_same_bytes_each_time(kind):
    made = [render(draw_depth([RhoDepthDisplay.from_result(result())]), kind) for _ in range(2)]
    assert made[0] == made[1]
    assert len(made[0]) > 5000


def test_tick_labels_do_not_overlap():
    figure = draw_depth([RhoDepthDisplay.from_profile(profile(), label="regular")])
    figure.canvas.draw()
    boxes = [t.get_window_extent() for t in figure.axes[0].get_xticklabels()]
    assert all(tick.get_fontsize() >= 8 for tick in figure.axes[0].get_xticklabels())
    rights = [box.x1 for box in boxes]
    assert all(b - a > 10 for a, b in pairwise(rights))


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


def test_accuracies_have_intervals():
    (axes,) = draw_accuracies([result(), result("last 4 weight layers", 4)]).axes
    assert len(axes.containers) == 4
    assert [text.get_text() for text in axes.get_xticklabels()] == [
        "last 2 weight layers",
        "last 4 weight layers",
    ]
