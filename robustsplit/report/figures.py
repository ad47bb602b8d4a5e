"""Figures: rho against depth, with its null and its ceiling, and the accuracies of each cut.

A `RhoDepthDisplay` is computed once and drawn any number of times, on any axes, next to others.
Positions count from the output, so networks and cuts line up. Nothing here shows a window or
changes rcParams.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mitools import Verdict
from mitools.samples.messages import unknown
from robustsplit.results import PairRecord, Profile, RhoResult, least_of_converged
from robustsplit.units import UNITS, Unit, per_nat

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["RhoDepthDisplay", "draw_accuracies", "draw_depth", "render"]

Quantity = Literal["rho", "released"]
Vector = NDArray[np.float64]

#: Okabe and Ito's colours, safe for colour-blind readers; markers differ as well.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
GREY = "#767676"
#: More tick labels than this overlap at the usual size; then only every other (third, ...) is
#: written.
TICKS = 16
#: The tick labels given to axes so far, so that displays which share axes complete each other's.
NAMED: WeakKeyDictionary[Axes, dict[float, str]] = WeakKeyDictionary()


@dataclass
class RhoDepthDisplay:
    """Rho of consecutive layers against depth, with its null and its ceiling. All values in nats.

    Make one with `from_result`, `from_profile` or `from_frame`, and call `plot`.

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
        ax_: The axes, after `plot`.
        figure_: Their figure.
        line_: The line of rho.
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
    ax_: Any = field(default=None, repr=False)
    figure_: Any = field(default=None, repr=False)
    line_: Any = field(default=None, repr=False)

    @classmethod
    def from_profile(cls, profile: Profile, *, label: str = "network") -> RhoDepthDisplay:
        """Show one network's profile; the band is the half-sampling interval.

        Args:
            profile: The profile.
            label: What the legend calls it.

        Returns:
            The display, in nats.
        """
        low, high = np.array([pair.interval for pair in profile.pairs], dtype=float).T
        values = {name: _column([profile.pairs], name) for name in ("rho", *COMPARED)}
        return cls(
            label=label,
            **_where(profile.pairs),
            low=low,
            high=high,
            **values,
            spread="half-sampling interval",
        )

    @classmethod
    def from_result(cls, result: RhoResult, *, label: str = "") -> RhoDepthDisplay:
        """Show Algorithm 1's rho for one cut: a line for its value, a band for its spread.

        The line is the least value over the converged trials, the band the range of all trials.
        Without a converged trial the line is the mean over all trials, and the label says so.

        Args:
            result: What Algorithm 1 measured.
            label: What the legend calls it; the cut's name by default.

        Returns:
            The display, in nats.
        """
        trials = [trial.profile.pairs for trial in result.trials]
        values = np.array([[pair.rho for pair in pairs] for pairs in trials])
        converged = result.n_converged > 0
        chosen = result.rho("min_converged" if converged else "mean").to_numpy(dtype=float)
        return cls(
            label=(label or result.cut) + ("" if converged else " (no trial converged: mean)"),
            **_where(trials[0]),
            rho=chosen,
            low=values.min(axis=0),
            high=values.max(axis=0),
            **{name: _column(trials, name) for name in COMPARED},
            spread=f"range over {len(trials)} trials",
            has_cut=True,
        )

    @classmethod
    def from_frame(cls, frame: pd.DataFrame, *, label: str = "rho") -> RhoDepthDisplay:
        """Show one cut or network of `rho.csv`.

        Args:
            frame: Its rows, as `robustsplit.report.rho_csv.read_rho_csv` returns them.
            label: What the legend calls it.

        Returns:
            The display, in nats.
        """
        rows = frame[frame["label"] == "all"]
        groups = [group for _, group in rows.groupby(["parent", "child"], sort=False)]

        def mean(name: str) -> Vector:
            known = name in rows.columns
            return np.array([g[name].mean() if known else np.nan for g in groups], dtype=float)

        n_trials = rows["trial"].nunique() if "trial" in rows.columns else 1
        trials = n_trials > 1
        low, high = (mean("interval_low_nats"), mean("interval_high_nats"))
        return cls(
            label=label,
            children=tuple(group["child"].iloc[0] for group in groups),
            offset=mean("offset"),
            rho=_rho_of_rows(rows, groups),
            low=np.array([g["rho_nats"].min() for g in groups]) if trials else low,
            high=np.array([g["rho_nats"].max() for g in groups]) if trials else high,
            **{name: mean(f"{name}_nats") for name in COMPARED if name != "independent"},
            independent=np.array(
                [bool((g["verdict"] == Verdict.INDEPENDENT).all()) for g in groups]
            ),
            spread=f"range over {n_trials} trials" if trials else "half-sampling interval",
            has_cut="trial" in rows.columns,
        )

    def plot(
        self,
        ax: Axes | None = None,
        *,
        quantity: Quantity = "rho",
        unit: Unit = "bits",
        x: Literal["depth", "from_output"] = "depth",
        ceiling: bool = True,
    ) -> RhoDepthDisplay:
        """Draw on `ax`, or on axes of a new figure; several displays may share axes.

        Args:
            ax: Where to draw.
            quantity: "rho", or "released" for the published code's estimator with its own null.
            unit: "bits" or "nats".
            x: "depth", from input to output, or "from_output", as the paper's figures.
            ceiling: Whether to draw the ceiling (of "rho" only).

        Returns:
            This display, with `ax_`, `figure_` and `line_` set.

        Raises:
            ValueError: For another quantity, unit or axis.
        """
        for name, value, known in (
            ("quantity", quantity, ("rho", "released")),
            ("unit", unit, UNITS),
            ("x axis", x, ("depth", "from_output")),
        ):
            if value not in known:
                raise ValueError(unknown(name, value, known))
        if ax is None:
            import matplotlib.pyplot as plt

            _, ax = plt.subplots(figsize=(7, 4), layout="constrained")
        scale = per_nat(unit)
        order = np.argsort(self.offset if x == "from_output" else -self.offset)
        at = (self.offset if x == "from_output" else -self.offset)[order]
        drawn = sum(line.get_gid() == "rho" for line in ax.lines)
        colour, marker = COLOURS[drawn % len(COLOURS)], MARKERS[drawn % len(MARKERS)]

        def values(name: str) -> Vector:
            return np.asarray(getattr(self, name), dtype=float)[order] * scale

        if quantity == "rho":
            mean, sd = values("null_mean"), values("null_sd")
            _once(ax, "null", "null: permuted pairs, mean ± 2 sd")
            ax.fill_between(
                at, mean - 2 * sd, mean + 2 * sd, color=GREY, alpha=0.3, lw=0, gid="null"
            )
            ax.fill_between(
                at, values("low"), values("high"), color=colour, alpha=0.18, lw=0, gid="band"
            )
            if ceiling:
                _once(ax, "ceiling", "ceiling: largest value possible with so many samples")
                ax.plot(at, values("ceiling"), ls=":", lw=1.4, color="black", gid="ceiling")
        else:
            _once(ax, "released null", "published estimator on permuted pairs (its null)")
            ax.plot(
                at,
                values("released_null"),
                ls="--",
                lw=1.2,
                color=colour,
                alpha=0.8,
                gid="released null",
            )
        shown = values(quantity)
        (self.line_,) = ax.plot(
            at, shown, color=colour, marker=marker, ms=6, lw=1.8, label=self.label, gid="rho"
        )
        if quantity == "rho" and self.independent[order].any():
            hollow = self.independent[order]
            ax.plot(
                at[hollow], shown[hollow], ls="", marker=marker, ms=6, mfc="white", mec=colour,
                gid="independent", zorder=3,
            )  # fmt: skip
        if self.has_cut:
            edge = self.offset.max() + 0.5
            ax.axvline(
                edge if x == "from_output" else -edge, color=colour, ls="-.", lw=1, gid="cut"
            )
        _ticks(ax, dict(zip(at, np.asarray(self.children)[order], strict=True)))
        ax.set_xlabel(
            "child layer of the pair" + (", counted from the output" if x != "depth" else "")
        )
        ax.set_ylabel(f"I(parent; child | label)  [{unit}]")
        self.ax_, self.figure_ = ax, ax.figure
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


