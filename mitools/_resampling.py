"""Re-paired and thinned samples, within labels: what `assess` compares an estimate with."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from mitools._arrays import Part
from mitools.base import Matrix, MutualInformationEstimator

__all__ = ["permuted_estimates", "thinned_estimates"]

#: Permutation indices made at a time: 100 permutations of a million rows would take 800 MB.
INDICES = 8_000_000


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
    try:
        return _thinned(estimator, parts, divisor, repeats, generator)
    except ValueError:  # all the samples were enough, so these are too few for their width
        return np.empty(0)


def _thinned(
    estimator: MutualInformationEstimator,
    parts: Sequence[Part],
    divisor: int,
    repeats: int,
    generator: np.random.Generator,
) -> Matrix:
    estimates = np.zeros(repeats)
    for part in parts:
        n = len(part.x)
        for repeat in range(repeats):
            rows = np.sort(generator.choice(n, size=n // divisor, replace=False))
            estimates[repeat] += part.share * estimator._estimate(part.x[rows], part.y[rows])[0]
    return estimates
