"""The second estimator of `assess`: which one confirms a value, and what it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from mitools._arrays import Part
from mitools._resampling import fitted_p_value, p_value, permuted_estimates
from mitools.base import Estimate, MutualInformationEstimator
from mitools.estimators import EDGE, KSG
from mitools.information import estimate_parts
from mitools.reduction import PCA, Reduced
from mitools.verdict import CrossCheck

__all__ = ["checked_by", "second_estimator"]

#: Permutations of its own null, at most.
PERMUTATIONS = 10

#: Up to this width of a side `Auto` confirms neighbours and cells, which both lose what few of
#: several columns carry. With fewer samples (in a label) most of its views have too few, and what
#: remains is neighbours again.
AUTO, AUTO_SAMPLES = 16, 200

#: From this width of a side on, nearest neighbours are looked for in principal coordinates
#: instead.
WIDE = 8

#: How many principal coordinates the automatic cross-check of wide data keeps.
PRINCIPAL = 4


def second_estimator(
    estimate: Estimate,
    cross_check: MutualInformationEstimator | Literal["auto"] | None,
    width: int,
) -> MutualInformationEstimator | None:
    """Return the estimator that is asked as well: for "auto", one of another kind."""
    if cross_check != "auto":
        return cross_check
    from mitools.estimators.mixed import Mixed  # here: they are slow to import

    discrete = bool(np.isfinite(estimate.entropy))
    fewest = min(part.n_samples for part in estimate.parts.values() or (estimate,))
    views = 1 < width <= AUTO and fewest >= AUTO_SAMPLES
    other = _of_another_kind(estimate.estimator, discrete, views)
    if width <= WIDE or not isinstance(other, KSG | Mixed):
        return other
    return Reduced(other, PCA(PRINCIPAL))


def _of_another_kind(
    estimator: MutualInformationEstimator, discrete: bool, views: bool
) -> MutualInformationEstimator | None:
    if isinstance(estimator, Reduced):  # the same coordinates, seen by the other kind
        inner = _of_another_kind(estimator.estimator, discrete, False)
        return None if inner is None else replace(estimator, estimator=inner)
    if not estimator.comparable:
        return None
    from mitools.estimators.auto import Auto
    from mitools.estimators.mixed import Mixed

    if discrete and isinstance(estimator, EDGE):
        return Mixed()
    if views and isinstance(estimator, EDGE | KSG):
        return Auto()
    return EDGE() if discrete or isinstance(estimator, Auto | KSG) else KSG()


def checked_by(
    second: MutualInformationEstimator | None,
    parts: Sequence[Part],
    n_permutations: int,
    rng: np.random.Generator,
    n_jobs: int | None,
    blocks: int | None,
) -> CrossCheck | None:
    """Return what the second estimator says, beside its own null; None where it cannot answer.

    Args:
        second: The estimator, or None.
        parts: The samples, by label.
        n_permutations: Shuffled pairings asked for; its null only has to be known roughly, so it
            gets at most `PERMUTATIONS`.
        rng: Source of these.
        n_jobs: Workers.
        blocks: How the order of a series is kept.
    """
    if second is None or any(len(part.x) < second.minimum_samples() for part in parts):
        return None
    try:
        estimate = estimate_parts(parts, second, n_jobs)
    except ValueError:  # too few samples for it, as the data themselves have passed
        return None
    shuffles = min(n_permutations, PERMUTATIONS)
    null, _ = permuted_estimates(second, parts, shuffles, rng, n_jobs, blocks)
    return CrossCheck(
        estimate=estimate,
        null_mean=float(null.mean()),
        null_sd=float(null.std(ddof=1)) if len(null) > 1 else 0.0,
        p_value=p_value(null, estimate.value),
        fitted_p_value=fitted_p_value(null, estimate.value),
        n_permutations=shuffles,
    )
