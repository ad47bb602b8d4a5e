"""Lines are told apart, and shades lie between the background and the text."""

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import pytest
from cycler import cycler
from matplotlib.figure import Figure

from robustsplit.drawing.styles import line_style, merged, paper, shade


def test_a_dozen_lines_differ_in_marker_and_all_of_28_in_colour_and_dashes():
    styles = [line_style(index) for index in range(28)]
    assert len({str(style["marker"]) for style in styles[:12]}) == 12
    assert len({(style["color"], str(style["linestyle"])) for style in styles}) == 28


def test_the_users_cycle_comes_first():
    with mpl.rc_context({"axes.prop_cycle": cycler(color=["r", "g"], ls=["-", ":"])}):
        assert [line_style(i)["color"] for i in range(3)] == ["r", "g", "r"]
        assert line_style(1)["linestyle"] in (":", "-")
        assert line_style(0)["marker"] != line_style(1)["marker"]


def test_a_users_keyword_replaces_the_style_by_any_of_its_names():
    assert merged({"color": "r", "linestyle": "-"}, {"c": "k", "lw": 2}) == {
        "color": "k",
        "linestyle": "-",
        "linewidth": 2,
    }
    with pytest.raises(TypeError, match="aliases"):
        merged({}, {"c": "k", "color": "r"})


def test_shades_are_opaque_and_follow_a_dark_style():
    ax = Figure().add_subplot()
    assert shade(ax, 0) == (1, 1, 1) and paper(ax) == "white"
    assert shade(ax, 1) == (0, 0, 0)
    assert shade(ax, 0.2) == pytest.approx((0.8, 0.8, 0.8))
    with plt.style.context("dark_background"):
        dark = Figure().add_subplot()
        assert shade(dark, 0.2) == pytest.approx((0.2, 0.2, 0.2))
        assert paper(dark) == (0, 0, 0)
    with mpl.rc_context({"text.color": "white"}):
        assert line_style(6)["color"] == "#ffffff"  # black would not be seen
