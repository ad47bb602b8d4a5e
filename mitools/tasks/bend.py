"""Suite "bend": curved and mixed shapes, most of which correlation cannot see.

The shapes are those of the Bend-and-Mix models of Czyz, Grabowski, Vogt, Beerenwinkel and Marx
(2024), "On the properties and estimation of pointwise mutual information profiles"
(arXiv:2310.10240): normal mixtures under one-to-one maps. Parameters are chosen here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mitools.estimators.base import Matrix
from mitools.tasks.mixtures import Change, Mixture, mixed, normal_pairs

__all__ = ["MIXTURES", "TASKS"]


def x_shape(r: float = 0.9) -> Mixture:
    """Two crossing ridges: each column normal, no correlation."""
    covariances = np.array([[[1, s * r], [s * r, 1]] for s in (-1, 1)])
    return Mixture(np.full(2, 0.5), np.zeros((2, 2)), covariances, 1)


def letters() -> Mixture:
    """The letters A and I drawn with six ridges."""
    slope = 0.95 * np.sqrt(0.04 * 0.2)
    means = [[1, 0], [1, 1], [1, -1], [-0.8, -0.2], [-1.2, 0], [-0.4, 0]]
    covariances = [
        np.diag([0.01, 0.2]),
        np.diag([0.05, 0.001]),
        np.diag([0.05, 0.001]),
        np.diag([0.03, 0.001]),
        np.array([[0.04, slope], [slope, 0.2]]),
        np.array([[0.04, -slope], [-slope, 0.2]]),
    ]
    return Mixture(np.full(6, 1 / 6), np.array(means, float), np.array(covariances), 1)


def two_balls(distance: float = 3.0) -> Mixture:
    """Two unit balls in three dimensions."""
    means = np.array([[s, s, s] for s in (-1, 1)]) * distance / 2
    return Mixture(np.full(2, 0.5), means, np.tile(np.eye(3), (2, 1, 1)), 2)


def stripes(count: int = 12) -> Mixture:
    """Stripes of a plane, each with its level of Y, four levels in turn."""
    means = np.array([[i, 0, i % 4] for i in range(count)]) * 1.5
    covariances = np.tile(np.diag([0.1, 1.0, 0.1]), (count, 1, 1))
    return Mixture(np.full(count, 1 / count), means, covariances, 2)


def concentric(d_x: int, count: int) -> Mixture:
    """Balls of growing radius about one centre; Y says which, with a little noise."""
    sizes = np.arange(1, count + 1)
    means = np.array([[0.0] * d_x + [float(i)] for i in sizes])
    covariances = np.array([np.diag([float(i**2)] * d_x + [1e-4]) for i in sizes])
    return Mixture(np.full(count, 1 / count), means, covariances, d_x)


def inliers(d: int, correlations: Sequence[float], share: float) -> Mixture:
    """Correlated columns, but for a share of samples that are permuted."""
    signal = normal_pairs(correlations, d, d)
    covariances = np.concatenate([signal.covariances, np.eye(2 * d)[None]])
    return Mixture(np.array([1 - share, share]), np.zeros((2, 2 * d)), covariances, d)


def rotated(speed: float) -> Change:
    """Return a rotation of the first two columns by an angle that grows with the radius."""

    def turn(x: Matrix) -> Matrix:
        angle = speed * (x**2).sum(axis=1)
        c, s = np.cos(angle), np.sin(angle)
        first, second = c * x[:, 0] - s * x[:, 1], s * x[:, 0] + c * x[:, 1]
        return np.column_stack([first, second, x[:, 2:]])

    return turn


def waved(x: Matrix) -> Matrix:
    """Shift the stripes along a sine of the other column."""
    return np.column_stack([0.1 * (x[:, 0] + 5 * np.sin(3 * x[:, 1])) - 0.8, 0.5 * x[:, 1]])


#: Each shape, its truth and the change of its X.
MIXTURES: dict[str, tuple[Mixture, float, Change | None]] = {
    "X 1+1": (x_shape(), 0.4086, None),
    "AI 1+1": (letters(), 0.7760, None),
    "galaxy 2+1": (two_balls(), 0.4944, rotated(0.5)),
    "waves 2+1": (stripes(), 1.3069, waved),
    "concentric 3+1": (concentric(3, 5), 0.4555, None),
    "concentric 5+1": (concentric(5, 5), 0.6279, None),
    "concentric 25+1": (concentric(25, 5), 1.1910, None),
    "inliers 3+3": (inliers(3, (0.8, 0.8), 0.2), 0.6350, None),
    "inliers 5+5": (inliers(5, (0.8, 0.8), 0.2), 0.6353, None),
    "inliers 25+25": (inliers(25, (0.8, 0.8), 0.2), 0.6367, None),
}

TASKS = tuple(
    mixed(name, mixture, truth, change) for name, (mixture, truth, change) in MIXTURES.items()
)
