"""Hashes of one side: margins to quantiles or labels, and quantiles to nested cells."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mitools._kernels.cells.lsh import margin_quantiles
from mitools._kernels.cells.projection import project
from mitools.samples.kinds import few_distinct

__all__ = ["Grid", "Side", "sample_rows"]

Matrix = NDArray[np.float64]

#: Knots of a column's quantile transform, for many samples.
KNOTS = 8192
#: Up to this many samples, the quantiles are exact mid-ranks all the same.
EXACT = 1 << 15
#: Rows looked at before all of them, to see whether a side may be discrete.
GLANCE = 2000
#: A side is discrete when its distinct rows repeat this often on average.
REPEATS = 5


@dataclass(frozen=True, eq=False)
class Side:
    """How one side's rows become bounded coordinates: its labels if discrete, else its quantiles.

    Attributes:
        projection: Directions, with shape (d, p), or None for the columns themselves.
        knots: Per coordinate, the sorted values that define its quantiles; empty for labels.
        labels: The distinct rows of a discrete side, sorted, with shape (K, d), or None.
    """

    projection: Matrix | None
    knots: tuple[Matrix, ...]
    labels: Matrix | None = None

    @classmethod
    def fit(cls, rows: Matrix, projection: Matrix | None = None) -> Side:
        """Learn the quantiles of a side, or of its projections.

        Args:
            rows: Samples of the side, with shape (n, d).
            projection: Directions to project them on first, with shape (d, p), or None.

        Returns:
            The fitted side.
        """
        if projection is not None:
            rows = project(rows, projection)
        chosen = rows if len(rows) <= EXACT else rows[sample_rows(len(rows), KNOTS)]
        return cls(projection, tuple(np.sort(column) for column in chosen.T))

    @classmethod
    def discrete_or_none(cls, rows: Matrix) -> Side | None:
        """Return labels if the rows repeat so often that the side is discrete, else None."""
        labels = few_distinct(rows, sample_rows(len(rows), GLANCE), REPEATS, least=2)
        return None if labels is None else cls(None, (), labels)

    def widened(self, row: NDArray[np.float64], kept: NDArray[np.bool_]) -> Side:
        """Return the same hash for rows with further columns, constant where it was fit.

        Args:
            row: Any row with all columns, with shape (d,).
            kept: Which columns the hash is of, with shape (d,).
        """
        if kept.all():
            return self
        if self.labels is not None:
            labels = np.tile(row, (len(self.labels), 1))
            labels[:, kept] = self.labels
            return replace(self, labels=labels)
        projection = np.zeros((len(kept), len(self.knots)))
        projection[kept] = np.eye(int(kept.sum())) if self.projection is None else self.projection
        return replace(self, projection=projection)

    def n_cells(self, steps: int) -> int:
        """Return how many finest cells there are: labels, or 2^steps."""
        return 1 << steps if self.labels is None else len(self.labels)

    @property
    def discrete(self) -> bool:
        """Whether each distinct row is a cell of its own."""
        return self.labels is not None

    @property
    def dimensions(self) -> int:
        """How many coordinates are hashed."""
        return 1 if self.discrete else len(self.knots)

    def coordinates(self, rows: Matrix) -> Matrix:
        """Return label numbers, with shape (n, 1), or quantiles in (0, 1), with shape (n, p)."""
        if self.labels is not None:
            return _codes_of(rows, self.labels).astype(np.float64)[:, None]
        if self.projection is not None:
            rows = project(rows, self.projection)
        out = np.empty((len(rows), len(self.knots)))
        for j, knots in enumerate(self.knots):
            out[:, j] = margin_quantiles(np.ascontiguousarray(rows[:, j]), knots)
        return out


@dataclass(frozen=True, eq=False)
class Grid:
    """One member of the ensemble: floor((u + b) / eps) for a chain of eps, each half the last.

    Attributes:
        scale: The finest-to-coarsest factor all bandwidths share, in (1/2, 1].
        shifts: One offset per coordinate, the same on both sides: swapping the sides changes
            nothing.
        order: In which order the coordinates are halved.
        steps: How often one coordinate of a side is halved, in all.
    """

    scale: float
    shifts: Matrix
    order: NDArray[np.int64]
    steps: int


def sample_rows(n: int, size: int, seed: int = 0) -> NDArray[np.int64]:
    """Return `size` of n row numbers, increasing: one at random from each of `size` equal strips.

    Strips cover drifting data evenly, and a random place in each does not beat with periods.

    Args:
        n: How many rows there are.
        size: How many to return; all if there are no more.
        seed: Seed of the places.
    """
    if size >= n:
        return np.arange(n)
    edges = np.arange(size + 1) * n // size
    inside = np.random.default_rng(seed).random(size) * np.diff(edges)
    return np.asarray(edges[:-1] + inside.astype(np.int64))


def _codes_of(rows: Matrix, labels: Matrix) -> NDArray[np.int64]:
    """Return each row's position among the sorted `labels`."""
    if labels.shape[1] == 1:
        keys, known = rows[:, 0], labels[:, 0]
        codes = np.minimum(np.searchsorted(known, keys), len(known) - 1)
        matches = known[codes] == keys
    else:
        both = np.concatenate([labels, rows])
        distinct, inverse = np.unique(both, axis=0, return_inverse=True)
        inverse = inverse.reshape(-1)
        position = np.full(len(distinct), -1)
        position[inverse[: len(labels)]] = np.arange(len(labels))
        codes = position[inverse[len(labels) :]]
        matches = codes >= 0
    if not matches.all():
        raise ValueError(
            f"{int((~matches).sum())} rows hold values that the sample given to `fit_hash` did "
            "not, and that sample was discrete. Fit the hash on a sample that has every value."
        )
    return np.asarray(codes)
