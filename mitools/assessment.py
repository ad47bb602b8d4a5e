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
quarters show (`mitools.evidence.spread`). `benchmarks/intervals.py` measures how often it holds
the truth.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from mitools.estimators.base import MutualInformationEstimator, check_whole
from mitools.estimators.registry import parse_estimator
from mitools.estimators.sample import Sample
from mitools.evidence.doubts import determined, row_doubts
from mitools.evidence.estimate import Estimate
from mitools.evidence.record import Assessment, CrossCheck
from mitools.evidence.spread import Spread
from mitools.evidence.verdict import agree, judge
from mitools.information import as_estimator

__all__ = ["Assessment", "assess"]

#: Permutations of the cross-check's own null, at most: it only has to be known roughly.
SECOND_PERMUTATIONS = 10


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
    groups: Any = None,
) -> Assessment:
    r"""Estimate :math:`I(X; Y)`, or given discrete Z, and say how far to trust it.

    For many pairs at once, ``n_permutations=50, sweep=False`` and a cheap `cross_check` keep it
    short.

    Args:
        x: Samples of X, with shape (n, d_x) or (n,), as in `mutual_information`.
        y: Paired samples of Y, with shape (n, d_y) or (n,).
        given: Discrete labels, with shape (n,). Permutations and subsets stay within them.
        estimator: What is assessed; `KSG()` when not given.
        n_permutations: Permutations of the null. Dependence is claimed at p <= 0.01, or at
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
        blocks: For rows in the order of time, which permutations would destroy. 1 shifts one side
            circularly by a random number of rows; more cut the shifted rows into as many blocks
            and permute these. None assumes independent rows, and warns if neighbours are alike.
        groups: For rows that belong together: the subject or the trial of each row, with shape
            (n,). Whole groups of like size are permuted, row by row, and subsets are of whole
            groups. What subjects have in common beyond chance is dependence; to ask within them,
            pass the subject as `given`.

    Returns:
        The estimate with its evidence and verdict.

    Raises:
        TypeError: For data that are not numbers, or something that is no estimator.
        ValueError: For bad data, too few permutations or halves, or groups too few or too unlike
            in size to be permuted.

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
    sample = Sample.of(x, y, given, blocks, n_jobs, groups)
    prepared = sample.prepare(estimator)
    estimate = prepared.estimate
    second = second_estimator(estimator, estimate, cross_check, max(sample.widths))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the estimate has just said what there is to warn of
        null, null_parts = prepared.null(n_permutations, _stream(seed, 0))
        spread, by_size = _subsets(sample, estimator, estimate, n_halves, seed)
        swept = _swept(sample, estimator) if sweep else {}
        check = _checked_by(second, sample, n_permutations, _stream(seed, 3))
    found = Assessment(
        estimate=estimate,
        permuted=null,
        permuted_parts=null_parts,
        interval=_interval(estimate, spread, check, confidence),
        confidence=confidence,
        spread=spread,
        sweep=swept,
        by_size=by_size,
        cross_check=check,
        determined=_determined(sample, estimate),
        blocks=blocks,
        n_groups=sample.n_groups,
    )
    verdict, reasons = judge(found)
    doubted = row_doubts(sample.parts, blocks, sample.n_groups)
    for doubt in doubted:
        warnings.warn(doubt.sentence, stacklevel=2)
    return replace(
        found,
        verdict=verdict,
        reasons=(*reasons, *(doubt.sentence for doubt in doubted)),
        caveats=tuple(doubt.caveat for doubt in doubted),
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


def _determined(sample: Sample, estimate: Estimate) -> tuple[str, ...]:
    """Return sentences on continuous columns that the other side determines."""
    if np.isfinite(estimate.entropy):
        return ()
    return determined(sample.x, sample.y, *sample.names)


def second_estimator(
    estimator: MutualInformationEstimator,
    estimate: Estimate,
    cross_check: MutualInformationEstimator | Literal["auto"] | None,
    width: int,
) -> MutualInformationEstimator | None:
    """Return the second estimator of an assessment: for "auto", the estimator's counterpart.

    Args:
        estimator: What is assessed.
        estimate: Its estimate.
        cross_check: As in `assess`.
        width: Columns of the wider side.
    """
    if cross_check != "auto":
        return cross_check
    fewest = min(part.n_samples for part in estimate.parts.values() or (estimate,))
    other = estimator.counterpart(bool(np.isfinite(estimate.entropy)), width, fewest)
    if isinstance(other, str):
        other = parse_estimator(other)
    return None if other is None else estimator.around(other)


def _checked_by(
    second: MutualInformationEstimator | None,
    sample: Sample,
    n_permutations: int,
    generator: np.random.Generator,
) -> CrossCheck | None:
    """Return what the second estimator says, beside its own null; None where it cannot answer."""
    if second is None or not sample.accepted_by(second):
        return None
    try:
        prepared = sample.prepare(second)
        estimate = prepared.estimate
    except ValueError:  # too few samples for it, as the data themselves have passed
        return None
    null, _ = prepared.null(min(n_permutations, SECOND_PERMUTATIONS), generator)
    return CrossCheck(estimate, null)


def _subsets(
    sample: Sample,
    estimator: MutualInformationEstimator,
    estimate: Estimate,
    n_halves: int,
    seed: int,
) -> tuple[Spread | None, dict[int, float]]:
    """Return the noise and the bias, and the mean estimate by number of samples."""
    n = estimate.n_samples
    by_size = {n: estimate.value}
    splits = -(-n_halves // 2)
    halves = sample.splits(estimator, 2, splits, _stream(seed, 1))
    if not len(halves):
        return None, by_size
    quarters = sample.splits(estimator, 4, -(-splits // 2), _stream(seed, 2))
    by_size[n // 2] = float(halves.mean())
    if len(quarters):
        by_size[n // 4] = float(quarters.mean())
    rate = estimator.bias_rate(*sample.widths)
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


def _swept(sample: Sample, estimator: MutualInformationEstimator) -> dict[str, float]:
    """Return the values under nearby settings, where the estimator has some."""
    return {
        name: sample.estimate(other).value
        for name, other in estimator.nearby().items()
        if sample.accepted_by(other)
    }
