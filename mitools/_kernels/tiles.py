"""Euclidean searches in many dimensions: float32 matrix products rule out pairs, float64 decides.

For rows a and b of one side, ``|a - b|^2 = |a|^2 + |b|^2 - 2 a.b``, and the products a.b of a
block of rows with all rows are one matrix product. In float32, with columns centred, the error is
at most ``e (|a|^2 + |b|^2)`` with ``e = (d + 16) 2^-24`` (rounding of the inputs, of the product's
d terms and of the norms). So ``(1 - e)(|a|^2 + |b|^2) - 2 a.b`` is never above the true value and
``(1 + e)(...) - 2 a.b`` never below. Pairs that these bounds do not decide are computed again in
float64, with the arithmetic of every other search: the result is exact, and the same at any number
of threads.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mitools._kernels.knn import insert, side_distance, strict_radii

__all__ = ["Products", "products", "tile_counts", "tile_margin_counts"]

Matrix = NDArray[np.float64]
Single = NDArray[np.float32]

#: Pairs looked at together; only a group that holds a candidate is looked at one by one.
GROUP = 64

#: Below the smallest normal float32 errors are absolute; this covers them, for values of order 1.
TINY = 1e-30


class Products(NamedTuple):
    """One side in float32, centred and of order 1, with what bounds its squared distances."""

    rows: Single  # (n, d)
    low: Single  # (n,), (1 - e) |a|^2
    high: Single  # (n,), (1 + e) |a|^2
    scale: float  # squared distances here, times this power of two, are those of the data


def products(*sides: Matrix) -> list[Products]:
    """Return the sides, each with shape (n, d), ready for matrix products, on one scale."""
    centred = [side - side.mean(axis=0) for side in sides]
    exponent = max(int(np.frexp(np.abs(side).max())[1]) for side in centred)
    ready = []
    for side in centred:
        rows = np.ldexp(side, -exponent).astype(np.float32)
        norms = np.einsum("ij,ij->i", rows, rows, dtype=np.float64)
        relative = (side.shape[1] + 16) * 2.0**-24
        low = (norms * (1 - relative) - TINY).astype(np.float32)
        high = (norms * (1 + relative) + TINY).astype(np.float32)
        ready.append(Products(rows, low, high, 4.0**exponent))
    return ready


@njit(cache=True, nogil=True, fastmath={"nnan", "nsz"})
def group_minimum(
    tile_x: Single,
    tile_y: Single,
    x_own: np.float32,
    y_own: np.float32,
    low_x: Single,
    low_y: Single,
) -> np.float32:  # pragma: no cover - compiled
    """Return the smallest lower bound of the joint distance in one group.

    All inputs are finite, so a minimum may be taken in any order: that is all the flags allow.
    """
    smallest = np.float32(np.inf)
    two = np.float32(2.0)
    for j in range(len(tile_x)):
        x = (x_own + low_x[j]) - two * tile_x[j]
        y = (y_own + low_y[j]) - two * tile_y[j]
        joint = x if x > y else y
        smallest = joint if joint < smallest else smallest
    return smallest


@njit(cache=True, nogil=True)
def count_group(
    tile: Single, own: np.float32, bounds: Single, limit: np.float32
) -> np.int32:  # pragma: no cover - compiled
    """Return how many of a group's bounded distances are below `limit`."""
    found = np.int32(0)
    two = np.float32(2.0)
    for j in range(len(tile)):
        found = np.int32(found + np.int32((own + bounds[j]) - two * tile[j] < limit))
    return found


@njit(cache=True, nogil=True)
def tile_side_count(
    i: int, tile: Single, products: Products, points: Matrix, radius: float
) -> int:  # pragma: no cover - compiled
    """Return how many other rows lie strictly within `radius` of row i, on one side."""
    if not radius > 0.0:
        return 0
    low, high = products.low, products.high
    sure = np.nextafter(np.float32(radius / products.scale), np.float32(-np.inf))
    maybe = np.nextafter(np.float32(radius / products.scale), np.float32(np.inf))
    two = np.float32(2.0)
    found = -1  # the point itself
    for start in range(0, len(tile), GROUP):
        end = min(start + GROUP, len(tile))
        certain = count_group(tile[start:end], high[i], high[start:end], sure)
        possible = count_group(tile[start:end], low[i], low[start:end], maybe)
        found += int(certain)
        if certain == possible:
            continue
        for j in range(start, end):
            if (low[i] + low[j]) - two * tile[j] < maybe and not (
                (high[i] + high[j]) - two * tile[j] < sure
            ):
                found += side_distance(points, i, j, True, radius) < radius
    return found


