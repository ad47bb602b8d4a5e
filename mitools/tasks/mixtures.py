"""Mixtures of normal distributions, and correlated normal columns under one-to-one maps.

The truth of a mixture is the mean of ln p(x, y) / (p(x) p(y)) over `TRUTH_SAMPLES` samples of its
density, worked out once and written into the task. A one-to-one change of either side leaves it as
it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from mitools.estimators.base import Matrix
from mitools.tasks.task import Pair, Task

__all__ = [
    "Change",
    "Mixture",
    "changed_normal",
    "correlation_for",
    "mixed",
    "normal_information",
    "normal_pairs",
]

Change = Callable[[Matrix], Matrix]

#: Samples behind each truth without a closed form.
TRUTH_SAMPLES = 4_000_000

#: What such tasks say of their truth.
MONTE_CARLO = "mean of ln p(x, y) / p(x) p(y) over 4,000,000 samples, standard error below 0.001"


@dataclass(frozen=True)
class Mixture:
    """A mixture of normal distributions of (X, Y), each with its mean and covariance.

    Attributes:
        shares: Shares of the components, with shape (c,).
        means: With shape (c, d).
        covariances: With shape (c, d, d).
        d_x: The first columns that are X.
    """

    shares: Matrix
    means: Matrix
    covariances: Matrix
    d_x: int

    def draw(self, n: int, rng: np.random.Generator) -> Pair:
        """Return n pairs.

        Args:
            n: How many pairs.
            rng: The source.
        """
        which = rng.choice(len(self.shares), size=n, p=self.shares)
        rows = rng.normal(size=(n, self.means.shape[1]))
        for component, root in enumerate(np.linalg.cholesky(self.covariances)):
            own = which == component
            rows[own] = self.means[component] + rows[own] @ root.T
        return rows[:, : self.d_x], rows[:, self.d_x :]

    def information(self, n: int = TRUTH_SAMPLES, seed: int = 20240607) -> tuple[float, float]:
        """Return the mean of the pointwise information of n samples, and its standard error.

        Args:
            n: How many samples.
            seed: Seed of the draw.
        """
        total, squares, left = 0.0, 0.0, n
        rng = np.random.default_rng(seed)
        while left:
            size = min(left, 50_000)
            terms = self._pointwise(*self.draw(size, rng))
            total += float(terms.sum())
            squares += float((terms**2).sum())
            left -= size
        mean = total / n
        return mean, float(np.sqrt((squares / n - mean**2) / n))

    def _pointwise(self, x: Matrix, y: Matrix) -> Matrix:
        """Return ln p(x, y) / (p(x) p(y)) with shape (n,)."""
        joint = self._log_density(np.hstack([x, y]), slice(None))
        left = self._log_density(x, slice(None, self.d_x))
        return joint - left - self._log_density(y, slice(self.d_x, None))

    def _log_density(self, rows: Matrix, part: slice) -> Matrix:
        means, covariances = self.means[:, part], self.covariances[:, part, part]
        roots = np.linalg.inv(np.linalg.cholesky(covariances))
        logs = np.log(self.shares) + np.log(np.einsum("cii->ci", roots)).sum(axis=1)
        if not (covariances - covariances * np.eye(means.shape[1])).any():
            precision = np.einsum("cii->ci", roots) ** 2  # independent columns: two products do
            squared = (rows**2) @ precision.T - 2 * rows @ (precision * means).T
            squared += (precision * means**2).sum(axis=1)
        else:
            squared = np.stack(
                [
                    ((root @ (rows - mean).T) ** 2).sum(axis=0)
                    for root, mean in zip(roots, means, strict=True)
                ],
                axis=1,
            )
        constant = 0.5 * means.shape[1] * np.log(2 * np.pi)
        return np.asarray(logsumexp(logs - 0.5 * squared, axis=1) - constant)


def normal_pairs(correlations: Matrix | Sequence[float], d_x: int, d_y: int) -> Mixture:
    """Return normal sides whose first columns correlate one to one.

    Args:
        correlations: Those of the first columns.
        d_x: Columns of X.
        d_y: Columns of Y.
    """
    covariance = np.eye(d_x + d_y)
    for i, r in enumerate(correlations):
        covariance[i, d_x + i] = covariance[d_x + i, i] = r
    return Mixture(np.ones(1), np.zeros((1, d_x + d_y)), covariance[None], d_x)


def normal_information(correlations: Matrix | Sequence[float]) -> float:
    """Return -1/2 sum ln(1 - r^2)."""
    return float(-0.5 * np.log1p(-np.square(correlations)).sum())


def correlation_for(information: float) -> float:
    """Return the correlation of a normal pair with this much information."""
    return float(np.sqrt(-np.expm1(-2 * information)))


def mixed(
    name: str,
    mixture: Mixture,
    truth: float,
    change_x: Change | None = None,
    change_y: Change | None = None,
    source: str = MONTE_CARLO,
) -> Task:
    """Return the task of a mixture with each side changed one to one.

    Args:
        name: The name of the task.
        mixture: The distribution of the unchanged sides.
        truth: Its mutual information in nats.
        change_x: A one-to-one map of X, or None.
        change_y: A one-to-one map of Y, or None.
        source: Where the truth comes from.
    """

    def draw(n: int, rng: np.random.Generator) -> Pair:
        x, y = mixture.draw(n, rng)
        return (change_x(x) if change_x else x), (change_y(y) if change_y else y)

    return Task(name, draw, truth, source)


def changed_normal(
    name: str,
    correlations: Matrix | Sequence[float],
    d_x: int,
    d_y: int,
    change_x: Change | None = None,
    change_y: Change | None = None,
) -> Task:
    """Return the task of correlated normal columns with each side changed one to one.

    Args:
        name: The name of the task.
        correlations: Those of the first columns.
        d_x: Columns of X.
        d_y: Columns of Y.
        change_x: A one-to-one map of X, or None.
        change_y: A one-to-one map of Y, or None.
    """
    truth = normal_information(correlations)
    pairs = normal_pairs(correlations, d_x, d_y)
    return mixed(name, pairs, truth, change_x, change_y, "-1/2 sum ln(1 - r^2)")
