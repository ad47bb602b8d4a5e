"""The verdict on an estimate and its reasons, in words, from the evidence for and against it."""

from __future__ import annotations

import math

from mitools.evidence.estimate import Estimate, amount
from mitools.evidence.null import FITTED_LEVEL, tail_text
from mitools.evidence.pairings import pairs_text
from mitools.evidence.record import Assessment, Verdict

__all__ = ["agree", "judge"]

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

#: Fewer permutations than this cannot reach p = 0.05.
FEWEST_PERMUTATIONS = 19


def judge(assessment: Assessment) -> tuple[Verdict, tuple[str, ...]]:
    """Return the verdict and its reasons, each a sentence."""
    if not assessment.permuted.claims:
        return Verdict.INDEPENDENT, tuple(_why_independent(assessment))
    objections = _objections(assessment)
    if objections:
        return Verdict.UNRELIABLE, (_found(assessment), *objections)
    return Verdict.USABLE, (_found(assessment), *_support(assessment))


def _found(assessment: Assessment) -> str:
    null = assessment.permuted
    return (
        f"There is dependence: the value exceeds the mean of {len(null)} {_pairs(assessment)} by "
        f"{_amount(assessment, null.excess)}, p = {null.p_value:.2g} (fitted tail "
        f"{tail_text(null.fitted_p_value)})."
    )


def _why_independent(assessment: Assessment) -> list[str]:
    value, floor = assessment.estimate.value, assessment.null_mean
    as_large = round(assessment.p_value * (assessment.n_permutations + 1)) - 1
    reasons = [
        f"{as_large} of {assessment.n_permutations} {_pairs(assessment)} gave at least as "
        f"much (p = {assessment.p_value:.2g}); their mean is {_amount(assessment, floor)}."
    ]
    if as_large == 0:
        reasons.append(
            f"Their spread makes such a value too likely without dependence (fitted tail "
            f"{assessment.fitted_p_value:.2g}; a claim needs at most {FITTED_LEVEL:g}). More "
            "samples or more permutations would decide."
        )
    if floor > AGREEMENT * abs(value):
        reasons.append(
            f"The null accounts for the value: {_amount(assessment, value)} is what this "
            "estimator returns for data of this size and width without any dependence."
        )
    reasons += _fullness(assessment)
    check = assessment.cross_check
    if check is not None and check.null.claims:
        reasons.append(
            f"{check.estimate.estimator} does find dependence (p = {check.p_value:.2g}): the "
            f"verdict is about {assessment.estimate.estimator}, which does not see it."
        )
    return reasons


def _pairs(assessment: Assessment) -> str:
    return pairs_text(assessment.blocks, assessment.n_groups)


def _amount(assessment: Assessment, value: float) -> str:
    return amount(value, assessment.estimate.unit)


def _objections(assessment: Assessment) -> list[str]:
    """Return why the magnitude cannot be relied on: one sentence for each test it failed."""
    value = assessment.estimate.value
    objections = [*assessment.determined, *_fullness(assessment)]
    if assessment.null_mean > AGREEMENT * value:
        objections.append(
            f"{_pairs(assessment).capitalize()} give "
            f"{_amount(assessment, assessment.null_mean)}, so "
            f"{assessment.null_mean / value:.0%} of the value is there without dependence."
        )
    objections += _disagreements(assessment)
    objections += _moves(assessment)
    if not objections:  # errors that each passed may be too large together
        objections += _uncertain(assessment)
    if assessment.n_permutations < FEWEST_PERMUTATIONS:
        objections.append(
            f"{assessment.n_permutations} permutations cannot show p below 0.05; use 100 or more."
        )
    return objections


def _fullness(assessment: Assessment) -> list[str]:
    """Return sentences on a value near its ceiling, and on samples alone in their cells.

    A value near the entropy of a discrete side is no objection: that ceiling comes from the data,
    and not from the number of samples.
    """
    estimate, full = assessment.estimate, assessment.saturation
    sentences = []
    if not estimate.ceiling_is_entropy:
        if full.fraction_of_ceiling > HALF_CEILING:
            grade = "saturated" if estimate.saturated else "above half its ceiling"
            sentences.append(
                f"The value is {grade}: {full.fraction_of_ceiling:.0%} of "
                f"{_amount(assessment, estimate.ceiling)}, the most that {estimate.n_samples} "
                "samples can give" + (" within their labels." if estimate.parts else ".")
            )
        elif estimate.value > HALF_CEILING * _sample_bound(estimate):
            sentences.append(
                f"The value is above half of {amount(_sample_bound(estimate))}, the logarithm of "
                "the number of samples: without assumptions, no estimator can guarantee so much."
            )
    if full.singleton_fraction > SINGLETONS:
        sentences.append(
            f"{full.singleton_fraction:.0%} of the samples are alone in their joint cell "
            f"({full.cells_x:.0f} cells on one side, {full.cells_y:.0f} on the other): such cells "
            "hold no information about the pairing. Use fewer dimensions or more samples."
        )
    return sentences


