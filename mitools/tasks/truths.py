"""Integrals behind the truths of tasks: entropies and informations of known densities."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.integrate import trapezoid
from scipy.special import ndtri, xlogy

from mitools.estimators.base import Matrix

__all__ = [
    "channel_information",
    "entropy_on_grid",
    "levels",
    "middles",
    "normal_density",
    "normal_entropy",
]


def entropy_on_grid(
    density: Callable[[Matrix], Matrix], low: float, high: float, points: int = 4001
) -> float:
    """Return the differential entropy of a density of one variable, by the trapezoidal rule.

    Args:
        density: The density, as a function of an array.
        low: Where the grid begins.
        high: Where it ends.
        points: How many points it has.
    """
    grid = np.linspace(low, high, points)
    p = np.maximum(density(grid), 1e-300)
    return float(-trapezoid(p * np.log(p), grid))


def normal_density(y: Matrix, mean: Matrix | float, deviation: Matrix | float) -> Matrix:
    """Return the normal density of y about `mean`.

    Args:
        y: Where to take it.
        mean: The mean.
        deviation: The standard deviation.
    """
    return np.exp(-0.5 * ((y - mean) / deviation) ** 2) / deviation / np.sqrt(2 * np.pi)


def normal_entropy(deviation: float) -> float:
    """Return the entropy of a normal variable."""
    return float(0.5 * np.log(2 * np.pi * np.e * deviation**2))


def levels(count: int = 60) -> tuple[Matrix, Matrix]:
    """Return equal shares and normal quantiles, for a latent value that is nearly normal."""
    return np.full(count, 1 / count), ndtri((np.arange(count) + 0.5) / count)


def channel_information(
    conditional: Callable[[Matrix, Matrix], Matrix], x: Matrix, y: Matrix
) -> float:
    """Return I(X; Y) of equally likely values of x and a density of y given x.

    Args:
        conditional: From x, shape (k, 1), and y, shape (m,), to densities with shape (k, m).
        x: Quantiles of X at (i + 1/2) / k, with shape (k,).
        y: An even grid that holds all of Y, with shape (m,).

    Returns:
        The mean over x of the divergence of Y given x from Y, in nats, by the trapezoidal rule.
    """
    marginal = np.zeros(len(y))
    negative_entropy = 0.0
    for block in np.array_split(x, max(1, len(x) * len(y) // 4_000_000)):
        p = conditional(block[:, None], y)
        marginal += p.sum(axis=0)
        negative_entropy += float(trapezoid(xlogy(p, p), y, axis=1).sum())
    marginal /= len(x)
    return negative_entropy / len(x) - float(trapezoid(xlogy(marginal, marginal), y))


def middles(count: int) -> Matrix:
    """Return (i + 1/2) / count: quantile levels of `count` equally likely values."""
    return (np.arange(count) + 0.5) / count
