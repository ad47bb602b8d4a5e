"""Directions to hash along: random ones, or canonical ones learned on other samples."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mitools._kernels.columns import moments
from mitools.engines.linear.canonical import singular_pairs
from mitools.engines.linear.components import principal_axes
from mitools.engines.linear.ties import pair_signs
from mitools.samples.scaling import SAFE_HIGH, SAFE_LOW, alike, standardized

__all__ = ["CanonicalDirections", "mixed_down", "random_directions", "usable_columns"]

Matrix = NDArray[np.float64]

#: Above this width a side is mixed down at random before its canonical directions are sought.
WIDEST = 128
#: A variate of which stronger ones explain this share by curves tells nothing new.
EXPLAINED = 0.4
#: The curves bend at these quantiles.
KNOTS = (0.05, 0.2, 0.4, 0.6, 0.8, 0.95)
#: So many of the stronger ones are asked, on so many rows.
ASKED, ROWS = 4, 500


@dataclass(frozen=True, eq=False)
class CanonicalDirections:
    """Pairs of directions whose projections correlate most, strongest first.

    Pairs that are curved functions of the stronger ones on both sides are left out: they would
    count the same information again.

    Attributes:
        x: The significant directions in x, or the first if none is, with shape (d_x, r).
        y: Those in y, with shape (d_y, r).
        significant: How many pairs correlate more than independent data of this shape ever would,
            and tell something new.
    """

    x: Matrix
    y: Matrix
    significant: int

    @classmethod
    def fit(
        cls, x: Matrix, y: Matrix, seed: int = 0, discrete: tuple[bool, ...] = (False, False)
    ) -> CanonicalDirections:
        """Solve canonical correlation analysis.

        A pair counts as significant when its squared correlation lies above the upper edge of the
        spectrum of independent data (Wachter 1980), with a = p/n and b = q/n: a + b - 2ab + 2
        sqrt(a (1 - a) b (1 - b)). A discrete side enters by its indicator columns, which makes the
        other side's directions those of linear discriminant analysis.

        Args:
            x: Samples of X, with shape (n, p).
            y: Paired samples of Y, with shape (n, q).
            seed: Seed of the random mixtures that stand for very wide sides.
            discrete: Whether x and y are discrete.

        Returns:
            The directions, the most correlated pair first.
        """
        n = len(x)
        (u, to_x), (v, to_y) = (
            _whiten(_indicators(rows) if labels else rows, seed)
            for rows, labels in zip((x, y), discrete, strict=True)
        )
        if u.shape[1] == 0 or v.shape[1] == 0:  # a constant side: any direction will do
            return cls(random_directions(x, 1, seed), random_directions(y, 1, seed), 0)
        left, correlations, right = singular_pairs(u.T @ v / n)
        a, b = (min(whitened.shape[1] / n, 0.5) for whitened in (u, v))
        edge = a + b - 2 * a * b + 2 * np.sqrt(a * (1 - a) * b * (1 - b))
        # The largest one fluctuates around the edge on the scale n^(-2/3).
        edge *= 1 + 2 * n ** (-2 / 3) / max(a, b, 1 / n) ** (1 / 3)
        significant = int((correlations**2 > edge).sum())
        kept = max(significant, 1)
        left, right = left[:, :kept], right[:, :kept]
        variates = u @ left, v @ right
        sign = pair_signs(*variates)
        if significant > 1:
            new = _new(*variates)
            left, right, sign, significant = left[:, new], right[:, new], sign[new], int(new.sum())
        return cls(to_x @ (left * sign), to_y @ (right * sign), significant)


def _new(u: Matrix, v: Matrix) -> NDArray[np.bool_]:
    """Return which pairs of variates tell something new, the first included, with shape (r,)."""
    new = np.ones(u.shape[1], dtype=bool)
    sides = [standardized(side[:ROWS]) for side in (u, v)]
    bases = [_extended(np.empty((len(side), 0)), side[:, 0]) for side in sides]
    asked = 1
    for j in range(1, len(new)):
        rest = slice(j, j + 1) if asked < ASKED else slice(j, None)
        shares = [
            _explained(basis, side[:, rest]) for basis, side in zip(bases, sides, strict=True)
        ]
        new[rest] = np.minimum(*shares) < EXPLAINED
        if rest.stop is None:
            break
        if new[j]:
            asked += 1
            bases = [
                _extended(basis, side[:, j]) for basis, side in zip(bases, sides, strict=True)
            ]
    return new


def _extended(basis: Matrix, variate: Matrix) -> Matrix:
    """Return an orthonormal basis that holds a variate's curves as well: ramps from each knot."""
    n = len(variate)
    knots = np.sort(variate)[(np.array(KNOTS) * n).astype(int)]
    curves = standardized(np.column_stack([variate, np.maximum(variate[:, None] - knots, 0)]))
    for _ in range(2):  # once leaves rounding
        curves -= basis @ (basis.T @ curves)
    q, r = np.linalg.qr(curves)
    return np.hstack([basis, q[:, np.abs(np.diag(r)) > 1e-6 * np.sqrt(n)]])


