"""Directions to hash along: random ones, or canonical ones learned on other samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["CanonicalDirections", "random_directions"]

Matrix = NDArray[np.float64]

#: Above this width a side is mixed down at random before its canonical directions are sought.
WIDEST = 128


@dataclass(frozen=True, eq=False)
class CanonicalDirections:
    """Pairs of directions whose projections correlate most, strongest first.

    Attributes:
        x: Directions in x, with shape (d_x, r).
        y: Directions in y, with shape (d_y, r).
        significant: How many pairs correlate more than independent data of this shape ever would.
    """

    x: Matrix
    y: Matrix
    significant: int

    @classmethod
    def fit(
        cls, x: Matrix, y: Matrix, seed: int = 0, discrete: tuple[bool, ...] = (False, False)
    ) -> CanonicalDirections:
        """Solve canonical correlation analysis on `x`, shape (n, p), and `y`, shape (n, q).

        A pair counts as significant when its squared correlation lies above the upper edge of the
        spectrum of independent data (Wachter 1980), with a = p/n and b = q/n: a + b - 2ab + 2
        sqrt(a (1 - a) b (1 - b)). A discrete side enters by its indicator columns, which makes the
        other side's directions those of linear discriminant analysis.
        """
        n = len(x)
        (u, to_x), (v, to_y) = (
            _whiten(_indicators(rows) if labels else rows, seed)
            for rows, labels in zip((x, y), discrete, strict=True)
        )
        if u.shape[1] == 0 or v.shape[1] == 0:  # a constant side: any direction will do
            return cls(random_directions(x, 1, seed), random_directions(y, 1, seed), 0)
        left, correlations, right = np.linalg.svd(u.T @ v / n, full_matrices=False)
        right = right.T
        # A pair's common sign is arbitrary. This choice is the same when the sides are swapped.
        skew = ((u @ left) ** 3).sum(axis=0) + ((v @ right) ** 3).sum(axis=0)
        left, right = left * np.where(skew < 0, -1, 1), right * np.where(skew < 0, -1, 1)
        a, b = (min(whitened.shape[1] / n, 0.5) for whitened in (u, v))
        edge = a + b - 2 * a * b + 2 * np.sqrt(a * (1 - a) * b * (1 - b))
        # The largest one fluctuates around the edge on the scale n^(-2/3).
        edge *= 1 + 2 * n ** (-2 / 3) / max(a, b, 1 / n) ** (1 / 3)
        return cls(to_x @ left, to_y @ right, int((correlations**2 > edge).sum()))


def random_directions(rows: Matrix, count: int, seed: int) -> Matrix:
    """Return Gaussian directions, shape (d, count), on columns in units of their own spread.

    The directions depend on the width and the seed alone, so that two sides of one width share
    them and swapping the sides changes nothing.
    """
    width = rows.shape[1]
    spread = _spread_of(rows)
    directions = np.random.default_rng([seed, width]).normal(size=(width, count))
    out: Matrix = directions / spread[:, None] / np.sqrt(width)
    return out


def _spread_of(rows: Matrix) -> Matrix:
    """Return each column's spread on a strided sample, and infinity for constant columns."""
    chosen = rows[:: max(1, len(rows) // 1000)]
    spread = chosen.std(axis=0)
    return np.where(spread > 0, spread, np.inf)


def _whiten(rows: Matrix, seed: int) -> tuple[Matrix, Matrix]:
    """Return whitened rows, and the map from the columns to them; null directions are dropped."""
    n, width = rows.shape
    scaling = np.diag(1 / _spread_of(rows)) if width <= WIDEST else None
    mixing = random_directions(rows, WIDEST, seed) if scaling is None else scaling
    mixed = rows @ mixing
    centred = mixed - mixed.mean(axis=0)
    values, vectors = np.linalg.eigh(centred.T @ centred / n)
    keep = values > max(float(values[-1]), 0.0) * 1e-10
    transform = vectors[:, keep] / np.sqrt(values[keep])
    return centred @ transform, mixing @ transform


def _indicators(rows: Matrix) -> Matrix:
    """Return one 0/1 column per distinct row but the last; whitening drops what is redundant."""
    _, codes = np.unique(rows, axis=0, return_inverse=True)
    codes = codes.reshape(-1)
    return (codes[:, None] == np.arange(max(int(codes.max()), 1))).astype(np.float64)
