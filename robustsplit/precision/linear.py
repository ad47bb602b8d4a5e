r"""Information that one layer holds *linearly* about the next, at a precision, with its null.

The capacity never looks at the layer before, so it cannot tell a layer that follows from one that
does not: behind a skip connection, dropout or noise, it is only an upper bound. Here the layer is
predicted from the one before, by ridge regression on other inputs, and

.. math:: L(\tau) = C(S_j) - C(S_{j \mid j-1}),

both at the noise of the whole layer: the information of jointly normal layers, and for others a
number about their linear dependence. Prediction on other inputs cannot gain from noise, so L of
independent layers is about 0; permuted pairs give its null.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robustsplit.precision.capacity import ROUNDING, log_det
from robustsplit.precision.within import WithinClasses

__all__ = ["LinearInformation", "linear_information"]

Array = NDArray[np.float64]
FOLDS = 5
#: Ridge penalties that are tried, as shares of the mean variance of an input direction.
PENALTIES = tuple(10.0**exponent for exponent in range(-6, 3))


@dataclass(frozen=True)
class LinearInformation:
    """Linear information at a precision, beside what permuted pairs give.

    Attributes:
        value: L, in nats; below 0 where prediction does worse than the class mean.
        null: Its values on permuted pairs, with shape (permutations,).
        explained: Share of the layer's variance that is predicted, on held-out inputs.
        penalty: The chosen ridge penalty, as a share of the mean variance of a direction.
    """

    value: float
    null: Array
    explained: float
    penalty: float

    @property
    def p_value(self) -> float:
        """Share of permuted pairs that reach `value`, itself counted in; NaN without any."""
        if not len(self.null):
            return float("nan")
        return float((1 + (self.null >= self.value).sum()) / (1 + len(self.null)))


def linear_information(
    before: WithinClasses,
    layer: WithinClasses,
    tau: float,
    *,
    n_permutations: int = 19,
    seed: int = 0,
) -> LinearInformation:
    """Return the linear information of a layer about the one before, at relative noise `tau`.

    Args:
        before: The earlier layer, on the same inputs in the same order.
        layer: The later layer.
        tau: Standard deviation of the noise over the root of the later layer's summed variances.
        n_permutations: Permutations of pairs within classes; 0 for no null.
        seed: Of folds and permutations.

    Returns:
        The value and its null, in nats; all 0 when either layer does not vary within classes.

    Raises:
        ValueError: For layers on different inputs, or a `tau` that is not a positive number.
    """
    if not np.array_equal(before.labels, layer.labels):
        raise ValueError("Both layers need the same inputs in the same order.")
    if not 0 < tau < np.inf:
        raise ValueError(f"`tau` must be a positive number, got {tau!r}. The default is 0.3.")
    if not before.power or not layer.power:
        return LinearInformation(0.0, np.zeros(n_permutations), 0.0, np.nan)
    rng = np.random.default_rng(seed)
    noise = tau**2 * layer.power
    fold = _folds(layer.labels, rng)
    smoothers = _smoothers(before, fold)
    gram = layer.rows @ layer.rows.T / layer.freedom
    # A fair choice costs nothing: of nine penalties, the one that predicts best on held-out rows.
    losses = [smoother.T @ smoother - smoother - smoother.T for smoother in smoothers]
    errors = [layer.power + float((loss * gram).sum()) for loss in losses]
    best = int(np.argmin(errors))
    whole = log_det(layer.eigen[0], layer.freedom, noise, layer.sketch)[0]

    def information(moved: Array, smoother: Array) -> float:
        residual = moved - smoother @ moved
        residual = residual - residual @ smoother.T
        values = np.asarray(np.linalg.eigvalsh((residual + residual.T) / 2), dtype=np.float64)
        values = values[values > ROUNDING * layer.power]
        if not len(values):
            return 0.5 * whole
        return 0.5 * (whole - log_det(values, layer.freedom, noise, layer.sketch)[0])

    null = np.empty(n_permutations)
    for number in range(n_permutations):
        order = _within(layer.labels, rng)
        moved = gram[np.ix_(order, order)]
        chosen = int(np.argmin([float((loss * moved).sum()) for loss in losses]))
        null[number] = information(moved, smoothers[chosen])
    value = information(gram, smoothers[best])
    return LinearInformation(value, null, 1 - errors[best] / layer.power, PENALTIES[best])


def _folds(labels: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    fold = np.empty(len(labels), dtype=np.int64)
    for label in range(labels.max() + 1):
        rows = np.flatnonzero(labels == label)
        fold[rows] = rng.permutation((np.arange(len(rows)) + rng.integers(FOLDS)) % FOLDS)
    return fold


def _within(labels: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Return an order that permutes inputs within their classes."""
    order = np.arange(len(labels))
    for label in range(labels.max() + 1):
        rows = np.flatnonzero(labels == label)
        order[rows] = rng.permutation(rows)
    return order


def _smoothers(before: WithinClasses, fold: NDArray[np.int64]) -> list[Array]:
    """Return for each penalty the matrix that predicts each input from those of other folds."""
    n, gram = len(fold), before.rows @ before.rows.T
    found = [np.zeros((n, n)) for _ in PENALTIES]
    for number in range(FOLDS):
        train, test = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        if not len(test) or not len(train):
            continue
        values, vectors = np.linalg.eigh(gram[np.ix_(train, train)])
        values = np.maximum(values, 0.0)
        cross = gram[np.ix_(test, train)] @ vectors
        mean = values.sum() / len(values)
        for smoother, penalty in zip(found, PENALTIES, strict=True):
            smoother[np.ix_(test, train)] = (cross / (values + penalty * mean)) @ vectors.T
    return found
