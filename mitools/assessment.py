r"""How far an estimate can be trusted: `assess(x, y, given=..., estimator=...) -> Assessment`.

An estimate of mutual information can be wrong in ways that its value does not show. Hash
estimators return the same 6 bits for independent and for identical wide layers; every estimator is
bound by the logarithm of the sample size (McAllester and Stratos 2020); and deterministic maps
have infinite information, which any finite sample turns into a number near that bound. So `assess`
asks, in order:

1. *Is there any dependence?* Pairs are permuted within labels. The p value is
   :math:`(1 + \#\{null \ge observed\}) / (1 + B)`, never 0; the tail of a law fitted to the
   permutations must leave the value out as well, so that false alarms are about one in a
   thousand data sets.
2. *How much of the value is there without dependence?* Excess = value - mean of the null.
3. *Can the value say how much?* Ceiling, occupied cells, other settings of the same estimator,
   fewer samples, and a second estimator of another kind must all leave it where it is.

The interval is one of I: noise from half-samples, and an allowance for the bias that halves and
quarters show (`mitools._interval`). `benchmarks/intervals.py` measures how often it holds the
truth.
"""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mitools import _display
from mitools._arrays import Part, paired_samples, split_by_label
from mitools._determined import column_names, determined
from mitools._interval import Spread
from mitools._parallel import n_workers
from mitools._resampling import (
    fitted_p_value,
    p_value,
    permuted_estimates,
    split_estimates,
)
from mitools._second import checked_by, second_estimator
from mitools._series import check_blocks, doubts
from mitools.base import Estimate, Matrix, MutualInformationEstimator, check_whole
from mitools.estimators import EDGE, KSG
from mitools.estimators.released import ReleasedEDGE
from mitools.information import as_estimator, estimate_parts
from mitools.reduction import Reduced
from mitools.verdict import CrossCheck, Evidence, Saturation, Verdict, agree, judge

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Assessment", "assess"]


