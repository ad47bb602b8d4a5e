"""The display of rho against depth: computed once, drawn any number of times, on any axes.

It follows matplotlib's rcParams, takes the keywords of `matplotlib.axes.Axes.plot`, and neither
shows a window nor changes a global setting. What it reads of profiles and results are their
attributes: it knows nothing of how they are measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mitools import Verdict
from mitools.samples.messages import unknown
from robustsplit.drawing.artists import draw_ceiling, draw_null, draw_spread
from robustsplit.drawing.depth_axis import DepthAxis, Direction, Placed
from robustsplit.drawing.measures import (
    FIELDS,
    MEASURES,
    column,
    further,
    further_names,
    places_of,
    rho_of_rows,
)
from robustsplit.drawing.styles import line_style, merged, paper
from robustsplit.units import UNITS, Unit, per_nat

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["RhoDepthComparison", "RhoDepthDisplay"]

Spread = Literal["band", "bars", "none"]
Vector = NDArray[np.float64]

SPREADS = ("band", "bars", "none")


@dataclass
class RhoDepthDisplay:
    """Rho of consecutive layers against depth, with its null and its ceiling. All values in nats.

    Make one with `from_result`, `from_profile` or `from_frame`, and call `plot`; given axes or
    keywords of a line, they draw at once. `from_profiles` shows several networks.

    Attributes:
        label: What the legend calls it.
        children: The later layer of each pair, input side first, with shape (p,).
        offset: Position of each pair, counted from the output: 0 for the pair that ends in the
            logits.
        rho: The estimates, with shape (p,).
        low: Least value over the trials, or lower end of the half-sampling interval.
        high: Largest value, or upper end.
        null_mean: What independent pairs give.
        null_sd: Standard deviation of that.
        ceiling: The largest value the estimator could have returned.
        independent: Where the verdict is "not distinguishable from independence": drawn hollow.
        released: What the published code's estimator gives.
        released_null: What it gives on shuffled pairs.
        spread: What `low` and `high` are, in words.
        has_cut: Whether the first pair joins f_a to f_b.
        depth: Number of pairs in the whole network; 0 if it is not known.
        more: Columns of further `MEASURES`, by name.
        ax_: The axes, after `plot`.
        figure_: Their figure.
        line_: The line of the values.
        lines_: The same in a list, as other displays have it.
    """

    label: str
    children: tuple[str, ...]
    offset: Vector
    rho: Vector
    low: Vector
    high: Vector
    null_mean: Vector
    null_sd: Vector
    ceiling: Vector
    independent: NDArray[np.bool_]
    released: Vector
    released_null: Vector
    spread: str
    has_cut: bool = False
    depth: int = 0
    more: Mapping[str, Vector] = field(default_factory=dict, repr=False)
    ax_: Any = field(default=None, repr=False)
    figure_: Any = field(default=None, repr=False)
    line_: Any = field(default=None, repr=False)
    lines_: list[Any] = field(default_factory=list, repr=False)

    @classmethod
    def from_profile(
        cls, profile: Any, *, label: str = "network", ax: Axes | None = None, **keywords: Any
    ) -> RhoDepthDisplay:
        """Show one network's profile; the band is the half-sampling interval.

        Args:
            profile: A `robustsplit.Profile`.
            label: What the legend calls it.
            ax: Where to draw at once.
            **keywords: Of `plot`; given any, it draws at once, on axes of a new figure if need be.

        Returns:
            The display, in nats.

        Raises:
            ValueError: For a profile without pairs, and as `plot`.
        """
        if not len(profile.pairs):
            raise ValueError("The profile has no layer pairs: there is nothing to draw.")
        low, high = np.array([pair.interval for pair in profile.pairs], dtype=float).T
        display = cls(
            label=label,
            **places_of(profile.pairs),
            low=low,
            high=high,
            rho=column([profile.pairs], "rho"),
            **{name: column([profile.pairs], name) for name in FIELDS},
            more=further([profile.pairs]),
            spread="half-sampling interval",
            depth=int(max(pair.offset for pair in profile.pairs)) + 1,
        )
        return display._drawn(ax, keywords)

    @classmethod
    def from_profiles(
        cls, profiles: Mapping[str, Any], *, ax: Axes | None = None, **keywords: Any
    ) -> RhoDepthComparison:
        """Show several networks on the same axes.

        Networks with the same layers stand over the names of these layers. Others share a
        relative depth, from 0 at the first pair to 1 at the output.

        Args:
            profiles: A `robustsplit.Profile` or `robustsplit.RhoResult` for each name.
            ax: Where to draw at once.
            **keywords: Of `plot`, for each line; given any, it draws at once.

        Returns:
            The displays as one.

        Raises:
            ValueError: When there is nothing to draw, and as `plot`.
        """
        if not profiles:
            raise ValueError("`profiles` is empty: give at least one name and its profile.")
        parts = tuple(
            cls.from_result(each, label=name)
            if hasattr(each, "trials")
            else cls.from_profile(each, label=name)
            for name, each in profiles.items()
        )
        shown = RhoDepthComparison(parts)
        return shown.plot(ax, **keywords) if ax is not None or keywords else shown

    @classmethod
    def from_result(
        cls, result: Any, *, label: str = "", ax: Axes | None = None, **keywords: Any
    ) -> RhoDepthDisplay:
        """Show Algorithm 1's rho for one cut: a line for its value, a band for its spread.

        The line is the least value over the converged trials, the band the range of all trials.
        Without a converged trial the line is the mean over all trials, and the label says so.

        Args:
            result: A `robustsplit.RhoResult`.
            label: What the legend calls it; the cut's name by default.
            ax: Where to draw at once.
            **keywords: Of `plot`; given any, it draws at once, on axes of a new figure if need be.

        Returns:
            The display, in nats.

        Raises:
            ValueError: As `plot`.
        """
        trials = [trial.profile.pairs for trial in result.trials]
        values = np.array([[pair.rho for pair in pairs] for pairs in trials])
        converged = result.n_converged > 0
        chosen = result.rho("min_converged" if converged else "mean").to_numpy(dtype=float)
        display = cls(
            label=(label or result.cut) + ("" if converged else " (no trial converged: mean)"),
            **places_of(trials[0]),
            rho=chosen,
            low=values.min(axis=0),
            high=values.max(axis=0),
            **{name: column(trials, name) for name in FIELDS},
            more=further(trials),
            spread=f"range over {len(trials)} trials",
            has_cut=True,
            depth=len(result.f_a) + len(result.f_b) - 1,
        )
        return display._drawn(ax, keywords)

    @classmethod
    def from_frame(
        cls, frame: pd.DataFrame, *, label: str = "rho", ax: Axes | None = None, **keywords: Any
    ) -> RhoDepthDisplay:
        """Show one cut or network of `rho.csv`.

        Args:
            frame: Its rows, as `robustsplit.report.rho_csv.read_rho_csv` returns them.
            label: What the legend calls it.
            ax: Where to draw at once.
            **keywords: Of `plot`; given any, it draws at once, on axes of a new figure if need be.

        Returns:
            The display, in nats.

        Raises:
            ValueError: As `plot`.
        """
        rows = frame[frame["label"] == "all"]
        groups = [group for _, group in rows.groupby(["parent", "child"], sort=False)]

        def mean(name: str) -> Vector:
            known = name in rows.columns
            return np.array([g[name].mean() if known else np.nan for g in groups], dtype=float)

        n_trials = rows["trial"].nunique() if "trial" in rows.columns else 1
        trials = n_trials > 1
        low, high = (mean("interval_low_nats"), mean("interval_high_nats"))
        has_cut, offset = "trial" in rows.columns, mean("offset")
        columns: dict[str, Any] = {
            name: mean(f"{name}_nats") for name in FIELDS if name != "independent"
        }
        display = cls(
            label=label,
            children=tuple(group["child"].iloc[0] for group in groups),
            offset=offset,
            rho=rho_of_rows(rows, groups),
            low=np.array([g["rho_nats"].min() for g in groups]) if trials else low,
            high=np.array([g["rho_nats"].max() for g in groups]) if trials else high,
            **columns,
            independent=np.array(
                [bool((g["verdict"] == Verdict.INDEPENDENT).all()) for g in groups]
            ),
            more={name: mean(written) for name, written in further_names().items()},
            spread=f"range over {n_trials} trials" if trials else "half-sampling interval",
            has_cut=has_cut,
            depth=0 if has_cut else int(offset.max()) + 1,
        )
        return display._drawn(ax, keywords)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        quantity: str = "rho",
        unit: Unit = "bits",
        x: Direction = "depth",
        ceiling: bool = True,
        spread: Spread = "band",
        **line_kw: Any,
    ) -> RhoDepthDisplay:
        """Draw on `ax`, or on axes of a new figure; several displays may share axes.

        Displays of the same layers stand over their names. As soon as one with other layers joins
        them, all share the relative depth.

        Args:
            ax: Where to draw.
            quantity: "rho", "released" for the published code's estimator with its own null, or
                another of `MEASURES`.
            unit: "bits" or "nats".
            x: "depth", from input to output; "from_output", as the paper's figures; or
                "relative", from 0 at the first pair to 1 at the output.
            ceiling: Whether to draw the ceiling, where the quantity has one.
            spread: The range over trials or the interval as a "band", as "bars", or "none".
            **line_kw: Of `matplotlib.axes.Axes.plot` for the line, such as ``color="k"``,
                ``lw=1`` or ``label="ours"``; they come before the package's colours and markers.

        Returns:
            This display, with `ax_`, `figure_`, `line_` and `lines_` set.

        Raises:
            ValueError: For another quantity, unit, axis or spread, and for axes whose lines run
                in the other direction.
        """
        for name, value, known in (
            ("quantity", quantity, MEASURES),
            ("unit", unit, UNITS),
            ("spread", spread, SPREADS),
        ):
            if value not in known:
                raise ValueError(unknown(name, value, known))
        if ax is None:
            import matplotlib.pyplot as plt

            _, ax = plt.subplots(layout="constrained")
        measure = MEASURES[quantity]
        scale = per_nat(unit) if measure.information else 1.0
        axis = DepthAxis.of(ax)
        line = Placed(self.offset, self.children, self.depth)
        style = merged(
            {"label": self.label, **line_style(len(axis.lines))},
            line_kw,
        )
        kind = axis.join(line, x)
        at = line.places(self.offset, kind)
        order = np.argsort(at)
        at = at[order]

        def values(name: str) -> Vector:
            return self._values(name)[order] * scale

        before = [*ax.lines, *ax.collections]
        colour = style["color"]
        if measure.null:
            sd = values(measure.null_sd) if measure.null_sd else None
            name = measure.null.replace("_", " ")
            draw_null(ax, at, values(measure.null), sd, name=name, colour=colour)
        if measure.low and spread != "none":
            low, high = values(measure.low), values(measure.high)
            draw_spread(ax, at, low, high, how=spread, colour=colour)
        if ceiling and measure.ceiling:
            draw_ceiling(ax, at, values(measure.ceiling))
        shown = values(quantity)
        (self.line_,) = ax.plot(at, shown, gid="rho", **style)
        hollow = self.independent[order]
        if quantity == "rho" and hollow.any():
            ax.plot(
                at[hollow], shown[hollow], ls="", gid="independent", zorder=3,
                marker=self.line_.get_marker(), ms=self.line_.get_markersize(),
                mfc=paper(ax), mec=self.line_.get_color(),
            )  # fmt: skip
        if self.has_cut:
            edge = float(line.places(np.array([self.offset.max() + 0.5]), kind)[0])
            ax.axvline(edge, color=colour, ls="-.", lw=0.8, gid="cut")
        line.artists += [
            item
            for item in [*ax.lines, *ax.collections]
            if item not in before and not str(item.get_gid()).startswith("legend ")
        ]
        axis.label()
        ax.set_ylabel(measure.axis + (f" [{unit}]" if measure.information else ""))
        self.ax_, self.figure_, self.lines_ = ax, ax.figure, [self.line_]
        return self

    def describe(self, unit: Unit = "bits") -> str:
        """Describe in words what the figure shows, for readers who cannot see it.

        Args:
            unit: "bits" or "nats".

        Returns:
            One sentence: each layer pair with its rho and its null.

        Raises:
            ValueError: For another unit.
        """
        scale = per_nat(unit)
        parts = [
            f"{child} {value * scale:.2f} (null {null * scale:.2f})"
            for child, value, null in zip(self.children, self.rho, self.null_mean, strict=True)
        ]
        return f"{self.label}, in {unit}: " + ", ".join(parts)

    def _values(self, name: str) -> Vector:
        missing = np.full(len(self.children), np.nan)
        found = self.more[name] if name in self.more else getattr(self, name, missing)
        return np.asarray(found, dtype=float)

    def _drawn(self, ax: Axes | None, keywords: Mapping[str, Any]) -> RhoDepthDisplay:
        return self.plot(ax, **keywords) if ax is not None or keywords else self


@dataclass
class RhoDepthComparison(Sequence[RhoDepthDisplay]):
    """Several displays drawn as one, on the same axes.

    Attributes:
        parts: The displays, in the order in which they are drawn.
        ax_: The axes, after `plot`.
        figure_: Their figure.
        lines_: The line of each display.
    """

    parts: tuple[RhoDepthDisplay, ...]
    ax_: Any = field(default=None, repr=False)
    figure_: Any = field(default=None, repr=False)
    lines_: list[Any] = field(default_factory=list, repr=False)

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, index: Any) -> Any:
        return self.parts[index]

    def plot(self, ax: Axes | None = None, **keywords: Any) -> RhoDepthComparison:
        """Draw every display on `ax`, or on axes of a new figure.

        Args:
            ax: Where to draw.
            **keywords: Of `RhoDepthDisplay.plot`, for each line.

        Returns:
            This comparison, with `ax_`, `figure_` and `lines_` set.

        Raises:
            ValueError: As `RhoDepthDisplay.plot`.
        """
        for display in self.parts:
            ax = display.plot(ax, **keywords).ax_
        self.ax_, self.figure_ = ax, self.parts[0].figure_
        self.lines_ = [display.line_ for display in self.parts]
        return self
