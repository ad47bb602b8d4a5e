"""The figures of a study: their panels, their sizes, their bytes."""

from itertools import pairwise

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest

from robustsplit.report.figures import RhoDepthDisplay, draw_accuracies, draw_depth, render
from tests.robustsplit.fakes import profile, result


def test_study_figure_has_the_second_panel_only_when_there_is_something_in_it():
    both = draw_depth([RhoDepthDisplay.from_profile(profile())])
    assert len(both.axes) == 2
    alone = draw_depth([RhoDepthDisplay.from_profile(profile(released=np.nan))])
    assert len(alone.axes) == 1


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
    figure.draw_without_rendering()
    boxes = [t.get_window_extent() for t in figure.axes[0].get_xticklabels()]
    assert all(tick.get_fontsize() >= 8 for tick in figure.axes[0].get_xticklabels())
    rights = [box.x1 for box in boxes]
    assert all(b - a > 10 for a, b in pairwise(rights))


def test_accuracies_have_intervals():
    (axes,) = draw_accuracies([result(), result("last 4 weight layers", 4)]).axes
    assert len(axes.containers) == 4
    assert [text.get_text() for text in axes.get_xticklabels()] == [
        "last 2 weight layers",
        "last 4 weight layers",
    ]


def overlaps(texts):
    boxes = [text.get_window_extent() for text in texts if text.get_text()]
    return [(a, b) for i, a in enumerate(boxes) for b in boxes[i + 1 :] if a.overlaps(b)]


@pytest.mark.parametrize("published", [True, False])
@pytest.mark.parametrize("lines", [1, 4])
def test_one_column_of_a_paper_has_no_overlaps(lines, published):
    names = tuple(f"features.{index}" for index in range(17))
    displays = [
        RhoDepthDisplay.from_profile(profile(names, 0.1 * i), label=f"VGG16 number {i}")
        for i in range(lines)
    ]
    figure = draw_depth(displays, size=(3.3, 3.6), published=published)
    figure.draw_without_rendering()
    inside = figure.bbox
    for ax in figure.axes:
        low, high = ax.get_ylim()
        marks = zip(ax.get_yticks(), ax.get_yticklabels(), strict=True)
        values = [text for at, text in marks if low <= at <= high]
        labels = [ax.yaxis.label, ax.xaxis.label]
        assert not overlaps([*labels, *values])
        for text in [*labels, *values, *ax.get_xticklabels()]:
            if text.get_text() and text.get_visible():
                box = text.get_window_extent()
                assert inside.x0 <= box.x0 and box.x1 <= inside.x1 + 1
                assert inside.y0 <= box.y0 and box.y1 <= inside.y1 + 1
        assert ax.get_window_extent().height > 50
    (legend,) = figure.legends
    assert legend.get_window_extent().width <= inside.width
    assert legend.get_window_extent().y1 <= min(a.get_tightbbox().y0 for a in figure.axes) + 1


def test_many_lines_have_bars_for_their_spread():
    figure = draw_depth([RhoDepthDisplay.from_profile(profile()) for _ in range(6)])
    kinds = {item.get_gid() for item in figure.axes[0].collections}
    assert "bars" in kinds and "band" not in kinds


def test_a_pdf_holds_fonts_that_publishers_take():
    page = render(draw_depth([RhoDepthDisplay.from_profile(profile())]), "pdf")
    assert page.startswith(b"%PDF") and b"/Type3" not in page