@dataclass(frozen=True, repr=False)
class Assessment:
    """An estimate with the evidence for and against it; nats unless named otherwise.

    Attributes:
        estimate: The estimate.
        null: Estimates of pairs permuted within labels, with shape (n_permutations,).
        null_parts: The same for each label (empty without labels).
        p_value: (1 + permutations at least as large) / (1 + permutations); never 0.
        fitted_p_value: Tail of a law fitted to the permutations, which may fall far below that.
        interval: Where I lies, from noise and an allowance for bias; NaN where the labels have too
            few samples to be halved.
        confidence: Its confidence level.
        spread: The noise and the bias that it is made of; None where there is no interval.
        saturation: How full the estimator was.
        sweep: Values under nearby settings, by setting, such as ``{"k=2": 0.35, "k=8": 0.33}``.
        by_size: Mean estimate by number of samples: a quarter, a half, all.
        cross_check: A second estimator's answer, with its own null; None if there was none.
        verdict: What can be said, as a `Verdict` (a string).
        reasons: Why, in sentences.
        blocks: How the pairings kept the order of the rows; None if they did not.
    """

    estimate: Estimate
    null: Matrix = field(compare=False)
    null_parts: Mapping[Hashable, Matrix] = field(compare=False)
    p_value: float
    fitted_p_value: float
    interval: tuple[float, float]
    confidence: float
    spread: Spread | None
    saturation: Saturation
    sweep: Mapping[str, float]
    by_size: Mapping[int, float]
    cross_check: CrossCheck | None
    verdict: Verdict
    reasons: tuple[str, ...]
    blocks: int | None = None

    @property
    def value(self) -> float:
        """The estimate, in nats."""
        return self.estimate.value

    @property
    def unit(self) -> str:
        """What the values are in: "nats", but for estimators of something else."""
        return self.estimate.unit

    @property
    def bits(self) -> float:
        """The estimate, in bits."""
        return self.estimate.bits

    @property
    def null_mean(self) -> float:
        """Mean of the permutation null: what this estimator returns without any dependence."""
        return float(self.null.mean())

    @property
    def null_sd(self) -> float:
        """Standard deviation of the permutation null (0 for a single permutation)."""
        return float(self.null.std(ddof=1)) if len(self.null) > 1 else 0.0

    @property
    def excess(self) -> float:
        """The value minus the mean of the null."""
        return self.value - self.null_mean

    @property
    def headroom(self) -> float:
        """Where the value lies between the null's mean (0) and the ceiling (1)."""
        room = self.estimate.ceiling - self.null_mean
        return self.excess / room if room > 0 else float("nan")

    def summary(self) -> str:
        """Return a few lines in nats and bits, the verdict first, the reasons last."""
        return _display.summary(self)

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        bits = f" = {self.bits:.3f} bits" if self.unit == "nats" else ""
        return (
            f"Assessment({self.value:.3f} {self.unit}{bits}, null {self.null_mean:.3f} "
            f"+- {self.null_sd:.3f}, p={self.p_value:.2g}: {self.verdict})"
        )

    def _repr_html_(self) -> str:
        return _display.html(self)

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers and text, ready for JSON; what is not a number becomes None."""
        return _display.to_dict(self)

    def to_frame(self) -> pd.DataFrame:
        """Return a data frame with a row for the whole (label "all") and one for each label."""
        return _display.to_frame(self)


def assess(
    x: Any,
    y: Any,
    *,
    given: Any = None,
    estimator: MutualInformationEstimator | None = None,
    n_permutations: int = 100,
    cross_check: MutualInformationEstimator | Literal["auto"] | None = "auto",
    n_halves: int = 40,
    sweep: bool = True,
    confidence: float = 0.9,
    seed: int = 0,
    n_jobs: int | None = None,
    blocks: int | None = None,
) -> Assessment:
    r"""Estimate :math:`I(X; Y)`, or given discrete Z, and say how far to trust it.

    For many pairs at once, ``n_permutations=50, sweep=False`` and a cheap `cross_check` keep it
    short.

    Args:
        x: Samples of X, with shape (n, d_x) or (n,), as in `mutual_information`.
        y: Paired samples of Y, with shape (n, d_y) or (n,).
        given: Discrete labels, with shape (n,). Permutations and subsets stay within them.
        estimator: What is assessed; `KSG()` when not given.
        n_permutations: Shuffled pairings of the null. Dependence is claimed at p <= 0.01, or at
            the smallest p that so few permutations can reach, if the law fitted to them agrees
            (p <= 0.001).
        cross_check: A second estimator. "auto" takes one of another kind: for KSG and EDGE each
            the other, but Auto where a side has 2 to 16 columns (and each label 200 samples);
            EDGE for Auto and for labels, Mixed for EDGE on discrete sides, and KSG for all others
            (on 4 principal coordinates when a side is wider than 8). None runs none, and then no
            magnitude is called usable.
        n_halves: Half-samples drawn for the interval, in pairs that make up the sample, and as
            many quarters of it for the bias; at least 2.
        sweep: Whether to repeat the estimate under nearby settings.
        confidence: Level of the interval, between 0 and 1.
        seed: Seed of permutations and subsets. The same input, settings and seed give the same
            bits.
        n_jobs: Workers for labels, permutations and subsets: a number, or -1 for one per
            processor. They are threads; within ``joblib.parallel_config(backend="loky")``,
            processes. Their number changes no bit. None uses none, and leaves numpy's threads as
            they are.
        blocks: For rows in the order of time, which shuffling would destroy. 1 turns one side in a
            circle by a random number of rows; more cut the turned rows into as many runs and
            permute these. None takes rows for independent, and warns if neighbours are alike.

    Returns:
        The estimate with its evidence and verdict.

    Raises:
        TypeError: For data that are not numbers, or something that is no estimator.
        ValueError: For bad data, or too few permutations or halves.

    Example:
        >>> import numpy as np
        >>> from mitools import assess
        >>> rng = np.random.default_rng(0)
        >>> assess(rng.normal(size=300), rng.normal(size=300), sweep=False).verdict.value
        'not distinguishable from independence'
    """
    estimator = as_estimator(estimator)
    _check_settings(n_permutations, n_halves, confidence, cross_check)
    check_whole("seed", seed, 0)
    n_workers(n_jobs)
    frames = x, y
    x, y = paired_samples(x, y, given=given)
    names = [column_names(*each) for each in zip(frames, (x.shape[1], y.shape[1]), strict=True)]
    parts = split_by_label(x, y, given)
    check_blocks(blocks, parts)
    estimate = estimate_parts(parts, estimator, n_jobs)
    second = second_estimator(estimate, cross_check, max(x.shape[1], y.shape[1]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the estimate has just said what there is to warn of
        null, null_parts = permuted_estimates(
            estimator, parts, n_permutations, _stream(seed, 0), n_jobs, blocks
        )
        spread, by_size = _subsets(estimate, parts, n_halves, seed, n_jobs, blocks)
        swept = _sweep(estimator, parts, n_jobs) if sweep else {}
        check = checked_by(second, parts, n_permutations, _stream(seed, 3), n_jobs, blocks)
    evidence = Evidence(
        estimate=estimate,
        null_mean=float(null.mean()),
        p_value=p_value(null, estimate.value),
        fitted_p_value=fitted_p_value(null, estimate.value),
        n_permutations=n_permutations,
        saturation=_saturation(estimate),
        spread=spread,
        cross_check=check,
        sweep=swept,
        by_size=by_size,
        determined=() if np.isfinite(estimate.entropy) else determined(x, y, *names),
    )
    verdict, reasons = judge(evidence)
    for doubt in doubts(parts, blocks):
        warnings.warn(doubt, stacklevel=2)
        reasons = (*reasons, doubt)
    return Assessment(
        estimate=estimate,
        null=null,
        null_parts={} if given is None else null_parts,
        p_value=evidence.p_value,
        fitted_p_value=evidence.fitted_p_value,
        interval=_interval(estimate, spread, check, confidence),
        confidence=confidence,
        spread=spread,
        saturation=evidence.saturation,
        sweep=swept,
        by_size=by_size,
        cross_check=check,
        verdict=verdict,
        reasons=reasons,
        blocks=blocks,
    )


def _check_settings(
    n_permutations: object, n_halves: object, confidence: Any, cross_check: object
) -> None:
    check_whole("n_permutations", n_permutations)
    check_whole("n_halves", n_halves, 2)
    if not isinstance(confidence, int | float | np.number):
        raise ValueError(f"`confidence` must be a number between 0 and 1, got {confidence!r}.")
    if not 0 < confidence < 1:
        raise ValueError(f"`confidence` must lie between 0 and 1, got {confidence}.")
    known = cross_check is None or isinstance(cross_check, MutualInformationEstimator)
    if not known and cross_check != "auto":
        raise TypeError(
            f'`cross_check` must be "auto", None or an estimator such as EDGE(), got '
            f"{cross_check!r}."
        )
    if isinstance(cross_check, MutualInformationEstimator) and not cross_check.comparable:
        raise ValueError(
            f"`cross_check` is {cross_check}, which measures something of its own and confirms no "
            'value of another estimator. Take KSG() or EDGE(), or leave it to "auto".'
        )


def _stream(seed: int, purpose: int) -> np.random.Generator:
    """Return a generator for each purpose, so that changing one leaves the others alone."""
    return np.random.default_rng([seed, purpose])


def _saturation(estimate: Estimate) -> Saturation:
    ceiling = estimate.ceiling
    return Saturation(
        fraction_of_ceiling=estimate.value / ceiling if 0 < ceiling < np.inf else 0.0,
        **{
            name: float(estimate.stats.get(name, np.nan))
            for name in ("singleton_fraction", "cells_x", "cells_y")
        },
    )


def _subsets(
    estimate: Estimate,
    parts: Sequence[Part],
    n_halves: int,
    seed: int,
    n_jobs: int | None,
    blocks: int | None,
) -> tuple[Spread | None, dict[int, float]]:
    """Return the noise and the bias, and the mean estimate by number of samples."""
    n, estimator = estimate.n_samples, estimate.estimator
    by_size = {n: estimate.value}
    splits = -(-n_halves // 2)
    halves = split_estimates(estimator, parts, 2, splits, _stream(seed, 1), n_jobs, blocks)
    if not len(halves):
        return None, by_size
    quarters = split_estimates(
        estimator, parts, 4, -(-splits // 2), _stream(seed, 2), n_jobs, blocks
    )
    by_size[n // 2] = float(halves.mean())
    if len(quarters):
        by_size[n // 4] = float(quarters.mean())
    rate = estimator._bias_rate(parts[0].x.shape[1], parts[0].y.shape[1])
    return Spread.of(halves, quarters, rate), dict(sorted(by_size.items()))


def _interval(
    estimate: Estimate, spread: Spread | None, check: CrossCheck | None, confidence: float
) -> tuple[float, float]:
    if spread is None:
        return float("nan"), float("nan")
    second = None if check is None else check.estimate.value
    if second is not None and not agree(estimate.value, second):
        second = None
    return spread.limits(estimate.value, confidence, second)


def _sweep(
    estimator: MutualInformationEstimator, parts: Sequence[Part], n_jobs: int | None
) -> dict[str, float]:
    """Return the values under half and twice the estimator's main setting, where it has one."""
    return {
        name: estimate_parts(parts, other, n_jobs).value
        for name, other in _nearby(estimator).items()
        if all(len(part.x) >= other.minimum_samples() for part in parts)
    }


def _nearby(estimator: MutualInformationEstimator) -> dict[str, MutualInformationEstimator]:
    """Return the estimator with half and twice its main setting, by a name for each."""
    if isinstance(estimator, Reduced):
        inner = _nearby(estimator.estimator)
        return {name: replace(estimator, estimator=other) for name, other in inner.items()}
    if isinstance(estimator, KSG):
        halved, doubled = max(1, estimator.k // 2), 2 * estimator.k
        return {f"k={k}": replace(estimator, k=k) for k in (halved, doubled) if k != estimator.k}
    if isinstance(estimator, EDGE):  # the occupancy of a cell is what sets its bandwidth
        low, high = estimator.occupancies
        pairs = (((low + 1) // 2, (high + 1) // 2), (2 * low, 2 * high))
        return {f"occupancies={pair}": replace(estimator, occupancies=pair) for pair in pairs}
    if isinstance(estimator, ReleasedEDGE):
        gammas = (estimator.gamma / 2, estimator.gamma * 2)
        return {f"gamma={gamma:g}": replace(estimator, gamma=gamma) for gamma in gammas}
    return {}