def _explained(basis: Matrix, variates: Matrix) -> Matrix:
    """Return the share of each variate's variance inside the basis (adjusted R^2)."""
    n, p = basis.shape
    if n <= 2 * p:
        return np.zeros(variates.shape[1])
    inside = ((basis.T @ variates) ** 2).sum(axis=0) / n
    return np.asarray(1 - (1 - inside) * (n - 1) / (n - p - 1))


def random_directions(rows: Matrix, count: int, seed: int, spread: Matrix | None = None) -> Matrix:
    """Return Gaussian directions, shape (d, count), on columns in units of their own `spread`.

    The directions depend on the width and the seed alone, so that two sides of one width share
    them and swapping the sides changes nothing.
    """
    width = rows.shape[1]
    scaling = 1 / ((_spread_of(rows) if spread is None else spread) * np.sqrt(width))
    out: Matrix = _normal(seed, width, count) * scaling[:, None]
    return out


def mixed_down(rows: Matrix, seed: int, spread: Matrix) -> Matrix:
    """Return `WIDEST` random mixtures of the columns; those of equal rows are equal."""
    return alike(rows, rows @ random_directions(rows, WIDEST, seed, spread))


@lru_cache(maxsize=4)
def _normal(seed: int, width: int, count: int) -> Matrix:
    """Return Gaussian numbers, kept for the other side and the next pair of layers."""
    numbers = np.random.default_rng([seed, width]).normal(size=(width, count))
    numbers.setflags(write=False)
    return numbers


def usable_columns(rows: Matrix) -> tuple[Matrix, Matrix]:
    """Return the columns that vary, and the standard deviation of each.

    They are multiplied by powers of two if squares of any would leave float64. The first column is
    left of a side that is constant.
    """
    least, largest, total, squares = moments(rows)
    varies = least < largest
    if not varies.all():
        varies[0] |= not varies.any()
        rows = np.ascontiguousarray(rows[:, varies])
        least, largest = least[varies], largest[varies]
        total, squares = total[varies], squares[varies]
    largest = np.maximum(-least, largest)
    if SAFE_LOW < largest.min() <= largest.max() < SAFE_HIGH or largest.max() == 0:
        return rows, _spread(total, squares, len(rows))
    rows = np.ldexp(rows, -np.frexp(largest)[1])
    return rows, _spread_of(rows)


def _spread_of(rows: Matrix) -> Matrix:
    """Return each column's standard deviation, and infinity for constant columns.

    All rows count: a sample of them would miss columns that are seldom other than 0.
    """
    _, _, total, squares = moments(rows)
    return _spread(total, squares, len(rows))


def _spread(total: Matrix, squares: Matrix, n: int) -> Matrix:
    mean = total / n
    with np.errstate(over="ignore", invalid="ignore"):
        variance = squares / n - mean * mean
        # What rounding leaves of a column that hardly varies about its mean is no spread.
        certain = variance > squares / n * 1e-12
    return np.where(certain, np.sqrt(np.maximum(variance, 0)), np.inf)


def _whiten(rows: Matrix, seed: int) -> tuple[Matrix, Matrix]:
    """Return whitened rows, and the map from the columns to them; null directions are dropped."""
    n, width = rows.shape
    mixing = random_directions(rows, WIDEST, seed) if width > WIDEST else None
    scaling = 1 / _spread_of(rows) if mixing is None else np.ones(WIDEST)
    centred = rows * scaling if mixing is None else rows @ mixing
    centred -= centred.mean(axis=0)
    squares, axes = principal_axes(centred)
    transform = axes / np.sqrt(squares / n)
    back = scaling[:, None] * transform
    return centred @ transform, back if mixing is None else mixing @ transform


def _indicators(rows: Matrix) -> Matrix:
    """Return one 0/1 column per distinct row but the last; whitening drops what is redundant."""
    _, codes = np.unique(rows, axis=0, return_inverse=True)
    codes = codes.reshape(-1)
    return (codes[:, None] == np.arange(max(int(codes.max()), 1))).astype(np.float64)
