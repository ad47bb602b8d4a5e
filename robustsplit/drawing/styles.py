"""How the lines of a figure are told apart, and shades that fit the background they lie on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["COLOURS", "DASHES", "MARKERS", "ink", "line_style", "merged", "paper", "shade"]

#: Okabe and Ito's colours, safe for colour-blind readers, less the yellow, which is too light for
#: lines; markers and dashes differ as well.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", "*", "p", ">", "h")
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (5, 1.5, 1, 1.5)), (0, (1.5, 1)))


def ink() -> str:
    """Return the colour of text."""
    import matplotlib as mpl
    from matplotlib.colors import to_hex

    return str(to_hex(mpl.rcParams["text.color"]))


def line_style(index: int) -> dict[str, Any]:
    """Return colour, marker and line style of the line with this index, as keywords of `plot`.

    Colour and line style together first repeat after 28 lines, and markers after twelve. Whoever
    sets ``axes.prop_cycle`` gets that cycle, with our markers and line styles where it names none.

    Args:
        index: From 0.

    Returns:
        "color", "marker" and "linestyle".
    """
    import matplotlib as mpl

    cycle = mpl.rcParams["axes.prop_cycle"]
    given: Mapping[str, list[Any]] = {}
    colours: list[Any] = [ink() if colour == "#000000" else colour for colour in COLOURS]
    if cycle != mpl.rcParamsDefault["axes.prop_cycle"]:
        given = cycle.by_key()
        colours = given.get("color", colours)
    style = {
        "color": colours[index % len(colours)],
        "marker": MARKERS[index % len(MARKERS)],
        "linestyle": DASHES[index // len(colours) % len(DASHES)],
    }
    kept = {name: values[index % len(values)] for name, values in given.items()}
    return {**style, **kept}


def merged(style: Mapping[str, Any], keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Return the style with a user's keywords in place of its own, by any of matplotlib's names.

    Args:
        style: Keywords of `plot`.
        keywords: The user's, such as ``c="k"`` or ``lw=2``.

    Returns:
        Keywords of `plot`, each under its full name.

    Raises:
        TypeError: When one property is given under two names.
    """
    from matplotlib.cbook import normalize_kwargs
    from matplotlib.lines import Line2D

    return {**style, **normalize_kwargs(dict(keywords), Line2D)}


def shade(ax: Any, share: float) -> tuple[float, float, float]:
    """Return an opaque shade between the background of axes and their text.

    Opaque, because areas that let each other through add up to a darkness that means nothing.

    Args:
        ax: The axes.
        share: 0 for the background, 1 for the colour of text.

    Returns:
        Red, green and blue, from 0 to 1.
    """
    import matplotlib as mpl
    from matplotlib.colors import to_rgb, to_rgba

    paper = to_rgba(ax.get_facecolor())
    back = to_rgb(paper) if paper[3] > 0 else to_rgb("white")
    front = to_rgb(mpl.rcParams["text.color"])
    red, green, blue = (b + share * (f - b) for b, f in zip(back, front, strict=True))
    return red, green, blue


def paper(ax: Any) -> Any:
    """Return the colour of the background of axes: that of hollow markers."""
    background = shade(ax, 0)
    return "white" if background == (1, 1, 1) else background
