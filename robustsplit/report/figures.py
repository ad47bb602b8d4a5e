"""Figures of a study: rho against depth, with its null and its ceiling, and the accuracies.

The lines are those of `robustsplit.drawing`. Nothing here shows a window or changes rcParams.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from mitools import Verdict
from mitools.samples.messages import visible
from robustsplit.drawing import RhoDepthComparison, RhoDepthDisplay
from robustsplit.drawing.depth_axis import Direction
from robustsplit.drawing.styles import COLOURS, MARKERS, paper, shade
from robustsplit.results import RhoResult
from robustsplit.units import Unit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["RhoDepthComparison", "RhoDepthDisplay", "draw_accuracies", "draw_depth", "render"]

#: From this width on, in inches, two panels stand side by side.
WIDE = 6.5
#: Below this width, the fonts and lines of a column of a paper.
NARROW = 4.5
#: With more lines than this, bands of their spread would hide each other; it is drawn as bars.
BANDS = 4
#: Width of a letter in a legend, as a share of its font size, and of the line before a text.
LETTER, HANDLE = 0.5, 4.0


def draw_depth(
    displays: Sequence[RhoDepthDisplay],
    *,
    unit: Unit = "bits",
    x: Direction = "depth",
    title: str = "",
    size: tuple[float, float] | None = None,
    published: bool = True,
) -> Figure:
    """Return the figure of a study: our estimates, and the published estimator's beside them.

    Fonts, widths of lines and sizes of markers are those of rcParams.

    Args:
        displays: What to draw, each in a colour and with a marker of its own.
        unit: "bits" or "nats".
        x: As in `RhoDepthDisplay.plot`.
        title: Of the figure.
        size: Width and height in inches, such as (3.3, 3.0) for one column of a paper; by default
            wide enough for two panels, and high enough for the legend.
        published: Whether to draw the panel of the published code's estimator. It is there only
            when that was computed, and shows whether its values differ from those of permuted
            pairs.

    Returns:
        A figure that belongs to no window. Below a width of 6.5 inches the panels stand one below
        the other.

    Raises:
        ValueError: When there is nothing to draw, and as `RhoDepthDisplay.plot`.
    """
    from matplotlib.figure import Figure

    if not displays:
        raise ValueError("There is nothing to draw: give at least one display.")
    compare = published and any(np.isfinite(display.released).any() for display in displays)
    if size is None:
        size = (12.0 if compare else 7.5, 4.6 + 0.12 * (len(displays) + 3))
    import matplotlib as mpl

    with mpl.rc_context(_fitting(size[0])):  # restored on leaving
        figure = Figure(figsize=size, layout="constrained")
        side_by_side = compare and size[0] >= WIDE
        shape = (1, 2) if side_by_side else (2, 1) if compare else (1, 1)
        axes = figure.subplots(*shape, squeeze=False).ravel()
        spread: Any = "band" if len(displays) <= BANDS else "bars"
        for display in displays:
            display.plot(axes[0], unit=unit, x=x, spread=spread)
        if compare:
            for display in displays:
                display.plot(axes[1], quantity="released", unit=unit, x=x)
            low, high = axes[1].get_ylim()
            axes[1].set_ylim(min(0.0, low), high + 0.05 * abs(high))
        if side_by_side:
            axes[0].set_title("This package: rho, its null, its ceiling", size="medium")
            axes[1].set_title("The published code's estimator, and its null", size="medium")
        elif compare:
            axes[0].set_xlabel("")
            axes[0].tick_params(labelbottom=False)
        for ax in axes:  # ticks that are made when the figure is drawn have the same font
            ax.tick_params(labelsize=_points(mpl.rcParams["xtick.labelsize"]))
        _legend(figure, axes[0], displays)
        if title:
            figure.suptitle(title, size="large")
    return figure


def _fitting(width: float) -> Any:
    """Return the settings of a narrow figure, as journals print them, where the user set none."""
    import matplotlib as mpl

    if width >= NARROW:
        return {}
    small = {"font.size": 8.0, "lines.markersize": 4.0, "lines.linewidth": 1.2}
    now: Any = mpl.rcParams
    default: Any = mpl.rcParamsDefault
    return {name: value for name, value in small.items() if now[name] == default[name]}


def _points(size: Any) -> float:
    from matplotlib.font_manager import FontProperties

    return float(FontProperties(size=size).get_size_in_points())


def _legend(figure: Figure, ax: Any, displays: Sequence[RhoDepthDisplay] = ()) -> None:
    """Put the legend below the axes, in as many columns as fit beside each other."""
    import matplotlib as mpl
    from matplotlib.lines import Line2D

    handles, labels = ax.get_legend_handles_labels()
    grey = shade(ax, 0.55)
    if any(line.get_gid() == "independent" for line in ax.lines):
        handles.append(Line2D([], [], ls="", marker="o", mfc=paper(ax), mec=grey))
        labels.append(f"hollow: {Verdict.INDEPENDENT}")
    if any(display.has_cut for display in displays):
        handles.append(Line2D([], [], ls="-.", lw=0.8, color=grey))
        labels.append("cut between f_a* and f_b")
    width = 72 * float(figure.get_size_inches()[0])
    size = min(_points(mpl.rcParams["legend.fontsize"]), 9.0, width / 34)
    most = max(1, int((width / size - HANDLE) / LETTER) - 2)
    labels = [text if len(text) <= most else f"{text[: most - 1]}…" for text in labels]
    column = (max(map(len, labels)) * LETTER + HANDLE) * size
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=max(1, min(3, int(width / column))),
        fontsize=size,
        frameon=False,
    )


def draw_accuracies(
    results: Sequence[RhoResult], *, size: tuple[float, float] | None = None
) -> Figure:
    """Return a figure of Acc*, Acc_sr and Acc~ for each cut, with Wilson's 95 % intervals.

    Args:
        results: One result per cut.
        size: Width and height in inches.

    Returns:
        A figure that belongs to no window.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    size = size or (7.0, 3.6)
    kinds = (
        ("robust network (Acc*)", lambda r: r.acc_star),
        ("semirobust, f_b as it was (Acc_sr)", lambda r: r.acc_sr),
        ("semirobust, f_b retrained (Acc~)", lambda r: r.acc_tilde),
        ("regular network", lambda r: r.attacked.get("regular")),
    )
    with mpl.rc_context(_fitting(size[0])):  # restored on leaving
        figure = Figure(figsize=size, layout="constrained")
        ax = figure.add_subplot()
        for row, (label, pick) in enumerate(kinds):
            records = [(index, pick(result)) for index, result in enumerate(results)]
            known = [(index, record) for index, record in records if record is not None]
            if not known:
                continue
            at = np.array([index for index, _ in known]) + 0.12 * (row - 1.5)
            percent = np.array([record.percent for _, record in known])
            ends = np.array([record.interval for _, record in known]).T
            ax.errorbar(
                at, percent, yerr=np.abs(ends - percent), ls="", marker=MARKERS[row], capsize=3,
                color=COLOURS[row], label=label,
            )  # fmt: skip
        letters = max(8, int(9 * size[0] / len(results)))
        ax.set_xticks(range(len(results)), [fill(result.cut, letters) for result in results])
        ax.set_xlim(-0.6, len(results) - 0.4)
        ax.set_ylim(-3, 103)
        ax.set_ylabel("accuracy under the attack [%]")
        _legend(figure, ax)
    return figure


def render(figure: Figure, kind: str, dpi: int = 150) -> bytes:
    """Return a figure as the content of a file: the same bytes for the same figure.

    Args:
        figure: The figure.
        kind: "png", "svg" or "pdf".
        dpi: Resolution of a "png", in dots per inch.

    Returns:
        The content of the file.
    """
    import matplotlib as mpl
    import matplotlib.text

    for text in figure.findobj(mpl.text.Text):  # a file of XML takes no control characters
        if visible(text.get_text()) != text.get_text():
            text.set_text(visible(text.get_text()))
    buffer = BytesIO()
    undated: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind, {})
    # Restored on leaving. Type 42 fonts: publishers refuse the Type 3 that is the default.
    with mpl.rc_context({"svg.hashsalt": "robustsplit", "pdf.fonttype": 42}):
        figure.savefig(buffer, format=kind, dpi=dpi, metadata=undated)
    return buffer.getvalue()
