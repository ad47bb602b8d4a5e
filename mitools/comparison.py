"""Several estimators on one pair of sides, with their nulls: `compare(x, y) -> Comparison`.

Estimators that agree do not prove each other right, but estimators that differ prove at least one
wrong. Each is shown with the mean and the spread of its own permutation null, as a value without
its null says little.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mitools import estimators as known
from mitools.estimators.base import Estimate, MutualInformationEstimator, check_whole
from mitools.estimators.sample import Sample
from mitools.evidence.doubts import headline, row_doubts
from mitools.evidence.null import Null, tail_text
from mitools.evidence.pairings import pairs_text
from mitools.information import as_estimator

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["Compared", "Comparison", "compare"]

#: What is compared unless something else is asked for.
USUAL = ("KSG", "EDGE", "Auto", "GaussianCopula")


@dataclass(frozen=True)
class Compared:
    """One estimator's answer.

    Attributes:
        estimator: The estimator.
        estimate: Its estimate; None if it refused the data.
        null: Its permutation null, in its unit; None beside no estimate.
        seconds: Time for the estimate alone.
        refusal: Why there is no estimate; empty if there is one.
    """

    estimator: MutualInformationEstimator
    estimate: Estimate | None
    null: Null | None = None
    seconds: float = float("nan")
    refusal: str = ""

    @property
    def null_mean(self) -> float:
        """Mean of its permutation null, in its unit."""
        return float("nan") if self.null is None else self.null.mean

    @property
    def null_sd(self) -> float:
        """Standard deviation of that null."""
        return float("nan") if self.null is None else self.null.sd

    @property
    def fitted_p_value(self) -> float:
        """Tail of the law fitted to the null."""
        return float("nan") if self.null is None else self.null.fitted_p_value


@dataclass(frozen=True)
class Comparison:
    """The answers of several estimators to one question; `str` of it is a table.

    Attributes:
        answers: One for each estimator.
        blocks: How the pairs of the nulls kept the order of the rows; None if they did not.
        caveats: What makes the rows other than independent of each other, in a few words.
        n_groups: How many groups of rows were permuted as wholes; None without groups.
    """

    answers: tuple[Compared, ...]
    blocks: int | None = None
    caveats: tuple[str, ...] = ()
    n_groups: int | None = None

    @property
    def _pairs(self) -> str:
        return pairs_text(self.blocks, self.n_groups)

    def __str__(self) -> str:
        width = max(len(str(one.estimator)) for one in self.answers)
        lines = [
            f"{'estimator':<{width}}  {'value':>8}  {'null':>8} +- {'sd':<6}  {'excess':>8}  "
            f"{'ceiling':>8}  fitted tail"
        ]
        if self.caveats:
            lines.insert(0, headline(f"nulls of {self._pairs}", self.caveats))
        return "\n".join([*lines, *(_line(one, width) for one in self.answers)])

    def to_dict(self) -> list[dict[str, Any]]:
        """Return a record for each estimator, ready for JSON."""
        return [
            {
                "estimator": str(one.estimator),
                "refusal": one.refusal or None,
                "blocks": self.blocks,
                "n_groups": self.n_groups,
                "caveats": list(self.caveats),
                **_numbers(one),
                "estimate": None if one.estimate is None else one.estimate.to_dict(),
            }
            for one in self.answers
        ]

    def to_frame(self) -> pd.DataFrame:
        """Return a data frame with a row for each estimator; its unit is in a column."""
        import pandas as pd

        rows = [
            {
                "estimator": str(one.estimator),
                "unit": one.estimator.unit,
                "value": np.nan if one.estimate is None else one.estimate.value,
                "ceiling": np.nan if one.estimate is None else one.estimate.ceiling,
                **_numbers(one),
                "refusal": one.refusal,
                "caveats": "; ".join(self.caveats),
            }
            for one in self.answers
        ]
        return pd.DataFrame(rows)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw each value in nats with its null (mean and two standard deviations).

        Args:
            ax: Where to draw; a new figure when not given.

        Returns:
            The axes.
        """
        if ax is None:
            from matplotlib.figure import Figure

            ax = Figure(
                figsize=(7, 0.5 * len(self.answers) + 1.2), layout="constrained"
            ).subplots()
        shown = [one for one in self.answers if one.estimate and one.estimator.unit == "nats"]
        places = np.arange(len(shown))[::-1]
        ax.errorbar(
            [one.null_mean for one in shown],
            places,
            xerr=[2 * one.null_sd for one in shown],
            fmt="|",
            color="0.6",
            elinewidth=6,
            label=f"{self._pairs}, mean and 2 sd",
        )
        ax.plot([float(one.estimate or 0) for one in shown], places, "o", label="estimate")
        ax.set_yticks(places, [str(one.estimator) for one in shown])
        ax.axvline(0, color="0.8", linewidth=0.8, zorder=0)
        ax.set_xlabel("mutual information (nats)")
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.25), ncols=2, frameon=False)
        return ax


