r"""Two sides between which the information of a layer at a stated precision lies.

For a layer :math:`h` that is a function of the layer before,
:math:`I(h_{j-1}; h + \sqrt{x} Z \mid y) = E \log p(t \mid h) - E \log p(t \mid y)` with
:math:`t = h + \sqrt{x} Z`. The first term is known; the second is bounded from both sides.

*Below*: the information of the empirical mixture of each class. In expectation it is at most the
truth, as knowing which of n inputs it was is less than knowing the input; and it is at most
:math:`\ln n_y`. No lower bound that holds for every law can pass about :math:`\ln n` (McAllester
and Stratos 2020, theorem 1), so a tighter one would have to assume the law.

*Above*: for any density q, :math:`-E\log q(t)` is at least :math:`-E\log p(t)`. q is fitted on
other inputs: normals around :math:`a h_i`, of covariance :math:`(1 - a^2) S + x I`, from one
normal (a = 0) to the plain mixture (a near 1). The capacity (`robustsplit.precision.capacity`)
is a second upper side. The smallest of all is reported. Choosing it among five errs a little
downwards, by less than the standard error that is given with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from robustsplit.precision.capacity import capacity
from robustsplit.precision.within import WithinClasses

__all__ = ["Bracket", "bracket"]

Array = NDArray[np.float64]
#: How far the normals of the code stand from the class mean, towards the inputs seen.
PULLS = (0.0, 0.5, 0.8, 0.95)
FOLDS = 5
#: Draws of the noise for the lower side.
DRAWS = 2


@dataclass(frozen=True)
class Bracket:
    """Bounds of the information that a layer keeps of the one before, in nats.

    Attributes:
        lower: Below it in expectation, whatever the law.
        upper: Above it in expectation: the smaller of the capacity and a held-out code length.
        lower_error: Standard error of `lower` over inputs.
        upper_error: Standard error of `upper` over inputs.
        limit: What `lower` can be at most with so many inputs: sum_y pi(y) ln n_y.
    """

    lower: float
    upper: float
    lower_error: float
    upper_error: float
    limit: float

    @property
    def tight(self) -> bool:
        """Whether the sides are near and the sample does not limit the lower one."""
        return self.upper <= 1.5 * self.lower and self.lower < 0.9 * self.limit


def bracket(layer: WithinClasses, tau: float, *, seed: int = 0) -> Bracket:
    """Bound the information at relative noise `tau` from both sides.

    Args:
        layer: Its rows within classes; of a function of the layer before.
        tau: Standard deviation of the noise over the root of the summed variances; above 0.
        seed: Of the noise and the folds.

    Returns:
        The bounds, in nats; 0 and 0 for a layer that does not vary within the classes.

    Raises:
        ValueError: When `tau` is not a positive number.
    """
    counts = np.bincount(layer.labels)
    limit = float((counts / counts.sum() * np.log(counts)).sum())
    whole = capacity(layer, tau)
    if not layer.power:
        return Bracket(0.0, 0.0, 0.0, 0.0, limit)
    rng = np.random.default_rng(seed)
    below = _of_mixture(layer, whole.noise, rng)
    n = len(below)
    sides = [(whole.value, whole.error)]
    if counts.min() >= FOLDS:
        for code in _code_lengths(layer, whole.noise, rng):
            sides.append((float(code.mean()), float(code.std(ddof=1) / n**0.5)))
    upper, upper_error = min(sides)
    lower = min(max(0.0, float(below.mean())), upper)
    return Bracket(lower, upper, float(below.std(ddof=1) / n**0.5), upper_error, limit)


def _of_mixture(layer: WithinClasses, noise: float, rng: np.random.Generator) -> Array:
    """Return each input's part in the information of the empirical mixture given its class."""
    parts = np.zeros(len(layer.labels))
    for label in range(layer.labels.max() + 1):
        rows = np.flatnonzero(layer.labels == label)
        points = layer.rows[rows]
        for _ in range(DRAWS):
            shift = np.sqrt(noise) * rng.normal(size=points.shape)
            seen = points + shift
            apart = _distances(seen, points)
            density = logsumexp(-0.5 * apart / noise, axis=1) - np.log(len(rows))
            parts[rows] += (-0.5 * (shift**2).sum(axis=1) / noise - density) / DRAWS
    return parts


def _code_lengths(layer: WithinClasses, noise: float, rng: np.random.Generator) -> Array:
    """Return the held-out code length of each input above that of the noise, (pulls, n)."""
    labels, n = layer.labels, len(layer.labels)
    fold = np.empty(n, dtype=int)
    for label in range(labels.max() + 1):
        rows = np.flatnonzero(labels == label)
        fold[rows] = rng.permutation(np.arange(len(rows)) % FOLDS)
    lengths = np.empty((len(PULLS), n))
    for number in range(FOLDS):
        train, test = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        means = _class_means(layer.rows[train], labels[train])
        seen, held = (
            layer.rows[train] - means[labels[train]],
            layer.rows[test] - means[labels[test]],
        )
        freedom = len(train) - (labels.max() + 1)
        values, vectors = np.linalg.eigh(seen.T @ seen / freedom)
        kept = values > 1e-12 * values[-1]
        values, axes = values[kept], vectors[:, kept]
        centres, points = seen @ axes, held @ axes
        inside = (held**2).sum(axis=1) - (points**2).sum(axis=1)
        outside = np.maximum(inside, 0.0) / (2 * noise)
        shift = np.sqrt(noise) * rng.normal(size=points.shape)
        own = -0.5 * (shift**2).sum(axis=1) / noise
        for at, pull in enumerate(PULLS):
            spread = (1 - pull**2) * values + noise
            whitened = (points + shift) / np.sqrt(spread)
            around = pull * centres / np.sqrt(spread)
            density = _mixture(whitened, around, labels[test], labels[train], pull)
            log_det = 0.5 * np.log(spread / noise).sum()
            lengths[at, test] = own - density + log_det + outside
    return lengths


def _class_means(rows: Array, labels: NDArray[np.int64]) -> Array:
    """Return the mean of each class, with shape (classes, r)."""
    members = (labels == np.arange(labels.max() + 1)[:, None]).astype(float)
    return np.asarray(members @ rows / members.sum(axis=1, keepdims=True))


def _mixture(
    points: Array,
    centres: Array,
    labels: NDArray[np.int64],
    of_centres: NDArray[np.int64],
    pull: float,
) -> Array:
    """Return log densities, without the determinant, under unit normals of the own class."""
    if pull == 0:
        return -0.5 * (points**2).sum(axis=1)
    density = np.empty(len(points))
    for label in np.unique(labels):
        rows, own = labels == label, centres[of_centres == label]
        apart = _distances(points[rows], own)
        density[rows] = logsumexp(-0.5 * apart, axis=1) - np.log(len(own))
    return density


def _distances(a: Array, b: Array) -> Array:
    """Return squared distances, with shape (len(a), len(b))."""
    return np.maximum((a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T, 0.0)
