"""Small data of every kind that an estimator meets, the same to the bit on every machine.

They are made of random draws and single additions, products and roundings, which IEEE arithmetic
fixes; matrix products and special functions are left out, as machines round them differently.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = ["labels", "sample"]

Matrix = NDArray[np.float64]
Pair = tuple[Matrix, Matrix]

Kind = Callable[[np.random.Generator, int, int], Pair]

#: Rows of a sample, unless its name says otherwise.
N = 240


def _gaussian(rng: np.random.Generator, n: int, width: int) -> Pair:
    """Normal columns; the first two pairs of columns are correlated."""
    x, y = rng.normal(size=(2, n, width))
    y[:, :2] = 0.75 * x[:, :2] + 0.66 * y[:, :2]
    return x, y


def _independent(rng: np.random.Generator, n: int, width: int) -> Pair:
    x, y = rng.normal(size=(2, n, width))
    return x, y


def _rounded(rng: np.random.Generator, n: int, width: int) -> Pair:
    x, y = _gaussian(rng, n, width)
    return np.round(4 * x) / 4, np.round(4 * y) / 4


def _classes(rng: np.random.Generator, n: int, width: int) -> Pair:
    """Class labels as Y, and their shifted means in X."""
    y = rng.integers(4, size=(n, 1)).astype(float)
    return rng.normal(size=(n, width)) + y, y


def _integers(rng: np.random.Generator, n: int, width: int) -> Pair:
    x = rng.integers(6, size=(n, width))
    y = (x + rng.integers(3, size=(n, width))) % 6
    return x.astype(float), y.astype(float)


def _atoms(rng: np.random.Generator, n: int, width: int) -> Pair:
    """What a ReLU leaves: half of the values are exactly zero."""
    x, y = _gaussian(rng, n, width)
    return np.maximum(x, 0.0), np.maximum(y, 0.0)


def _heavy(rng: np.random.Generator, n: int, width: int) -> Pair:
    """Cauchy columns."""
    x, y = _gaussian(rng, n, width)
    own_x, own_y = rng.normal(size=(2, n, width))
    return x / own_x, y / own_y


def _constant(rng: np.random.Generator, n: int, width: int) -> Pair:
    """A constant column beside the others; the only one at width 1."""
    x, y = _gaussian(rng, n, width)
    x[:, -1], y[:, 0] = 3.0, -0.5
    return x, y


def _copies(rng: np.random.Generator, n: int, width: int) -> Pair:
    """Y is X, in other units."""
    x = rng.normal(size=(n, width))
    return x, 4.0 * x


KINDS: Mapping[str, Kind] = {
    "gaussian": _gaussian,
    "independent": _independent,
    "rounded": _rounded,
    "classes": _classes,
    "integers": _integers,
    "atoms": _atoms,
    "heavy": _heavy,
    "constant": _constant,
    "copies": _copies,
}


def sample(name: str) -> Pair:
    """Return both sides, with shape (n, d), of a kind and width such as "gaussian 3".

    There are 240 rows unless a third number says how many: "gaussian 3 2000".
    """
    kind, width, n = [*name.split(), str(N)][:3]
    rng = np.random.default_rng(list(f"{kind} {width}".encode()))
    return KINDS[kind](rng, int(n), int(width))


def labels() -> NDArray[np.int64]:
    """Return labels for a sample of the usual size: two classes of 80 and 160 rows."""
    return (np.arange(N) % 3 > 0).astype(np.int64)
