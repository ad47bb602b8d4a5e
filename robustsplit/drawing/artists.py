"""What is drawn around a line: its null, its spread, its ceiling; with one legend entry each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from robustsplit.drawing.styles import ink, shade

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_ceiling", "draw_null", "draw_spread"]

Vector = NDArray[np.float64]


def draw_null(
    ax: Axes, at: Vector, mean: Vector, sd: Vector | None, *, name: str, colour: Any
) -> None:
    """Draw what there is without dependence: a band if its spread is known, else a thin line.

    Args:
        ax: Where.
        at: Places of the pairs, with shape (p,).
        mean: The mean without dependence.
        sd: Its standard deviation, or None.
        name: Of the column, which marks the artist.
        colour: Of the line that it belongs to.
    """
    if sd is None:
        _once(ax, name, "its null (permuted pairs)", ls=(0, (4, 2)), lw=1, color=shade(ax, 0.6))
        ax.plot(at, mean, ls=(0, (4, 2)), lw=1, color=colour, alpha=0.8, gid=name)
        return
    band: dict[str, Any] = {"color": shade(ax, 0.2), "lw": 0, "zorder": 0.5}
    if not _known(ax, "null"):
        ax.fill_between([], [], label="null (permuted pairs), ± 2 sd", gid="legend null", **band)
    ax.fill_between(at, mean - 2 * sd, mean + 2 * sd, gid="null", **band)


def draw_spread(ax: Axes, at: Vector, low: Vector, high: Vector, *, how: str, colour: Any) -> None:
    """Draw the range of the values.

    Args:
        ax: Where.
        at: Places of the pairs, with shape (p,).
        low: Lower ends.
        high: Upper ends.
        how: "band" or "bars".
        colour: Of the line that it belongs to.
    """
    if how == "band":
        ax.fill_between(at, low, high, color=colour, alpha=0.18, lw=0, gid="band", zorder=0.8)
    else:
        ax.vlines(at, low, high, color=colour, lw=1, alpha=0.7, gid="bars", label="_bars")


def draw_ceiling(ax: Axes, at: Vector, ceiling: Vector) -> None:
    """Draw the largest value possible, in the colour of text."""
    style: dict[str, Any] = {"ls": ":", "lw": 1, "color": ink()}
    _once(ax, "ceiling", "ceiling", **style)
    ax.plot(at, ceiling, gid="ceiling", **style)


def _once(ax: Axes, gid: str, label: str, **style: Any) -> None:
    """Put one entry for `gid` into the legend, however many displays draw one."""
    if not _known(ax, gid):
        ax.plot([], [], label=label, gid=f"legend {gid}", **style)


def _known(ax: Axes, gid: str) -> bool:
    return any(item.get_gid() == f"legend {gid}" for item in [*ax.lines, *ax.collections])
