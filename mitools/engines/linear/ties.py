"""What to take where a decomposition leaves a choice.

Equal eigenvalues, or equal singular values, leave their vectors free but for the space they span:
which ones come out is up to rounding, and so to the processor and the number of threads. That is
no rare case. The canonical correlations of a side with itself are all 1, and so are some of every
pair with more columns than rows; the variances of a balanced design are all equal. The rule here:
of the free directions, those come first that lie most in the first coordinates.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mitools.samples.arrays import Matrix

__all__ = ["even", "pair_signs", "settled", "tied"]

#: Neighbouring values are equal if they differ by less than this share of themselves, far above
#: what rounding does to them and far below any gap that data leave by chance;
TIED = 1e-8
#: or by less than this share of the largest one, which is what rounding does to small ones.
ROUNDING = 1e-13
#: Variates whose mean cube is this small are symmetric, and it tells no sign.
SYMMETRIC = 1e-9
#: Binary digits that are kept of the largest value of a column.
DIGITS = 28


def tied(values: NDArray[np.float64]) -> list[slice]:
    """Return the runs of two or more values that are equal but for rounding.

    Args:
        values: What is not negative, largest first, with shape (p,).

    Returns:
        The places of each run.
    """
    if len(values) < 2:
        return []
    equal = values[:-1] - values[1:] <= TIED * values[:-1] + ROUNDING * values[0]
    edges = np.flatnonzero(np.diff(np.concatenate([[False], equal, [False]])))
    return [slice(start, stop + 1) for start, stop in zip(edges[::2], edges[1::2], strict=True)]


def settled(*coordinates: Matrix) -> Matrix:
    """Return the rotation of tied directions after which the first lie most in the first columns.

    Weights fall evenly from the first coordinate to the last; the directions become the principal
    ones of the weighted squares, summed over the sides. How they were rotated before, and the
    signs of the coordinates, make no difference.

    Args:
        coordinates: The m tied directions of one side, or of each of two, with shape (p, m).

    Returns:
        An orthogonal matrix with shape (m, m), to be multiplied to them from the right.
    """
    weighted = sum(
        (part.T * np.linspace(1, 0, len(part), endpoint=False)) @ part for part in coordinates
    )
    return np.asarray(np.linalg.eigh(weighted)[1][:, ::-1])


def even(columns: Matrix) -> Matrix:
    """Return columns to 28 binary digits of their largest value.

    For sides whose rows repeat: a design or a grid, rotated, has values and distances that are
    equal but for rounding, and neighbours would take the rounding for an order. Changes of unit by
    a power of two change no digit.

    Args:
        columns: With shape (n, p).
    """
    largest = np.abs(columns).max(axis=0, initial=0.0)
    step = np.ldexp(1.0, np.frexp(largest)[1] - DIGITS)
    return np.asarray(np.rint(columns / step) * step)


def pair_signs(u: Matrix, v: Matrix) -> Matrix:
    """Return a sign for each canonical pair: it is arbitrary, and the same for swapped sides.

    It is the sign of the mean cubes, or that of the first row where the variates are symmetric.

    Args:
        u: Variates of x, with about unit variance, with shape (n, r).
        v: Variates of y, likewise.

    Returns:
        1 or -1, with shape (r,).
    """
    skew = (u**3 + v**3).mean(axis=0)
    both = u + v
    first = both[(np.abs(both) > SYMMETRIC).argmax(axis=0), np.arange(both.shape[1])]
    return np.where(np.where(np.abs(skew) > SYMMETRIC, skew, first) < 0, -1.0, 1.0)
