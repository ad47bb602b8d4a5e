"""The published code's estimate of a pair of layers, with its null: that of permuted pairs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mitools import EDGE
from mitools.estimators.base import MutualInformationEstimator
from robustsplit.data import ImageData

__all__ = ["on_pair", "published_call"]

#: Permutations behind `released_null`: it varies by about a tenth of a bit, and the gap to show is
#: bits wide.
SHUFFLES = 3
#: It hashes floor(log2(n / 10)) directions of a wide layer, so it needs so many inputs per class.
SAMPLES = 20


def published_call(data: ImageData) -> tuple[MutualInformationEstimator | None, list[str]]:
    """Return the estimator of the published code, or None and the reason why `data` is too small.

    Args:
        data: The inputs that will be measured.

    Returns:
        The estimator and no sentence, or None and one sentence.
    """
    smallest = min(count for count in data.counts.values() if count)
    if smallest >= SAMPLES:
        return EDGE.semirobust(), []
    return None, [
        f"The published estimator needs at least {SAMPLES} inputs per class, and the smallest "
        f"class has {smallest}. It was left out."
    ]


def on_pair(
    call: MutualInformationEstimator,
    parent: NDArray[np.floating],
    child: NDArray[np.floating],
    labels: NDArray[np.int64],
    *,
    seed: int,
) -> tuple[float, float]:
    """Return what the call gives on a pair of layers and on permuted pairs, in nats.

    Per label, both sides are hashed once for the pairing that was measured and all permutations.

    Args:
        call: The published estimator.
        parent: Raw activations, with shape (n, d).
        child: Likewise.
        labels: With shape (n,).
        seed: Of the permutations.

    Returns:
        The estimate, and the mean of the estimates on permuted pairs; averaged over the labels
        by their share of the inputs.
    """
    rng = np.random.default_rng(seed)
    values = np.zeros(1 + SHUFFLES)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        x, y = (np.asarray(side[rows], dtype=np.float64) for side in (parent, child))
        orders = np.tile(np.arange(len(rows)), (len(values), 1))
        orders[1:] = rng.permuted(orders[1:], axis=1)
        values += call.prepare(x, y).permuted(orders) * len(rows) / len(labels)
    return float(values[0]), float(values[1:].mean())
