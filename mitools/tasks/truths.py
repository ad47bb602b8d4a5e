"""Integrals behind the truths of tasks: entropies and informations of known densities."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.integrate import trapezoid
from scipy.special import ndtri

from mitools.base import Matrix

__all__ = ["entropy_on_grid", "levels", "normal_density", "normal_entropy"]


def entropy_on_grid(
    density: Callable[[Matrix], Matrix], low: float, high: float, points: int = 4001
) -> float:
    """Return the differential entropy of a density of one variable, by the trapezoidal rule."""
    grid = np.linspace(low, high, points)
    p = np.maximum(density(grid), 1e-300)
    return float(-trapezoid(p * np.log(p), grid))


def normal_density(y: Matrix, mean: Matrix | float, deviation: Matrix | float) -> Matrix:
    """Return the normal density of y about `mean`."""
    return np.exp(-0.5 * ((y - mean) / deviation) ** 2) / deviation / np.sqrt(2 * np.pi)


def normal_entropy(deviation: float) -> float:
    """Return the entropy of a normal variable."""
    return float(0.5 * np.log(2 * np.pi * np.e * deviation**2))


def levels(count: int = 60) -> tuple[Matrix, Matrix]:
    """Return equal shares and normal quantiles, for a latent value that is nearly normal."""
    return np.full(count, 1 / count), ndtri((np.arange(count) + 0.5) / count)