@njit(cache=True, nogil=True)
def tile_counts(
    first: int,
    last: int,
    offset: int,
    tiles: tuple[Single, Single],
    sides: tuple[Products, Products],
    points: tuple[Matrix, Matrix],
    settings: tuple[int, tuple[int, bool]],
    counts: NDArray[np.int64],
) -> None:  # pragma: no cover - compiled
    """Fill ``counts[:, offset + first:offset + last]`` from the products of one block of rows.

    Args:
        first: First row of the block in this share of the work.
        last: The row after its last.
        offset: The block's first row.
        tiles: Products of the block's rows with all rows, per side, with shape (block, n).
        sides: What `products` returned, per side.
        points: The data in float64, per side.
        settings: ``(k, (variant, True))``.
        counts: Output, with shape (2, n).
    """
    k, options = settings
    side_x, side_y = sides
    x, y = points
    n_samples = len(x)
    two = np.float32(2.0)
    uppers, kept = np.empty(k), np.empty(k, np.int64)
    distances, rows = np.empty(k), np.empty(k, np.int64)
    candidates, lowers = np.empty(n_samples, np.int64), np.empty(n_samples)
    for r in range(first, last):
        i = offset + r
        tile_x, tile_y = tiles[0][r], tiles[1][r]
        own_x, own_y = side_x.low[i], side_y.low[i]
        worst = np.inf
        uppers[:] = np.inf
        kept[:] = n_samples
        n_candidates = 0
        for start in range(0, n_samples, GROUP):
            end = min(start + GROUP, n_samples)
            smallest = group_minimum(
                tile_x[start:end],
                tile_y[start:end],
                own_x,
                own_y,
                side_x.low[start:end],
                side_y.low[start:end],
            )
            if smallest > worst:
                continue
            for j in range(start, end):
                lower_x = (own_x + side_x.low[j]) - two * tile_x[j]
                lower_y = (own_y + side_y.low[j]) - two * tile_y[j]
                lower = max(lower_x, lower_y)
                if lower > worst or j == i:
                    continue
                candidates[n_candidates], lowers[n_candidates] = j, lower
                n_candidates += 1
                upper_x = (side_x.high[i] + side_x.high[j]) - two * tile_x[j]
                upper_y = (side_y.high[i] + side_y.high[j]) - two * tile_y[j]
                upper = max(upper_x, upper_y)
                if upper < worst:
                    worst = insert(uppers, kept, upper, j)
        exact = np.inf
        distances[:] = np.inf
        rows[:] = n_samples
        for c in range(n_candidates):
            if lowers[c] > worst:
                continue
            j = candidates[c]
            distance = side_distance(x, i, j, True, exact)
            if distance > exact:
                continue
            other = side_distance(y, i, j, True, exact)
            if other <= exact:
                exact = insert(distances, rows, max(distance, other), j)
        radius_x, radius_y = strict_radii(x, y, i, distances, rows, options)
        counts[0, i] = tile_side_count(i, tile_x, side_x, x, radius_x)
        counts[1, i] = tile_side_count(i, tile_y, side_y, y, radius_y)


@njit(cache=True, nogil=True)
def tile_margin_counts(
    first: int,
    last: int,
    offset: int,
    tile: Single,
    side: Products,
    points: Matrix,
    radii: Matrix,
    counts: NDArray[np.int64],
) -> None:  # pragma: no cover - compiled
    """Fill ``counts[offset + first:offset + last]`` with one side's counts, for known radii."""
    for r in range(first, last):
        i = offset + r
        counts[i] = tile_side_count(i, tile[r], side, points, radii[i])
