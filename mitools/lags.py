r"""Mutual information of two series against the lag between them: `lagged_information(x, y)`.

At lag l, :math:`x_t` is paired with :math:`y_{t + l}`: at positive lags x comes first. Each lag
has a null of its own, by circular shifts of one side (`mitools.evidence.pairings`). A shift that
is no longer than the range of the lags may meet the coupling that is looked for, at another lag,
so the shifts are longer, up to a quarter of the rows.

P values are adjusted for the number of lags as those of `information_matrix` are for its pairs
(Benjamini and Hochberg 1995), which also holds for lags that share much (Benjamini and Yekutieli
2001, positive dependence).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mitools.engines.workers.parallel import in_parallel, n_workers
from mitools.estimators.base import Matrix, MutualInformationEstimator, check_whole
from mitools.estimators.sample import Sample
from mitools.evidence.doubts import headline, repeated
from mitools.evidence.estimate import amount
from mitools.evidence.null import Null, adjusted, tail_text
from mitools.evidence.pairings import pairs_text
from mitools.information import as_estimator
from mitools.samples.arrays import paired_samples

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["LaggedInformation", "lagged_information"]

#: Largest adjusted p value, the expected share of false ones among the lags called dependent.
FALSE_SHARE = 0.05


@dataclass(frozen=True, eq=False)
class LaggedInformation:
    """Mutual information against lag, in the estimator's unit, with the evidence for each lag.

    Attributes:
        lags: The lags in rows, ascending, with shape (m,): x of a row with y that many rows later.
        values: I at each lag, with shape (m,).
        nulls: The null of each lag.
        adjusted_p_values: P values, adjusted for the number of lags.
        dependent: Whether the null of a lag claims dependence, as in `assess`, and the adjusted p
            value is at most 0.05.
        n_samples: How many pairs of rows each lag has.
        estimator: The estimator.
        blocks: How many blocks the shifted rows were cut into.
        caveats: What makes the rows other than independent of each other, in a few words.
    """

    lags: NDArray[np.int64]
    values: Matrix
    nulls: tuple[Null, ...]
    adjusted_p_values: Matrix
    dependent: NDArray[np.bool_]
    n_samples: NDArray[np.int64]
    estimator: MutualInformationEstimator
    blocks: int = 1
    caveats: tuple[str, ...] = ()

    @property
    def null_means(self) -> Matrix:
        """Mean of each lag's null."""
        return np.array([null.mean for null in self.nulls])

    @property
    def null_sds(self) -> Matrix:
        """Standard deviation of each lag's null."""
        return np.array([null.sd for null in self.nulls])

    @property
    def p_values(self) -> Matrix:
        """(1 + shifted values at least as large) / (1 + shifts), at each lag."""
        return np.array([null.p_value for null in self.nulls])

    @property
    def fitted_p_values(self) -> Matrix:
        """Tail of the law fitted to the null, at each lag."""
        return np.array([null.fitted_p_value for null in self.nulls])

    @property
    def peak(self) -> int:
        """The lag whose value exceeds the mean of its null the most."""
        return int(self.lags[np.argmax(self.values - self.null_means)])

    @property
    def headline(self) -> str:
        """How many lags are dependent and, if any, the caveats that undo it."""
        found = int(self.dependent.sum())
        claim = f"{found} of {len(self.lags)} lags dependent"
        return headline(claim, self.caveats if found else ())

    def __repr__(self) -> str:
        return f"LaggedInformation({self.headline}, peak at lag {self.peak})"

    def __str__(self) -> str:
        return self.summary()

    def summary(self) -> str:
        """Return a few lines: how many lags are dependent, the peak, and the null."""
        at = int(np.flatnonzero(self.lags == self.peak)[0])
        unit, first = self.estimator.unit, "x" if self.peak > 0 else "y"
        order = f" ({first} comes first)" if self.peak else ""
        null = self.nulls[at]
        return "\n".join(
            [
                f"I at lags {self.lags[0]} to {self.lags[-1]}: {self.headline}",
                f"  estimator   {self.estimator}, n = {self.n_samples.min()} or more",
                f"  peak        lag {self.peak}{order}: {amount(self.values[at], unit)}, adjusted "
                f"p = {tail_text(self.adjusted_p_values[at])}",
                f"  null        {null.mean:.3f} +- {null.sd:.3f} {unit} over {len(null)} "
                f"{pairs_text(self.blocks)}, there",
            ]
        )

    def to_frame(self) -> pd.DataFrame:
        """Return a data frame with a row for each lag, in ascending order."""
        import pandas as pd

        unit = self.estimator.unit
        return pd.DataFrame(
            {
                "lag": self.lags,
                unit: self.values,
                f"null_mean_{unit}": self.null_means,
                f"null_sd_{unit}": self.null_sds,
                "p_value": self.p_values,
                "fitted_p_value": self.fitted_p_values,
                "adjusted_p_value": self.adjusted_p_values,
                "dependent": self.dependent,
                "n_samples": self.n_samples,
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers and text, ready for JSON."""
        return {
            "headline": self.headline,
            "estimator": str(self.estimator),
            "unit": self.estimator.unit,
            "peak": self.peak,
            "blocks": self.blocks,
            "caveats": list(self.caveats),
            "lags": self.to_frame().to_dict("records"),
        }

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw I against lag, above the mean and two standard deviations of the null.

        Args:
            ax: Where to draw; a new figure when not given.

        Returns:
            The axes drawn on.
        """
        if ax is None:
            from matplotlib.figure import Figure

            ax = Figure(figsize=(7, 3.5), layout="constrained").subplots()
        mean, width = self.null_means, 2 * self.null_sds
        ax.fill_between(
            self.lags,
            mean - width,
            mean + width,
            color="0.85",
            label=f"{pairs_text(self.blocks)}, mean and 2 sd",
        )
        ax.plot(self.lags, self.values, "-", color="C0", linewidth=1)
        for marked, fill, label in (
            (self.dependent, "C0", "dependent"),
            (~self.dependent, "white", "no dependence claimed"),
        ):
            ax.plot(self.lags[marked], self.values[marked], "o", color="C0", mfc=fill, label=label)
        ax.set_xlabel("lag (rows): x comes first where it is positive")
        ax.set_ylabel(f"mutual information ({self.estimator.unit})")
        ax.set_title(self.headline, fontsize="small")
        ax.legend(frameon=False, fontsize="small")
        return ax


def lagged_information(
    x: Any,
    y: Any,
    *,
    lags: int | str | Iterable[int] = 20,
    estimator: MutualInformationEstimator | None = None,
    n_permutations: int = 100,
    blocks: int = 1,
    seed: int = 0,
    n_jobs: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> LaggedInformation:
    """Estimate I of x and a later or an earlier y, for each lag, with p values for series.

    Args:
        x: Samples of X in the order of time, as in `mutual_information`.
        y: Paired samples of Y.
        lags: The lags in rows, such as ``range(-5, 6)``; a number L for -L to L; or text, as
            "-20:20" (both ends included), "-20:20:5" with a step, or "0,1,2".
        estimator: `KSG()` when not given.
        n_permutations: Shifted pairs of each lag's null.
        blocks: 1 shifts one side circularly; more cut the shifted rows into as many blocks and
            permute these.
        seed: Seed of the shifts.
        n_jobs: Workers for the lags, as in `information_matrix`.
        progress: Called with the lags done and the lags in all.

    Returns:
        The values against lag.

    Raises:
        TypeError: As `mutual_information`.
        ValueError: As `mutual_information`, or for lags that are no whole numbers, occur twice or
            leave fewer than half of the rows.

    Example:
        >>> import numpy as np
        >>> news = np.random.default_rng(0).normal(size=503)
        >>> later = news[:-3] + np.random.default_rng(1).normal(size=500)  # of three rows before
        >>> lagged_information(news[3:], later, lags=5)
        LaggedInformation(1 of 11 lags dependent, peak at lag 3)
    """
    check_whole("n_permutations", n_permutations, 3)
    check_whole("seed", seed, 0)
    check_whole("blocks", blocks)
    n_workers(n_jobs)
    chosen = as_estimator(estimator)
    left, right = paired_samples(x, y)
    wanted = _lags(lags, len(left))
    span = int(wanted[-1] - wanted[0]) + 1
    doubt = repeated(left, right)
    if doubt is not None:
        warnings.warn(doubt.sentence, stacklevel=2)

    def estimated(lag: int) -> Null:
        n = len(left) - abs(lag)
        first, second = max(0, -lag), max(0, lag)
        pair = Sample.of_pair(left[first : first + n], right[second : second + n], blocks)
        sample = replace(pair, least_shift=min(span, n // 4))
        prepared = sample.prepare(chosen, f" at lag {lag}")
        rng = np.random.default_rng([seed, int(lag < 0), abs(lag)])
        return prepared.null(n_permutations, rng)[0]

    def told(done: int) -> None:
        if progress is not None:
            progress(done, len(wanted))

    nulls = in_parallel(estimated, wanted.tolist(), n_jobs, told)
    p = adjusted(nulls)
    return LaggedInformation(
        lags=wanted,
        values=np.array([null.observed for null in nulls]),
        nulls=tuple(nulls),
        adjusted_p_values=p,
        dependent=np.array([null.claims for null in nulls]) & (p <= FALSE_SHARE),
        n_samples=len(left) - np.abs(wanted),
        estimator=chosen,
        blocks=blocks,
        caveats=() if doubt is None else (doubt.caveat,),
    )


def _lags(lags: int | str | Iterable[int], n: int) -> NDArray[np.int64]:
    """Return the lags, ascending, checked against the number of rows."""
    if isinstance(lags, str):
        lags = _parsed(lags)
    if isinstance(lags, int | np.integer):
        check_whole("lags", lags, 0)
        lags = range(-int(lags), int(lags) + 1)
    try:
        given = np.asarray(list(lags))
    except TypeError:
        raise ValueError(f"`lags` must be a number or several, got {lags!r}.") from None
    if not given.size or given.ndim != 1 or given.dtype.kind not in "iu":
        raise ValueError(f"`lags` must be whole numbers, such as range(-5, 6), got {lags!r}.")
    found = np.unique(given).astype(np.int64)
    if len(found) < len(given):
        raise ValueError(f"`lags` must differ from each other, got {given.tolist()}.")
    longest = int(found[np.argmax(np.abs(found))])
    if 2 * abs(longest) > n:
        raise ValueError(
            f"`lags` must leave half of the rows or more, got lag {longest} for {n} rows."
        )
    return found


def _parsed(text: str) -> list[int]:
    """Return the lags of "-20:20", both ends included, of "-20:20:5", or of "0,1,2"."""
    try:
        numbers = [int(item) for item in text.split(":" if ":" in text else ",")]
        if ":" not in text:
            return numbers
        first, last, step = (*numbers, 1) if len(numbers) == 2 else numbers
        if step < 1 or last < first:
            raise ValueError
    except ValueError:
        raise ValueError(
            f'`lags` must be as "-20:20", "-20:20:5" or "0,1,2", got {text!r}.'
        ) from None
    return list(range(first, last + 1, step))
