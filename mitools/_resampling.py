r"""Re-paired and thinned samples, within labels: what `assess` compares an estimate with.

The p value of a permutation test, :math:`(1 + \#\{null \ge value\}) / (1 + B)`, cannot fall below
1 / (1 + B). How far beyond all B permutations a value lies is told by a law fitted to them: the
larger of the tails of Student's t for one further draw,
:math:`z = (value - \bar b) / (s \sqrt{1 + 1/B})` with B - 1 degrees of freedom, and of the shifted
gamma law (Pearson's type III) with the skewness g of the permutations, :math:`P(G > a + z
\sqrt{a})` with :math:`a = 4 / g^2` (Winkler et al., "Faster permutation inference in brain
imaging", NeuroImage 2016, section 2.6).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
from scipy.special import gammaincc, stdtr

from mitools._arrays import Part
from mitools.base import Matrix, MutualInformationEstimator

__all__ = ["fitted_p_value", "p_value", "permuted_estimates", "tail_text", "thinned_estimates"]

#: Permutation indices made at a time: 100 permutations of a million rows would take 800 MB.
INDICES = 8_000_000

#: Below this skewness the gamma law is the normal law, whose tail Student's t is above.
LEAST_SKEWNESS = 0.01

#: Fitted p values below this are not shown.
SMALLEST = 1e-6


def permuted_estimates(
    estimator: MutualInformationEstimator,
    parts: Sequence[Part],
    n_permutations: int,
    generator: np.random.Generator,
) -> tuple[Matrix, Mapping[Hashable, Matrix]]:
    """Return the estimates after re-pairing at random within labels.

    Args:
        estimator: What estimates.
        parts: The samples by label.
        n_permutations: How many times to re-pair.
        generator: The source of the permutations.

    Returns:
        The label-weighted estimates, with shape (n_permutations,), and those of each label.
    """
    by_label = {}
    for part in parts:
        n = len(part.x)
        at_once = max(1, min(n_permutations, INDICES // n))
        batches = []
        for start in range(0, n_permutations, at_once):
            rows = np.tile(np.arange(n), (min(at_once, n_permutations - start), 1))
            orders = generator.permuted(rows, axis=1)
            batches.append(estimator._permuted(part.x, part.y, orders))
        by_label[part.label] = np.concatenate(batches)
    total = sum((part.share * by_label[part.label] for part in parts), np.zeros(n_permutations))
    return total, by_label


def p_value(null: Matrix, value: float) -> float:
    """Return (1 + permutations at least as large) / (1 + permutations); never 0."""
    return float((1 + (null >= value - _rounding(value)).sum()) / (1 + len(null)))


def fitted_p_value(null: Matrix, value: float) -> float:
    """Return how likely a value as large is under the law fitted to the permutations.

    Args:
        null: The permuted estimates, with shape (B,).
        value: The estimate.

    Returns:
        The larger of the two tails above; 1 for fewer than three permutations, which show no law.
        Where the permutations are all equal, 0 for a value above them and 1 for any other.
    """
    if len(null) < 3:
        return 1.0
    above, sd = value - float(null.mean()), float(null.std(ddof=1))
    if sd <= _rounding(value):
        return float(above <= _rounding(value))
    z = above / (sd * np.sqrt(1 + 1 / len(null)))
    tail = float(stdtr(len(null) - 1, -z))
    skewness = float(((null - null.mean()) ** 3).mean() / null.std() ** 3)
    if skewness > LEAST_SKEWNESS and z > 0:
        a = 4 / skewness**2
        tail = max(tail, float(gammaincc(a, a + z * np.sqrt(a))))
    return tail


def tail_text(fitted: float) -> str:
    """Return a fitted p value for people: a hundred draws cannot tell 1e-6 from 1e-30."""
    return f"{fitted:.2g}" if fitted >= SMALLEST else f"below {SMALLEST:g}"


def _rounding(value: float) -> float:
    """Sums over labels are rounded: a permutation that changes nothing must count as a tie."""
    return 1e-12 * max(1.0, abs(value))


def thinned_estimates(
    estimator: MutualInformationEstimator,
    parts: Sequence[Part],
    divisor: int,
    repeats: int,
    generator: np.random.Generator,
) -> Matrix:
    """Return the estimates on 1 / `divisor` of each label's samples, drawn without replacement.

    Args:
        estimator: What estimates.
        parts: The samples by label; their shares stay the weights.
        divisor: Two for halves, four for quarters.
        repeats: How many subsets to draw.
        generator: The source of the subsets.

    Returns:
        The estimates, with shape (repeats,); empty when a label has too few samples to be thinned.
    """
    if any(len(part.x) // divisor < estimator.minimum_samples() for part in parts):
        return np.empty(0)
    estimates = np.zeros(repeats)
    for part in parts:
        n = len(part.x)
        for repeat in range(repeats):
            rows = np.sort(generator.choice(n, size=n // divisor, replace=False))
            try:
                thinned, _ = estimator._estimate(part.x[rows], part.y[rows])
            except ValueError:  # all the samples were enough: these are too few for their width
                return np.empty(0)
            estimates[repeat] += part.share * thinned
    return estimates
