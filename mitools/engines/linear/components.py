"""Principal components of one side, largest first: its own rotation, which sees no pairing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from mitools.engines.linear.ties import even, settled, tied
from mitools.samples.arrays import Matrix
from mitools.samples.scaling import first_twins

__all__ = ["FINE", "RANK", "RIDGE", "Whitened", "principal_axes", "principal_components"]

#: Components with this share of the largest variance or less are rounding, where the others are
#: divided by their own deviation.
RANK = 1e-10
#: The same where nothing is, and where a small difference between columns may be what counts.
FINE = 1e-13
#: Whitened components are shrunk as if this share of the mean variance were noise.
RIDGE = 1e-3
#: Columns centred at a time, so that 65,536-wide layers are never copied whole.
BLOCK = 4096


def principal_components(side: Matrix, rank: float = RANK, most: int | None = None) -> Matrix:
    r"""Return the scores on the principal axes, largest first.

    With centred :math:`X = U S V^\top` they are :math:`X V = U S`. They come from the eigenvectors
    of :math:`X^\top X` or of :math:`X X^\top`, whichever is smaller. Equal rows get equal scores,
    to the last bit; axes of equal variance are those that lie most in the first columns. Signs are
    arbitrary.

    Args:
        side: Samples, with shape (n, d).
        rank: Components with this share of the largest variance or less are left out.
        most: How many to return at most.

    Returns:
        Scores with shape (n, p); p is 0 for a constant side.
    """
    n, d = side.shape
    if n >= d:
        centred = side - side.mean(axis=0)
        scores = centred @ principal_axes(centred, rank, most)[1]
    else:
        gram = np.zeros((n, n))
        for block in _centred_blocks(side):
            gram += block @ block.T
        squares, vectors = _leading(gram, rank, most, lambda found: _loadings(side, found))
        scores = vectors * np.sqrt(squares)
    twins = first_twins(side)
    return np.ascontiguousarray(scores if twins is None else even(scores[twins]))


def principal_axes(
    centred: Matrix, rank: float = RANK, most: int | None = None
) -> tuple[Matrix, Matrix]:
    """Return the sums of squares along the principal axes, largest first, and the axes.

    Args:
        centred: Samples whose columns have mean 0, with shape (n, d).
        rank: As for `principal_components`.
        most: As for `principal_components`.

    Returns:
        The sums of squares with shape (p,), and orthonormal axes with shape (d, p).
    """
    return _leading(centred.T @ centred, rank, most, lambda axes: axes)


@dataclass(frozen=True, eq=False)
class Whitened:
    """Principal components of one side with about unit variance, the largest first.

    Attributes:
        scores: The components, with shape (n, p).
    """

    scores: Matrix

    @classmethod
    def of(cls, side: Matrix) -> Whitened:
        """Whiten `side`, shape (n, d): at most min(n - 1, d) components."""
        return cls.of_components(principal_components(side), min(side.shape))

    @classmethod
    def of_components(cls, scores: Matrix, most: int | None = None) -> Whitened:
        """Scale the scores of `principal_components` to about unit variance.

        Args:
            scores: Scores with shape (n, p).
            most: How many there could have been, over which the noise is spread; p if None.

        Returns:
            The whitened components.
        """
        variances = (scores**2).mean(axis=0)
        noise = RIDGE * variances.sum() / (most or scores.shape[1])
        return cls(scores / np.sqrt(variances + noise))

    @property
    def kurtosis(self) -> float:
        """Mean fourth power of the length over its value for normal data (Mardia 1970): 1 if so.

        Far above 1 where one component is a function of others, or all share a scale; far below
        for clusters.
        """
        scores = self.scores[:, : max(1, len(self.scores) // 4)]
        squared = (scores**2 / (scores**2).mean(axis=0)).sum(axis=1)
        p = scores.shape[1]
        return float((squared**2).mean() / (p * (p + 2)))

    def reordered(self, order: NDArray[np.int64]) -> Whitened:
        """Return the same components for samples in another order."""
        return Whitened(self.scores[order])


def _leading(
    scatter: Matrix, rank: float, most: int | None, loadings: Callable[[Matrix], Matrix]
) -> tuple[Matrix, Matrix]:
    """Return the eigenvalues above `rank` times the largest, and eigenvectors, ties settled.

    Args:
        scatter: Symmetric, with shape (p, p).
        rank: As above.
        most: How many to return at most.
        loadings: Takes eigenvectors to the columns' coordinates, in which ties are settled.
    """
    size = len(scatter)
    most = size if most is None else min(most, size)
    values, vectors = np.zeros(0), scatter
    if most + 1 < size:  # one more shows whether the last one is tied
        values, vectors = eigh(scatter, subset_by_index=[size - 1 - most, size - 1])
    if len(values) < most + 1 or tied(np.maximum(values[::-1], 0)):
        values, vectors = np.linalg.eigh(scatter)
    values, vectors = values[::-1], vectors[:, ::-1]
    kept = int((values > max(rank * values[0], 0.0)).sum())
    values, vectors = values[:kept], np.ascontiguousarray(vectors[:, :kept])
    for run in tied(values):
        vectors[:, run] = _cleaned(vectors[:, run] @ settled(loadings(vectors[:, run])))
    return values[:most], vectors[:, :most]


def _cleaned(vectors: Matrix) -> Matrix:
    """Return the vectors with exact zeros, so that columns of no part change no bit."""
    return np.where(np.abs(vectors) > 1e-14, vectors, 0.0)


def _loadings(side: Matrix, vectors: Matrix) -> Matrix:
    """Return what eigenvectors of the samples' products are in the columns, at unit length."""
    found = np.concatenate([block.T @ vectors for block in _centred_blocks(side)])
    return found / np.linalg.norm(found, axis=0)


def _centred_blocks(x: Matrix) -> Iterator[Matrix]:
    for start in range(0, x.shape[1], BLOCK):
        block = x[:, start : start + BLOCK]
        yield block - block.mean(axis=0)
