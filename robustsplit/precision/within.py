"""The rows of one layer minus their class means: what every quantity at a precision is made of.

All of them depend on the rows through their inner products alone, so a layer that is wider than
there are inputs is kept as coordinates in the space that its rows span.

*Scale.* Multiplying a ReLU unit by a constant and dividing its outgoing weights by it leaves the
function of a network alone, so it must leave its numbers alone. Each unit is therefore divided by
its own deviation within classes; of a convolution, each channel, over all positions. What remains
is invariant to the order and scale of units. (A rotation of the units does change a network with
rectifiers, and changes the numbers.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["WithinClasses"]

Array = NDArray[np.float64]
#: A unit that varies by less than float32 rounding within a class is constant.
ROUNDING = 8 * float(np.finfo(np.float32).eps)
#: Eigenvalues below this share of the largest are rounding.
ROUNDED = 1e-12


@dataclass(frozen=True, eq=False)
class WithinClasses:
    """A layer's rows minus their class means, all units at one scale.

    Attributes:
        rows: Coordinates of the inputs, with shape (n, r) and r at most n: distances and inner
            products are those of the layer.
        labels: Class of each row, with shape (n,), from 0.
        width: Number of units of the layer.
        sketch: How many columns the rows were projected to before; None: they were not.
        varying: How many units (of a convolution: channels) vary within classes.
    """

    rows: Array
    labels: NDArray[np.int64]
    width: int
    sketch: int | None = None
    varying: int = 0

    @classmethod
    def of(
        cls,
        rows: ArrayLike,
        labels: Sequence[int] | NDArray[np.int64],
        *,
        units: NDArray[np.int64] | None = None,
        scaled: bool = True,
        width: int | None = None,
        sketch: int | None = None,
    ) -> WithinClasses:
        """Centre rows by class and scale them by unit.

        Args:
            rows: Activations, with shape (n, ...).
            labels: With shape (n,).
            units: The unit of each column, from 0, with shape (d,): columns of one unit share a
                scale. None: each column is its own.
            scaled: False keeps the scale of the units as it is.
            width: Number of units where `rows` are a projection of them.
            sketch: How many columns `rows` were projected to; None: they were not.

        Returns:
            The layer.

        Raises:
            ValueError: For rows that are not finite, labels of another number, or a class of one.
        """
        matrix = np.asarray(rows, dtype=float)
        matrix = matrix.reshape(len(matrix), -1)
        codes = np.unique(np.asarray(labels), return_inverse=True)[1].reshape(-1)
        _check(matrix, codes)
        kept, varying = _scaled(_centred(matrix, codes), matrix, units, scaled)
        return cls(_compressed(kept), codes, width or matrix.shape[1], sketch, varying)

    @property
    def freedom(self) -> int:
        """Degrees of freedom: rows minus classes."""
        return len(self.labels) - (int(self.labels.max()) + 1)

    @cached_property
    def squares(self) -> Array:
        """Squared length of each row, with shape (n,)."""
        return np.asarray((self.rows**2).sum(axis=1))

    @property
    def power(self) -> float:
        """Sum of the variances within classes: the trace of S."""
        return float(self.squares.sum() / self.freedom)

    @cached_property
    def eigen(self) -> tuple[Array, Array]:
        """Eigenvalues of S that are not 0, and the inputs' unit coordinates in them, (n, r)."""
        values, vectors = np.linalg.eigh(self.rows.T @ self.rows / self.freedom)
        kept = values > ROUNDED * values[-1]
        scale = np.sqrt(values[kept] * self.freedom)
        return values[kept], self.rows @ vectors[:, kept] / scale

    def some(self, keep: NDArray[np.int64]) -> WithinClasses:
        """Return the layer on some of the inputs only, centred anew.

        Args:
            keep: Their places; two or more of each class that is among them.
        """
        codes = np.unique(self.labels[keep], return_inverse=True)[1].reshape(-1)
        rows = _compressed(_centred(self.rows[keep], codes))
        return WithinClasses(rows, codes, self.width, self.sketch, self.varying)


def _compressed(rows: Array) -> Array:
    """Return rows of at most as many columns as there are rows, with the same inner products."""
    if rows.shape[1] <= len(rows):
        return rows
    values, vectors = np.linalg.eigh(rows @ rows.T)
    kept = values > ROUNDED * max(values[-1], 0.0)
    return np.asarray(vectors[:, kept] * np.sqrt(values[kept]))


def _check(matrix: Array, codes: NDArray[np.int64]) -> None:
    if len(codes) != len(matrix):
        raise ValueError(
            f"`labels` must have one entry per row, got {len(codes)} for {len(matrix)} rows."
        )
    if not np.isfinite(matrix).all():
        row, column = np.argwhere(~np.isfinite(matrix))[0]
        raise ValueError(
            f"Activations must be finite, got {matrix[row, column]} in row {row}, column {column}."
        )
    fewest = int(np.bincount(codes).min()) if len(codes) else 0
    if fewest < 2:
        raise ValueError(
            "Every class needs at least two inputs to vary within, and the smallest has "
            f"{fewest}. Add inputs or leave the class out."
        )


def _centred(matrix: Array, codes: NDArray[np.int64]) -> Array:
    """Return rows minus their class means, exactly 0 where a column is constant in a class."""
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(codes.max() + 1))
    counts = np.diff(np.append(starts, len(codes)))
    ordered = matrix[order]
    means = np.add.reduceat(ordered, starts, axis=0) / counts[:, None]
    highest = np.maximum.reduceat(ordered, starts, axis=0)
    lowest = np.minimum.reduceat(ordered, starts, axis=0)
    varies = highest - lowest > ROUNDING * np.maximum(np.abs(highest), np.abs(lowest))
    return (matrix - means[codes]) * varies[codes]


def _scaled(
    centred: Array, matrix: Array, units: NDArray[np.int64] | None, scaled: bool
) -> tuple[Array, int]:
    """Return rows with every unit at the same power, and how many units vary."""
    squares = (centred**2).sum(axis=0)
    if units is None:
        power, columns = squares, np.ones_like(squares)
    else:
        power = np.bincount(units, weights=squares)[units]
        columns = np.bincount(units)[units].astype(float)
    varies = power > 0
    varying = int(varies.sum()) if units is None else len(np.unique(units[varies]))
    if not scaled:
        return centred, varying
    factor = np.zeros_like(power)
    factor[varies] = np.sqrt(len(matrix) * columns[varies] / power[varies])
    return centred * factor, varying