#: Columns drawn beside rho, and averaged over trials.
COMPARED = ("null_mean", "null_sd", "ceiling", "independent", "released", "released_null")


def draw_depth(
    displays: Sequence[RhoDepthDisplay],
    *,
    unit: Unit = "bits",
    x: Literal["depth", "from_output"] = "depth",
    title: str = "",
) -> Figure:
    """Return the figure of a study: our estimates left, the published estimator's right.

    Args:
        displays: What to draw, each in a colour and with a marker of its own.
        unit: "bits" or "nats".
        x: As in `RhoDepthDisplay.plot`.
        title: Of the figure.

    Returns:
        A figure that belongs to no window. The right panel is there only when the published code's
        estimator was computed; it shows whether its values differ from those of shuffled pairs.
    """
    from matplotlib.figure import Figure

    compare = any(np.isfinite(display.released).any() for display in displays)
    figure = Figure(figsize=(12 if compare else 7.5, 5.2), layout="constrained")
    left = figure.add_subplot(1, 2 if compare else 1, 1)
    for display in displays:
        display.plot(left, unit=unit, x=x)
    left.set_title("This package: rho, its null, its ceiling", fontsize=11)
    if compare:
        right = figure.add_subplot(1, 2, 2, sharex=left)
        for display in displays:
            display.plot(right, quantity="released", unit=unit, x=x)
        right.set_title("The published code's estimator, and its null (dashed)", fontsize=11)
        right.set_ylim(bottom=min(0.0, right.get_ylim()[0]))
    handles, labels = left.get_legend_handles_labels()
    if any(line.get_gid() == "independent" for line in left.lines):
        from matplotlib.lines import Line2D

        handles.append(Line2D([], [], ls="", marker="o", mfc="white", mec=GREY))
        labels.append(f"hollow: {Verdict.INDEPENDENT}")
    if any(display.has_cut for display in displays):
        from matplotlib.lines import Line2D

        handles.append(Line2D([], [], ls="-.", lw=1, color=GREY))
        labels.append("cut between f_a* and f_b, in the colour of its line")
    figure.legend(
        handles, labels, loc="outside lower center", ncols=2, fontsize=8.5, frameon=False
    )
    if title:
        figure.suptitle(title, fontsize=12)
    return figure