def _sample_bound(estimate: Estimate) -> float:
    """Return ln n, label-weighted: about the most that n samples show (McAllester 2020)."""
    if estimate.unit != "nats":
        return math.inf
    parts = estimate.parts.values() or (estimate,)
    return sum(math.log(part.n_samples) * part.n_samples for part in parts) / estimate.n_samples


def _disagreements(assessment: Assessment) -> list[str]:
    value, check = assessment.estimate.value, assessment.cross_check
    sentences = []
    if check is None and not assessment.estimate.estimator.comparable:
        sentences.append(
            f"{type(assessment.estimate.estimator).__name__} estimates another quantity than "
            "I(X; Y), so no other estimator can confirm its value: use it to rank or to test."
        )
    elif check is None:
        sentences.append("No second estimator ran, so nothing confirms the magnitude.")
    elif not agree(value, check.estimate.value):
        sentences.append(
            f"{check.estimate.estimator} gives {amount(check.estimate.value)}: the two differ by "
            f"more than {AGREEMENT:.0%}."
        )
    apart = [name for name, other in assessment.sweep.items() if not agree(value, other)]
    if apart:
        shown = ", ".join(f"{name}: {assessment.sweep[name]:.3f}" for name in apart)
        unit = assessment.estimate.unit
        sentences.append(f"The value depends on the estimator's settings ({shown} {unit}).")
    return sentences


def _moves(assessment: Assessment) -> list[str]:
    """Return sentences on a value that changes with the sample size by more than its noise."""
    sizes = sorted(assessment.by_size)
    if len(sizes) < 2:
        return ["There are too few samples to see whether the value settles as more are added."]
    drift = assessment.by_size[sizes[-1]] - assessment.by_size[sizes[-2]]
    value = assessment.estimate.value
    noise = assessment.spread.noise_width(NOISE_LEVEL) if assessment.spread else 0.0
    if abs(drift) <= max(DRIFT * abs(value), noise):
        return []
    way = "rises" if drift > 0 else "falls"
    sentences = [
        f"The value still {way} by {_amount(assessment, abs(drift))} from {sizes[-2]} to "
        f"{sizes[-1]} samples: it has not settled."
    ]
    continuous = not math.isfinite(assessment.estimate.entropy)
    if drift > GROWTH and continuous and not assessment.determined:
        sentences.append(
            "A value grows like this where one side is a function of the other, or so nearly that "
            "these samples do not show the difference: I may be infinite."
        )
    return sentences


def _uncertain(assessment: Assessment) -> list[str]:
    """Return a sentence where I may lie too far from the value for it to be a magnitude."""
    value, spread, check = assessment.estimate.value, assessment.spread, assessment.cross_check
    if spread is None:
        return []
    low, high = spread.limits(value, ERROR_LEVEL)
    if check is not None:
        low, high = min(low, check.estimate.value), max(high, check.estimate.value)
    if value <= (1 + ERROR) * low and value >= (1 - ERROR) * high:
        return []
    return [
        f"By its noise ({spread.noise:.3f} {assessment.estimate.unit}), its bias (perhaps "
        f"{spread.bias:+.3f}) and the second estimator, I may lie anywhere from {low:.3f} to "
        f"{high:.3f} {assessment.estimate.unit} ({ERROR_LEVEL:.0%}): the value may be off by more "
        f"than {ERROR:.0%}. More samples narrow this range."
    ]


def _support(assessment: Assessment) -> list[str]:
    check, sentences = assessment.cross_check, []
    if check is not None:
        if math.isclose(assessment.estimate.value, check.estimate.value, rel_tol=1e-9):
            # `Auto` picked this very estimator
            sentences.append(f"{check.estimate.estimator} finds no estimator that sees more.")
        else:
            sentences.append(
                f"{check.estimate.estimator} agrees within {AGREEMENT:.0%}: "
                f"{amount(check.estimate.value)}."
            )
    estimate = assessment.estimate
    if estimate.ceiling_is_entropy:
        share = f"{estimate.value / estimate.ceiling:.0%} of the entropy of the discrete side"
    else:
        bound = min(estimate.ceiling, _sample_bound(estimate))
        share = f"{estimate.value / bound:.0%} of what so many samples can show"
    sentences.append(
        f"The value is {share}. It does not change with the number of samples by more than its "
        f"noise or {DRIFT:.0%}"
        + (f", nor with the estimator's settings by {AGREEMENT:.0%}." if assessment.sweep else ".")
    )
    if estimate.ceiling_is_entropy and estimate.saturated:
        sentences.append("The other side nearly determines the discrete side.")
    spread = assessment.spread
    if spread is not None and abs(spread.bias) > spread.noise_width(NOISE_LEVEL):
        sentences.append(
            "Bias: by its change from a quarter to a half of the samples, it may still "
            f"{'fall short of' if spread.bias < 0 else 'exceed'} I by "
            f"{_amount(assessment, abs(spread.bias))}; the interval allows for this."
        )
    return sentences


def agree(one: float, other: float) -> bool:
    """Return whether two magnitudes differ by at most a quarter of the larger.

    Args:
        one: A magnitude.
        other: Another one, in the same unit.
    """
    return abs(one - other) <= AGREEMENT * max(abs(one), abs(other))
