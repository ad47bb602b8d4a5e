"""What an estimate's evidence allows to be said, in words: `Verdict`, and the reasons for it.

Dependence is claimed if p <= 0.01 over the shuffled pairings (or no shuffle came near, where they
are fewer than 99), *and* the tail of the law fitted to them gives the value 0.001 or less. The
first holds whatever the law of the null, but at 100 shuffles it is a false alarm for one in a
hundred independent data sets, too many for whoever assesses every layer of a network. The second
brings that down: of 210,000 shuffled estimates of `KSG` and `EDGE` (widths 1 to 50, n = 60 to
1,000), each judged against the 99 others of its data set, 0.13 % pass both (0.10 % at width 1 and
n = 1,000); of 2,100 true pairings of independent data, 5. The price is that a value must stand
about 3.2 standard deviations above the shuffles, where 2.4 were enough for p <= 0.01.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mitools._interval import Spread
from mitools._resampling import tail_text
from mitools.base import Estimate, amount

__all__ = ["CrossCheck", "Evidence", "Saturation", "Verdict", "claimed", "judge"]

#: Two estimators, or two settings of one, agree when they differ by at most this share of the
#: larger.
AGREEMENT = 0.25

#: Above this share of the ceiling an estimate is bound by the sample size more than by the data.
HALF_CEILING = 0.5

#: A value that still moves by this share when the sample doubles has not converged.
DRIFT = 0.05

#: A usable magnitude is off by at most this share of I, wherever I lies in the interval of this
#: level.
ERROR, ERROR_LEVEL = 0.25, 0.99

#: A rise of this many nats from doubling the sample, or more: functions make it ln 2.
GROWTH = 0.3

#: Level of the noise beside which drift and bias are seen.
NOISE_LEVEL = 0.9

#: With more samples than this alone in their joint cell, a hash estimate counts samples, not
#: dependence.
SINGLETONS = 0.5

#: The level of the permutation test, where the number of permutations can resolve it.
LEVEL = 0.01

#: The level of the tail of the law fitted to the permutations.
FITTED_LEVEL = 0.001

#: Fewer permutations than this cannot reach p = 0.05.
FEWEST_PERMUTATIONS = 19


class Verdict(StrEnum):
    """The three things that can be said about an estimate."""

    INDEPENDENT = "not distinguishable from independence"
    UNRELIABLE = "dependent, magnitude unreliable"
    USABLE = "magnitude usable"


@dataclass(frozen=True)
class Saturation:
    """How full the estimator was. What an estimator does not count is NaN.

    Attributes:
        fraction_of_ceiling: Value / ceiling.
        singleton_fraction: Share of the samples that are alone in their joint cell.
        cells_x: Occupied cells of X.
        cells_y: Occupied cells of Y.
    """

    fraction_of_ceiling: float
    singleton_fraction: float = float("nan")
    cells_x: float = float("nan")
    cells_y: float = float("nan")


@dataclass(frozen=True)
class CrossCheck:
    """The same question put to an estimator of another kind.

    Attributes:
        estimate: Its estimate.
        null_mean: Mean of its own permutation null, in nats.
        null_sd: Standard deviation of that null.
        p_value: (1 + permutations at least as large) / (1 + permutations).
        fitted_p_value: Tail of the law fitted to the permutations.
        n_permutations: How many there were.
    """

    estimate: Estimate
    null_mean: float
    null_sd: float
    p_value: float
    fitted_p_value: float
    n_permutations: int


@dataclass(frozen=True)
class Evidence:
    """All that the verdict rests on, in the estimator's unit.

    Attributes:
        estimate: The estimate judged.
        null_mean: Mean over permutations.
        p_value: Of the permutation test.
        fitted_p_value: Tail of the law fitted to the permutations.
        n_permutations: How many there were.
        saturation: Ceiling and cells.
        spread: Noise and bias, from halves and quarters of the sample; None if there are none.
        cross_check: A second estimator, if one ran.
        sweep: Nearby settings of the estimator, and their values.
        by_size: Mean estimate by number of samples, the full number included.
        determined: Sentences on columns that the other side determines.
    """

    estimate: Estimate
    null_mean: float
    p_value: float
    fitted_p_value: float
    n_permutations: int
    saturation: Saturation
    spread: Spread | None = None
    cross_check: CrossCheck | None = None
    sweep: Mapping[str, float] = field(default_factory=dict)
    by_size: Mapping[int, float] = field(default_factory=dict)
    determined: tuple[str, ...] = ()


def judge(evidence: Evidence) -> tuple[Verdict, tuple[str, ...]]:
    """Return the verdict and its reasons, each a sentence."""
    if not _dependent(evidence):
        return Verdict.INDEPENDENT, tuple(_why_independent(evidence))
    objections = _objections(evidence)
    if objections:
        return Verdict.UNRELIABLE, (_found(evidence), *objections)
    return Verdict.USABLE, (_found(evidence), *_support(evidence))


def _dependent(evidence: Evidence | CrossCheck) -> bool:
    return claimed(evidence.p_value, evidence.fitted_p_value, evidence.n_permutations)


def claimed(p_value: float, fitted_p_value: float, n_permutations: int) -> bool:
    """Return whether the permutations, and the law fitted to them, both leave the value out."""
    level = max(LEVEL, 1.0 / (n_permutations + 1))
    return p_value <= level and fitted_p_value <= FITTED_LEVEL


def _found(evidence: Evidence) -> str:
    excess = evidence.estimate.value - evidence.null_mean
    return (
        f"Dependence is there: it exceeds the mean of {evidence.n_permutations} shuffled pairings "
        f"by {_amount(evidence, excess)}, p = {evidence.p_value:.2g} (fitted tail "
        f"{tail_text(evidence.fitted_p_value)})."
    )


def _why_independent(evidence: Evidence) -> list[str]:
    value, floor = evidence.estimate.value, evidence.null_mean
    as_large = round(evidence.p_value * (evidence.n_permutations + 1)) - 1
    reasons = [
        f"{as_large} of {evidence.n_permutations} shuffled pairings gave at least as much "
        f"(p = {evidence.p_value:.2g}); their mean is {_amount(evidence, floor)}."
    ]
    if as_large == 0:
        reasons.append(
            f"Their spread makes such a value too likely all the same (fitted tail "
            f"{evidence.fitted_p_value:.2g}, and {FITTED_LEVEL:g} is asked for). More samples or "
            "more permutations would decide it."
        )
    if floor > AGREEMENT * abs(value):
        reasons.append(
            f"The null accounts for the value: {_amount(evidence, value)} is what this estimator "
            "returns for data of this size and width without any dependence."
        )
    reasons += _fullness(evidence)
    check = evidence.cross_check
    if check is not None and _dependent(check):
        reasons.append(
            f"{check.estimate.estimator} does tell the data from independence (p = "
            f"{check.p_value:.2g}): the verdict is about {evidence.estimate.estimator}, which "
            "cannot see it."
        )
    return reasons


def _amount(evidence: Evidence, value: float) -> str:
    return amount(value, evidence.estimate.unit)


def _objections(evidence: Evidence) -> list[str]:
    """Return why the magnitude cannot be relied on: one sentence for each test it failed."""
    value = evidence.estimate.value
    objections = [*evidence.determined, *_fullness(evidence)]
    if evidence.null_mean > AGREEMENT * value:
        objections.append(
            f"Shuffled pairings give {_amount(evidence, evidence.null_mean)}, so "
            f"{evidence.null_mean / value:.0%} of the value is there without dependence."
        )
    objections += _disagreements(evidence)
    objections += _moves(evidence)
    if not objections:  # the sum of what each of the others allowed
        objections += _uncertain(evidence)
    if evidence.n_permutations < FEWEST_PERMUTATIONS:
        objections.append(
            f"{evidence.n_permutations} permutations cannot show p below 0.05; use 100 or more."
        )
    return objections


def _fullness(evidence: Evidence) -> list[str]:
    """Say how full the estimator was; that of an entropy is no fault, as it is no limit of n."""
    estimate, full = evidence.estimate, evidence.saturation
    sentences = []
    if not estimate.ceiling_is_entropy:
        if full.fraction_of_ceiling > HALF_CEILING:
            grade = "saturated" if estimate.saturated else "above half its ceiling"
            sentences.append(
                f"The value is {grade}: {full.fraction_of_ceiling:.0%} of "
                f"{_amount(evidence, estimate.ceiling)}, the most that {estimate.n_samples} "
                "samples can give" + (" within their labels." if estimate.parts else ".")
            )
        elif estimate.value > HALF_CEILING * _sample_bound(estimate):
            sentences.append(
                f"The value is above half of {amount(_sample_bound(estimate))}, the logarithm of "
                "the number of samples: no estimator can vouch for so much without assumptions."
            )
    if full.singleton_fraction > SINGLETONS:
        sentences.append(
            f"{full.singleton_fraction:.0%} of the samples are alone in their joint cell "
            f"({full.cells_x:.0f} cells on one side, {full.cells_y:.0f} on the other): such cells "
            "hold no information about the pairing. Use fewer dimensions or more samples."
        )
    return sentences


def _sample_bound(estimate: Estimate) -> float:
    """Return ln n, label-weighted: the order of all that n samples can show (McAllester 2020)."""
    if estimate.unit != "nats":
        return math.inf
    parts = estimate.parts.values() or (estimate,)
    return sum(math.log(part.n_samples) * part.n_samples for part in parts) / estimate.n_samples


def _disagreements(evidence: Evidence) -> list[str]:
    value, check = evidence.estimate.value, evidence.cross_check
    sentences = []
    if check is None and not evidence.estimate.estimator.comparable:
        sentences.append(
            f"{type(evidence.estimate.estimator).__name__} is a quantity of its own, which no "
            "other estimator can confirm: use it to rank or to test."
        )
    elif check is None:
        sentences.append("No second estimator ran, so nothing confirms the magnitude.")
    elif not agree(value, check.estimate.value):
        sentences.append(
            f"{check.estimate.estimator} gives {amount(check.estimate.value)}: the two differ by "
            f"more than {AGREEMENT:.0%}."
        )
    apart = [name for name, other in evidence.sweep.items() if not agree(value, other)]
    if apart:
        shown = ", ".join(f"{name}: {evidence.sweep[name]:.3f}" for name in apart)
        unit = evidence.estimate.unit
        sentences.append(f"It depends on the estimator's settings ({shown} {unit}).")
    return sentences


def _moves(evidence: Evidence) -> list[str]:
    """Say whether the value still drifts as the sample grows, beyond its noise."""
    sizes = sorted(evidence.by_size)
    if len(sizes) < 2:
        return ["There are too few samples to see whether the value settles as they grow."]
    drift = evidence.by_size[sizes[-1]] - evidence.by_size[sizes[-2]]
    value = evidence.estimate.value
    noise = evidence.spread.noise_width(NOISE_LEVEL) if evidence.spread else 0.0
    if abs(drift) <= max(DRIFT * abs(value), noise):
        return []
    way = "rises" if drift > 0 else "falls"
    sentences = [
        f"It still {way} by {_amount(evidence, abs(drift))} from {sizes[-2]} to {sizes[-1]} "
        "samples: it has not settled."
    ]
    continuous = not math.isfinite(evidence.estimate.entropy)
    if drift > GROWTH and continuous and not evidence.determined:
        sentences.append(
            "So it grows where one side is a function of the other, or follows it more finely "
            "than so many samples show: I may be infinite."
        )
    return sentences


def _uncertain(evidence: Evidence) -> list[str]:
    """Say whether I may lie so far from the value that the value is no magnitude of it."""
    value, spread, check = evidence.estimate.value, evidence.spread, evidence.cross_check
    if spread is None:
        return []
    low, high = spread.limits(value, ERROR_LEVEL)
    if check is not None:
        low, high = min(low, check.estimate.value), max(high, check.estimate.value)
    if value <= (1 + ERROR) * low and value >= (1 - ERROR) * high:
        return []
    return [
        f"Noise ({spread.noise:.3f} {evidence.estimate.unit}), bias (perhaps "
        f"{spread.bias:+.3f}) and the second estimator leave I anywhere from {low:.3f} to "
        f"{high:.3f} {evidence.estimate.unit} ({ERROR_LEVEL:.0%}): the value may be off by more "
        f"than {ERROR:.0%}. More samples narrow it."
    ]


def _support(evidence: Evidence) -> list[str]:
    check, sentences = evidence.cross_check, []
    if check is not None:
        if math.isclose(evidence.estimate.value, check.estimate.value, rel_tol=1e-9):
            # `Auto` settled on this very estimator
            sentences.append(f"{check.estimate.estimator} finds no view that sees more.")
        else:
            sentences.append(
                f"{check.estimate.estimator} agrees within {AGREEMENT:.0%}: "
                f"{amount(check.estimate.value)}."
            )
    estimate = evidence.estimate
    if estimate.ceiling_is_entropy:
        share = f"{estimate.value / estimate.ceiling:.0%} of the entropy of the discrete side"
    else:
        bound = min(estimate.ceiling, _sample_bound(estimate))
        share = f"{estimate.value / bound:.0%} of what so many samples can show"
    sentences.append(
        f"It is {share}, and does not move with "
        + ("the estimator's settings or " if evidence.sweep else "")
        + f"the number of samples by more than its noise or {DRIFT:.0%}."
    )
    if estimate.ceiling_is_entropy and estimate.saturated:
        sentences.append("The other side all but determines it.")
    spread = evidence.spread
    if spread is not None and abs(spread.bias) > spread.noise_width(NOISE_LEVEL):
        sentences.append(
            "Bias: by its way from a quarter to a half of the samples it may still "
            f"{'fall short of' if spread.bias < 0 else 'exceed'} I by "
            f"{_amount(evidence, abs(spread.bias))}; the interval allows for it."
        )
    return sentences


def agree(one: float, other: float) -> bool:
    """Return whether two magnitudes differ by at most a quarter of the larger."""
    return abs(one - other) <= AGREEMENT * max(abs(one), abs(other))