def draw_accuracies(results: Sequence[RhoResult]) -> Figure:
    """Return a figure of Acc*, Acc_sr and Acc~ for each cut, with Wilson's 95 % intervals."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.6), layout="constrained")
    ax = figure.add_subplot()
    kinds = (
        ("robust network (Acc*)", lambda r: r.acc_star),
        ("semirobust, f_b as it was (Acc_sr)", lambda r: r.acc_sr),
        ("semirobust, f_b retrained (Acc~)", lambda r: r.acc_tilde),
        ("regular network", lambda r: r.attacked.get("regular")),
    )
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
    ax.set_xticks(range(len(results)), [result.cut for result in results])
    ax.set_xlim(-0.6, len(results) - 0.4)
    ax.set_ylim(-3, 103)
    ax.set_ylabel("accuracy under the attack [%]")
    figure.legend(loc="outside lower center", ncols=2, fontsize=8.5, frameon=False)
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

    buffer = BytesIO()
    undated: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind, {})
    with mpl.rc_context({"svg.hashsalt": "robustsplit"}):  # restored on leaving
        figure.savefig(buffer, format=kind, dpi=dpi, metadata=undated)
    return buffer.getvalue()


def _rho_of_rows(rows: pd.DataFrame, groups: Sequence[pd.DataFrame]) -> Vector:
    """Return rho of each pair from its rows of `rho.csv`: the paper's reading, or the mean."""
    if "converged" in rows.columns:
        trials = rows.drop_duplicates("trial").set_index("trial")
        met = trials["converged"].astype(str).str.lower().eq("true")
        if met.any():
            each = [g.groupby("trial")["rho_nats"].min().reindex(met.index) for g in groups]
            values = np.array(each, dtype=float).T
            return values[least_of_converged(values, met.to_numpy()), np.arange(len(groups))]
    return np.array([group["rho_nats"].mean() for group in groups], dtype=float)


def _where(pairs: Sequence[PairRecord]) -> dict[str, Any]:
    return {
        "children": tuple(pair.child for pair in pairs),
        "offset": np.array([pair.offset for pair in pairs], dtype=float),
    }


def _column(profiles: Iterable[Sequence[PairRecord]], name: str) -> Any:
    """Average one column over the trials; a pair is independent when it is so in every trial."""
    profiles = list(profiles)
    if name == "independent":
        flags = [[pair.verdict == Verdict.INDEPENDENT for pair in pairs] for pairs in profiles]
        return np.array(flags, dtype=bool).all(axis=0)
    return np.array([[getattr(p, name) for p in pairs] for pairs in profiles], dtype=float).mean(0)


def _once(ax: Axes, gid: str, label: str) -> None:
    """Put one entry for `gid` into the legend, however many displays draw one."""
    if any(handle.get_gid() == f"legend {gid}" for handle in [*ax.lines, *ax.collections]):
        return
    if gid == "null":
        ax.fill_between([], [], color=GREY, alpha=0.3, lw=0, label=label, gid=f"legend {gid}")
    else:
        style = {"ceiling": (":", "black"), "released null": ("--", GREY)}[gid]
        ax.plot([], [], ls=style[0], lw=1.4, color=style[1], label=label, gid=f"legend {gid}")


def _ticks(ax: Axes, names: dict[float, str]) -> None:
    """Name the pairs by their child layer, keeping the names other displays put there."""
    names = NAMED.setdefault(ax, {}) | names
    NAMED[ax] = names
    every = max(1, int(np.ceil(len(names) / TICKS)))
    places = sorted(names)
    labels = [names[at] if index % every == 0 else "" for index, at in enumerate(reversed(places))]
    ax.set_xticks(places, list(reversed(labels)), rotation=35, ha="right", fontsize=9)