def compare(
    x: Any,
    y: Any,
    *,
    estimators: Sequence[MutualInformationEstimator] | None = None,
    given: Any = None,
    n_permutations: int = 20,
    seed: int = 0,
    n_jobs: int | None = None,
    blocks: int | None = None,
    groups: Any = None,
    progress: Callable[[str], None] | None = None,
) -> Comparison:
    """Estimate I(X; Y) by several estimators, each with its own permutation null.

    Args:
        x: Samples of X, as in `mutual_information`.
        y: Paired samples of Y.
        estimators: What to compare: KSG, EDGE, Auto and GaussianCopula when not given.
        given: Discrete labels to condition on.
        n_permutations: Permutations for each null.
        seed: Seed of the permutations, which are the same for each estimator.
        n_jobs: Workers for labels and permutations, as in `assess`.
        blocks: For rows in the order of time, as in `assess`. None takes rows for independent, and
            warns if neighbours are alike.
        groups: The subject or the trial of each row, as in `assess`.
        progress: Called with each estimator's name before its turn.

    Returns:
        The answers, in the order asked. An estimator that refuses the data says why in its row.

    Raises:
        TypeError: As `mutual_information`.
        ValueError: As `mutual_information`, or for no estimators or permutations.

    Example:
        >>> import numpy as np
        >>> from mitools import EDGE, KSG, compare
        >>> x, y = np.random.default_rng(0).normal(size=(2, 500))
        >>> [bool(abs(one.estimate.value) < 0.1) for one in compare(x, x + y).answers]
        [False, False, False, False]
    """
    check_whole("n_permutations", n_permutations)
    check_whole("seed", seed, 0)
    if estimators is None:
        estimators = [getattr(known, name)() for name in USUAL]
    if not estimators:
        raise ValueError("`estimators` is empty: name at least one.")
    for estimator in estimators:
        as_estimator(estimator)
    sample = Sample.of(x, y, given, blocks, n_jobs, groups)
    doubted = row_doubts(sample.parts, blocks, sample.n_groups)
    for doubt in doubted:
        warnings.warn(doubt.sentence, stacklevel=2)
    answers = []
    for estimator in estimators:
        if progress is not None:
            progress(str(estimator))
        answers.append(_answer(estimator, sample, n_permutations, seed))
    caveats = tuple(doubt.caveat for doubt in doubted)
    return Comparison(tuple(answers), blocks, caveats, sample.n_groups)


def _answer(
    estimator: MutualInformationEstimator, sample: Sample, n_permutations: int, seed: int
) -> Compared:
    start = time.perf_counter()
    try:
        prepared = sample.prepare(estimator)
        estimate = prepared.estimate
    except ValueError as error:  # the data passed the checks, so it is this estimator's own limit
        return Compared(estimator, None, refusal=str(error))
    seconds = time.perf_counter() - start
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the estimate has said it once
        null, _ = prepared.null(n_permutations, np.random.default_rng([seed, 0]))
    return Compared(estimator, estimate, null, seconds)


def _numbers(one: Compared) -> dict[str, Any]:
    names = ("null_mean", "null_sd", "fitted_p_value", "seconds")
    return {name: None if one.refusal else getattr(one, name) for name in names}


def _line(one: Compared, width: int) -> str:
    name = f"{one.estimator!s:<{width}}"
    if one.estimate is None:
        return f"{name}  {one.refusal}"
    unit = "" if one.estimator.unit == "nats" else f"  ({one.estimator.unit}, not nats)"
    ceiling = f"{one.estimate.ceiling:8.3f}" if np.isfinite(one.estimate.ceiling) else "    none"
    return (
        f"{name}  {one.estimate.value:8.3f}  {one.null_mean:8.3f} +- {one.null_sd:<6.3f}  "
        f"{one.estimate.value - one.null_mean:8.3f}  {ceiling}  "
        f"{tail_text(one.fitted_p_value)}{unit}"
    )
