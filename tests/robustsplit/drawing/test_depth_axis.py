"""Where pairs stand, which names fit, and what happens when networks with other layers join."""

import matplotlib as mpl

mpl.use("Agg")

import numpy as np
import pytest
from matplotlib.figure import Figure

from robustsplit.drawing.depth_axis import DepthAxis, Placed, shortened


def line(ax, names, depth=None):
    """A line whose value at each pair is its distance from the output."""
    offset = np.arange(len(names))[::-1].astype(float)
    placed = Placed(offset, tuple(names), len(names) if depth is None else depth)
    axis = DepthAxis.of(ax)
    kind = axis.join(placed, "depth")
    at = placed.places(offset, kind)
    placed.artists += ax.plot(at, offset, gid="rho")
    placed.artists.append(ax.fill_between(at, offset, offset + 1))
    axis.label()
    return placed


@pytest.fixture
def ax():
    return Figure(figsize=(6.4, 4.8)).add_subplot()


def written(ax):
    return [text.get_text() for text in ax.get_xticklabels()]


def test_one_network_stands_over_its_names(ax):
    line(ax, ["a", "b", "c"])
    line(ax, ["b", "c"])  # a cut of the same network
    assert written(ax) == ["a", "b", "c"]
    assert ax.get_xlabel() == "later layer of each pair"


def test_networks_with_other_layers_share_the_relative_depth_and_no_names(ax):
    first = line(ax, ["a1", "a2", "a3"])
    second = line(ax, ["b1", "b2", "b3", "b4", "b5"])
    third = line(ax, ["a1", "a2", "a3"])
    np.testing.assert_allclose(first.artists[0].get_xdata(), [0, 0.5, 1])
    np.testing.assert_allclose(second.artists[0].get_xdata(), [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(third.artists[0].get_xdata(), [0, 0.5, 1])
    corners = first.artists[1].get_paths()[0].vertices[:, 0]
    assert corners.min() == 0 and corners.max() == 1
    assert ax.get_xlabel().startswith("relative depth")
    assert not set("".join(written(ax))) & set("ab")
    low, high = ax.get_xlim()
    assert -0.1 < low < 0 and 1 < high < 1.1


def test_a_cut_lies_at_the_depth_of_its_whole_network(ax):
    line(ax, ["x", "y"])
    cut = line(ax, ["b4", "b5"], depth=5)
    np.testing.assert_allclose(cut.artists[0].get_xdata(), [0.75, 1])


def test_an_unknown_depth_is_refused_before_anything_moves(ax):
    first = line(ax, ["a", "b"])
    with pytest.raises(ValueError, match="Give the run directory"):
        line(ax, ["x", "y"], depth=0)
    np.testing.assert_allclose(first.artists[0].get_xdata(), [-1, 0])
    assert written(ax) == ["a", "b"]


def test_lines_in_two_directions_are_refused(ax):
    line(ax, ["a", "b"])
    placed = Placed(np.array([1.0, 0.0]), ("a", "b"), 2)
    with pytest.raises(ValueError, match="Draw all lines of one figure with the same x"):
        DepthAxis.of(ax).join(placed, "from_output")


def test_counted_from_the_output_other_layers_leave_numbers(ax):
    for names in (("a", "b"), ("c", "d")):
        placed = Placed(np.array([1.0, 0.0]), names, 2)
        axis = DepthAxis.of(ax)
        at = placed.places(placed.offset, axis.join(placed, "from_output"))
        placed.artists += ax.plot(at, at)
        axis.label()
    assert ax.get_xlabel() == "pairs counted from the output"
    assert not set("".join(written(ax))) & set("abcd")


def test_cleared_axes_begin_anew(ax):
    line(ax, ["a", "b"])
    ax.cla()
    line(ax, ["c", "d"])
    assert written(ax) == ["c", "d"]


@pytest.mark.parametrize("width", [3.3, 5.0, 12.0])
@pytest.mark.parametrize("stem", ["fc", "features.", "encoder.layers.encoder_layer_.mlp."])
def test_names_do_not_touch_and_leave_room_for_the_picture(width, stem):
    figure = Figure(figsize=(width, 2.6), layout="constrained")
    axes = figure.add_subplot()
    line(axes, [f"{stem}{index}" for index in range(30)])
    figure.draw_without_rendering()
    shown = [text for text in axes.get_xticklabels() if text.get_text()]
    assert 3 <= len(shown) <= 16
    assert shown[-1].get_text().endswith("29")
    apart = np.diff([text.get_window_extent().x1 for text in shown]) * 72 / figure.dpi
    height = shown[0].get_fontsize()
    assert (apart * np.sin(np.radians(40)) > height).all()
    assert axes.get_window_extent().height > 0.4 * figure.bbox.height


def test_long_names_lose_their_middle():
    assert shortened("layer4.1.conv2", 20) == "layer4.1.conv2"
    assert shortened("layer4.1.conv2", 10) == "lay….conv2"
    assert len(shortened("x" * 50, 8)) == 8
