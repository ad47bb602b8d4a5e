"""What a side goes through first: constant columns are dropped, others scaled, ties broken."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from mitools._kernels.columns import adjacent_twins, extremes, row_keys, twins_in

__all__ = [
    "TIE_JITTER",
    "alike",
    "break_ties",
    "common_scale",
    "distinct_rows",
    "drop_constant",
    "first_twins",
    "has_repeats",
    "standardized",
    "twin_rows",
    "varying_columns",
]

Matrix = NDArray[np.float64]

#: Column deviations outside these limits are rescaled by a power of two first, so that squares
#: stay finite.
SAFE_LOW, SAFE_HIGH = 1e-100, 1e100

#: Ties are broken by this much of a column's standard deviation, far below any step.
TIE_JITTER = 1e-10


def drop_constant(side: Matrix) -> Matrix:
    """Return `side` without the columns that hold one value; they change no distance."""
    least, largest = extremes(side)
    varies = least < largest
    return side if varies.all() else np.ascontiguousarray(side[:, varies])


def standardized(side: Matrix) -> Matrix:
    """Return columns with mean 0 and standard deviation 1, for columns that vary.

    Exact under a change of unit by a power of two: the result has the same bits.
    """
    least, largest = extremes(side)
    largest = np.maximum(-least, largest)
    if largest.max() > SAFE_HIGH or largest.min() < SAFE_LOW:
        side = np.ldexp(side, -np.frexp(largest)[1])
    centred = side - side.mean(axis=0)
    spread = np.sqrt(np.einsum("ij,ij->j", centred, centred) / len(side))
    # a spread that underflows to 0 beside a huge mean leaves the column as it is
    centred /= np.where(spread > 0, spread, 1.0)
    return centred


def common_scale(*sides: Matrix) -> list[Matrix]:
    """Return the sides, times one power of two where squares would otherwise leave float64."""
    largest = max(float(np.abs(side).max()) for side in sides)
    if SAFE_LOW < largest < SAFE_HIGH:
        return list(sides)
    exponent = int(np.frexp(largest)[1])
    return [np.ldexp(side, -exponent) for side in sides]


def varying_columns(side: Matrix) -> NDArray[np.bool_]:
    """Return which columns hold more than one value, with shape (d,); the first if none does."""
    least, largest = extremes(side)
    varies: NDArray[np.bool_] = least < largest
    varies[0] |= not varies.any()
    return varies


def has_repeats(side: Matrix) -> bool:
    """Return whether any column holds some value twice."""
    for column in side.T:
        if adjacent_twins(np.sort(column)):
            return True
    return False


def twin_rows(side: Matrix, order: NDArray[np.int64] | None = None) -> NDArray[np.bool_]:
    """Return for each row whether another row is equal to it, with shape (n,).

    Args:
        side: The rows, with shape (n, d).
        order: The rows in order of the first column, where it is known.
    """
    first = side[:, 0]
    # equal rows are equal in every column
    if not (adjacent_twins(np.sort(first)) if order is None else twins_in(first, order)):
        return np.zeros(len(side), bool)
    keys = row_keys(side)
    _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    return np.asarray(counts[inverse.reshape(-1)] > 1)


def distinct_rows(rows: Matrix) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where each distinct row occurs first, and the number of each row's distinct one."""
    if not twin_rows(rows).any():
        alone = np.arange(len(rows))
        return alone, alone
    order = np.lexsort(rows.T)
    new = np.ones(len(rows), bool)
    new[1:] = (rows[order[1:]] != rows[order[:-1]]).any(axis=1)
    inverse = np.empty(len(rows), np.int64)
    inverse[order] = np.cumsum(new) - 1
    return order[new], inverse


def first_twins(side: Matrix) -> NDArray[np.int64] | None:
    """Return the first row that is equal to each row, with shape (n,); None if all differ.

    What is computed of equal rows may differ in the last bit, as BLAS adds up in another order at
    the end of a block. Taking the result of the first one for all of them makes them equal.
    """
    if side.shape[1] == 0:
        return None
    first, inverse = distinct_rows(side)
    return None if len(first) == len(side) else first[inverse]


def alike(side: Matrix, computed: Matrix) -> Matrix:
    """Return what was computed of each row of `side`, made the same for rows that are equal."""
    twins = first_twins(side)
    return computed if twins is None else np.ascontiguousarray(computed[twins])


def break_ties(side: Matrix, jitter: float, seed: int) -> Matrix:
    """Return `side` plus normal noise of standard deviation `jitter` times each column's own.

    The noise is drawn from `seed` and the order of the values, not from the side's position or
    unit: swapping the sides or rescaling a column changes nothing, and a side paired with itself
    stays so.

    Args:
        side: The side, with shape (n, d).
        jitter: The standard deviation of the noise, as a share of each column's.
        seed: Seed of the noise.
    """
    digest = hashlib.blake2b(repr(side.shape).encode(), digest_size=8)
    for column in side.T[:16]:
        digest.update(np.unique(column, return_inverse=True)[1].astype(np.int64).tobytes())
    generator = np.random.default_rng([seed, int.from_bytes(digest.digest(), "little")])
    return side + jitter * side.std(axis=0) * generator.standard_normal(side.shape)
