r"""Canonical directions of a pair of sides (Hotelling 1936), from components of either side.

With :math:`X = Q_X R_X` and :math:`Y = Q_Y R_Y` centred, the singular values of
:math:`Q_X^\top Q_Y = U S V^\top` are the canonical correlations, and the directions are the
columns of :math:`R_X^{-1} U` and :math:`R_Y^{-1} V`. Triangles nest: the upper left corners are
those of fewer components, so that one decomposition serves any number of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh, solve_triangular

from mitools.engines.linear.ties import settled, tied
from mitools.samples.arrays import Matrix

__all__ = ["Pairing", "canonical_correlations", "centred", "singular_pairs", "triangle"]

#: With more components than this many times the pairs, only the leading pairs are worked out; not
#: if the last of them is so small that its square is rounding, relative to that of the first.
FEW, SMALL = 3, 1e-8
#: From this width on, all singular vectors come from an eigendecomposition, in half the time;
#: those of values below this one are not orthogonal then.
NARROW, LEAST = 32, 1e-6
#: Components with this share of the largest deviation or less on some samples are absent there,
EMPTY = 1e-10
#: and get this deviation, which leaves them no weight.
HUGE = 1e150
#: Entries of a cross-correlation below this are rounding.
ROUNDING = 1e-14


def canonical_correlations(x: Matrix, y: Matrix) -> Matrix:
    """Return the canonical correlations of two sides on the samples that they were fitted to.

    Args:
        x: Samples of X with linearly independent columns, with shape (n, p).
        y: Paired samples of Y, likewise with shape (n, q).

    Returns:
        min(p, q) correlations, largest first.
    """
    q_x, q_y = (np.linalg.qr(centred(side))[0] for side in (x, y))
    return np.linalg.svd(q_x.T @ q_y, compute_uv=False)


def triangle(columns: Matrix, ridge: float = 0.0) -> Matrix:
    """Return an upper triangle R with R'R = X'X + n ridge, for centred columns X.

    A component that is absent from these samples gets a deviation so large that its weight in any
    direction is 0: it may be there in the samples that the directions are applied to.

    Args:
        columns: Centred, with shape (n, p).
        ridge: Variance added to each component.
    """
    if ridge > 0:
        squares = columns.T @ columns + len(columns) * ridge * np.eye(columns.shape[1])
        return np.ascontiguousarray(np.linalg.cholesky(squares).T)
    r = np.asarray(np.linalg.qr(columns, mode="r"))
    deviations = np.abs(np.diag(r))
    present = deviations > EMPTY * deviations.max(initial=0.0)
    if present.all():
        return r
    whole = np.diag(np.where(present, 0.0, HUGE))
    if present.any():
        kept = np.flatnonzero(present)
        whole[np.ix_(kept, kept)] = triangle(columns[:, kept])
    return whole


@dataclass(frozen=True, eq=False)
class Pairing:
    """What the canonical directions of any number of leading components follow from.

    Attributes:
        r_x: The triangle of x, with shape (p, p).
        r_y: The triangle of y, with shape (q, q).
        correlations: Cross-correlations of the whitened components, with shape (p, q).
    """

    r_x: Matrix
    r_y: Matrix
    correlations: Matrix

    @classmethod
    def of(cls, x: Matrix, r_x: Matrix, y: Matrix, ridge: float = 0.0) -> Pairing:
        """Pair two sides.

        Args:
            x: Centred components of x on some samples, with shape (n, p).
            r_x: Their triangle, which several pairings of x share.
            y: Centred components of y on the same samples, with shape (n, q).
            ridge: As for `triangle`.

        Returns:
            The pair, with the cross-correlations of its whitened components.
        """
        r_y = triangle(y, ridge)
        q_y = solve_triangular(r_y, y.T, trans="T", check_finite=False).T
        cross = solve_triangular(r_x, x.T @ q_y, trans="T", check_finite=False)
        return cls(r_x, r_y, cross)

    def directions(self, size: int, pairs: int) -> tuple[Matrix, Matrix]:
        """Return the leading directions in the first components, the most correlated pair first.

        Args:
            size: How many components a side to use.
            pairs: How many pairs to return at most.

        Returns:
            Coefficients of the components of x with shape (p, r), and of y with shape (q, r);
            p and q are at most `size`.
        """
        left, _, right = singular_pairs(self.correlations[:size, :size], pairs)
        return (
            solve_triangular(self.r_x[:size, :size], left, check_finite=False),
            solve_triangular(self.r_y[:size, :size], right, check_finite=False),
        )


def singular_pairs(matrix: Matrix, most: int | None = None) -> tuple[Matrix, Matrix, Matrix]:
    """Return the leading singular vectors and values of a matrix of correlations, ties settled.

    Args:
        matrix: Rows and columns belong to the components of two sides, the larger ones first, with
            shape (p, q).
        most: How many pairs to return at most.

    Returns:
        Left vectors with shape (p, r), values with shape (r,), largest first, and right vectors
        with shape (q, r). Vectors of values near 0 need not be orthogonal.
    """
    matrix = np.where(np.abs(matrix) > ROUNDING, matrix, 0.0)
    size = min(matrix.shape)
    found = None
    if most is not None and size > FEW * most:
        found = _few_pairs(matrix, most)
    elif most is None and size >= NARROW:
        squares, left = np.linalg.eigh(matrix @ matrix.T)
        left, squares = left[:, ::-1][:, :size], squares[::-1][:size]
        values = np.sqrt(np.maximum(squares, LEAST**2))
        found = left, values, matrix.T @ left / values
    if found is None:
        left, values, right = np.linalg.svd(matrix, full_matrices=False)
        found = left, values, right.T
    left, values, right = (np.array(each) for each in found)
    for run in tied(values):
        if values[run.stop - 1] > LEAST:
            turn = settled(left[:, run], right[:, run])
            left[:, run], right[:, run] = left[:, run] @ turn, right[:, run] @ turn
    return left[:, :most], values[:most], right[:, :most]


def centred(columns: Matrix) -> Matrix:
    """Return the columns less their means."""
    return columns - columns.mean(axis=0)


def _few_pairs(matrix: Matrix, most: int) -> tuple[Matrix, Matrix, Matrix] | None:
    """Return the leading pairs alone, or None where that is not possible to full precision."""
    last = len(matrix) - 1
    squares, left = eigh(  # one more than asked for shows whether the last one is tied
        matrix @ matrix.T, subset_by_index=[last - most, last], check_finite=False
    )
    if len(squares) <= most or squares[1] <= SMALL * squares[-1]:
        return None
    values = np.sqrt(np.maximum(squares[::-1], 0.0))
    if tied(values):
        return None
    left, values = left[:, :0:-1], values[:-1]
    return left, values, matrix.T @ left / values
