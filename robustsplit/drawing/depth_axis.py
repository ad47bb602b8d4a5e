"""Where the layer pairs of several networks stand on one axis, and what the axis is called.

Lines of one network share its layers: each stands over its own name. Networks whose layers differ
have no names in common, so they share the relative depth, from 0 at the first pair of layers to 1
at the output.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary

import numpy as np
from matplotlib.ticker import AutoLocator, Formatter, MaxNLocator, ScalarFormatter
from numpy.typing import NDArray

from mitools.samples.messages import unknown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["DepthAxis", "Direction", "LayerNames", "Placed"]

Direction = Literal["depth", "from_output", "relative"]
Vector = NDArray[np.float64]

DIRECTIONS = ("depth", "from_output", "relative")
TITLES = {
    "names": "later layer of each pair",
    "from_output": "later layer, from the output",
    "numbers": "pairs counted from the output",
    "relative": "relative depth (1: output)",
}
#: Names are written at this angle, in degrees.
ANGLE = 40
#: At most so many names, however wide the figure is.
MOST_NAMES = 16
#: Names may take this share of the height of a figure; longer ones lose their middle.
HEIGHT = 0.2
#: A letter is about so wide, as a share of the size of the font.
LETTER = 0.55


@dataclass
class Placed:
    """A line on the axis.

    Attributes:
        offset: Its pairs, counted from the output, with shape (p,).
        names: The later layer of each pair.
        depth: How many pairs the whole network has; 0 if that is not known.
        artists: What was drawn of it, and moves with the axis.
    """

    offset: Vector
    names: tuple[str, ...]
    depth: int
    artists: list[Any] = field(default_factory=list)

    def places(self, offset: Vector, kind: str) -> Vector:
        """Return where pairs stand.

        Args:
            offset: Their distance from the output; need not be whole.
            kind: "names", "from_output", "numbers" or "relative".

        Returns:
            Positions on the axis, with the shape of `offset`.

        Raises:
            ValueError: For the relative depth in a network of unknown depth.
        """
        if kind == "relative":
            if not self.depth:
                raise ValueError(
                    "The relative depth needs the number of layers of the whole network, and a "
                    "rho.csv of Algorithm 1 holds only those after the cut. Give the run "
                    "directory, or read its assessment.json."
                )
            return 1.0 - offset / max(self.depth - 1, 1)
        return -offset if kind == "names" else offset


@dataclass
class DepthAxis:
    """The depth axis of some axes, as the lines drawn there so far require it.

    Attributes:
        ax: The axes.
        direction: As given with the first line.
        kind: "names", "from_output" (names as well), "numbers" or "relative".
        lines: The lines.
    """

    ax: Axes
    direction: str = ""
    kind: str = ""
    lines: list[Placed] = field(default_factory=list)

    @classmethod
    def of(cls, ax: Axes) -> DepthAxis:
        """Return the depth axis of these axes: the one that was made for them, if there is one."""
        axis = AXES.get(ax)
        if axis is None or not any(line in ax.lines for p in axis.lines for line in p.artists):
            axis = AXES[ax] = cls(ax)
        return axis

    def join(self, line: Placed, direction: Direction) -> str:
        """Make room for a line, and return the kind of axis that it shares with those before it.

        Args:
            line: The line; its artists are still to be drawn.
            direction: As asked for.

        Returns:
            The kind of axis, for `Placed.places`.

        Raises:
            ValueError: For another direction than that of the lines before, or an unknown one.
        """
        if direction not in DIRECTIONS:
            raise ValueError(unknown("x axis", direction, DIRECTIONS))
        pair = {self.direction, direction}
        if self.direction and len(pair) > 1 and "relative" not in pair:
            raise ValueError(
                f"These axes hold a line with x={self.direction!r}, got x={direction!r}. Draw "
                "all lines of one figure with the same x."
            )
        if direction == "relative" or self.direction == "relative":
            kind = "relative"
        elif self.kind in ("relative", "numbers") or not _agree([*self.lines, line]):
            kind = "relative" if direction == "depth" else "numbers"
        else:
            kind = "names" if direction == "depth" else direction
        line.places(line.offset, kind)  # raises before anything has been moved
        for other in self.lines:
            other.places(other.offset, kind)
        if self.kind and kind != self.kind:
            self._move(kind)
        self.direction, self.kind = direction, kind
        self.lines.append(line)
        return kind

    def label(self) -> None:
        """Write ticks and title, once the last line has been drawn."""
        axis, kind = self.ax.xaxis, self.kind
        self.ax.set_xlabel(TITLES[kind])
        if kind in ("relative", "numbers"):
            if not isinstance(axis.get_major_formatter(), ScalarFormatter):
                axis.reset_ticks()
            whole = kind == "numbers"
            axis.set_major_locator(MaxNLocator(integer=True) if whole else AutoLocator())
            axis.set_major_formatter(ScalarFormatter())
            if not whole:
                ends = [x for p in self.lines for artist in p.artists for x in _range(artist)]
                ends += [0.0, 1.0]
                self.ax.set_xlim(min(ends) - 0.04, max(ends) + 0.04)
            return
        names = {
            float(place): name
            for line in self.lines
            for place, name in zip(line.places(line.offset, kind), line.names, strict=True)
        }
        self.ax.set_xticks(sorted(names))
        axis.set_major_formatter(LayerNames(names))
        for text in self.ax.get_xticklabels():
            text.set(rotation=ANGLE, ha="right", rotation_mode="anchor")

    def _move(self, kind: str) -> None:
        """Move what was drawn to another kind of axis; both kinds are linear in the offset."""
        for line in self.lines:
            old = line.places(np.array([0.0, 1.0]), self.kind)
            new = line.places(np.array([0.0, 1.0]), kind)
            slope = (new[1] - new[0]) / (old[1] - old[0])
            for artist in line.artists:
                if hasattr(artist, "get_paths"):
                    for path in artist.get_paths():
                        path.vertices[:, 0] = new[0] + slope * (path.vertices[:, 0] - old[0])
                    artist.stale = True
                else:
                    moved = np.asarray(artist.get_xdata(), dtype=float) - old[0]
                    artist.set_xdata(new[0] + slope * moved)


class LayerNames(Formatter):
    """Names of layers under their ticks: as many as fit, and each as long as there is room.

    The figure decides when it is drawn, so that names fit after it has been resized.
    """

    def __init__(self, names: dict[float, str]) -> None:
        self.names = names

    def __call__(self, x: float, pos: int | None = None) -> str:
        """Return the name at a place, and nothing elsewhere."""
        return next((name for at, name in self.names.items() if abs(at - x) < 1e-9), "")

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """Return the text of each tick: the output's, and every other, third, ... from there.

        Args:
            values: Positions of the ticks.

        Returns:
            A name or an empty text for each.
        """
        axes = self.axis.axes  # type: ignore[union-attr]
        figure, points = axes.figure, 72.0 / axes.figure.dpi
        size = _font_size(axes)
        room = axes.get_window_extent().width * points / max(len(values), 1)
        needed = 1.15 * size / np.sin(np.radians(ANGLE))
        every = max(1, int(np.ceil(needed / room)), int(np.ceil(len(values) / MOST_NAMES)))
        height = HEIGHT * figure.bbox.height * points
        most = max(8, int(height / (np.sin(np.radians(ANGLE)) * LETTER * size)))
        order = np.argsort(np.argsort(np.abs(values)))  # the output stands at 0
        return [
            shortened(self(value), most) if rank % every == 0 else ""
            for value, rank in zip(values, order, strict=True)
        ]


#: The depth axis of axes that have one, so that displays which share axes complete each other's.
AXES: WeakKeyDictionary[Axes, DepthAxis] = WeakKeyDictionary()


def shortened(name: str, most: int) -> str:
    """Return a name of at most so many letters: a longer one loses its middle."""
    if len(name) <= most:
        return name
    head = (most - 1) // 3
    return f"{name[:head]}…{name[len(name) - (most - 1 - head) :]}"


def _agree(lines: Sequence[Placed]) -> bool:
    """Return whether no two lines name the pair at one distance from the output differently."""
    names: dict[float, str] = {}
    return all(
        names.setdefault(float(at), name) == name
        for line in lines
        for at, name in zip(line.offset, line.names, strict=True)
    )


def _range(artist: Any) -> list[float]:
    if hasattr(artist, "get_paths"):
        return []
    x = np.asarray(artist.get_xdata(), dtype=float)
    return [float(x.min()), float(x.max())] if len(x) else []


def _font_size(axes: Axes) -> float:
    import matplotlib as mpl
    from matplotlib.font_manager import FontProperties

    given = axes.xaxis.get_tick_params(which="major").get("labelsize")
    return FontProperties(size=given or mpl.rcParams["xtick.labelsize"]).get_size_in_points()
