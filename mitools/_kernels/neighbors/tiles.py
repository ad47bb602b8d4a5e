"""Searches that look at every pair: float32 rules out most of them, float64 decides.

A tile holds the distances of a block of rows to all rows on one side, in float32 and with columns
centred. For squared Euclidean distances it is one matrix product: ``|a - b|^2`` is the product of
``(-2 a, 1, |a|^2)`` and ``(b, |b|^2, 1)``, with an error of at most ``e (|a|^2 + |b|^2)``,
``e = (2 d + 32) 2^-24``: 4 units for the rounding of the inputs, 1 for the norms, and d + 2 for
each of the terms, whose absolute values sum to at most ``2 (|a|^2 + |b|^2)``; the rest covers the
comparisons. In the max norm the error is at most ``e (|a| + |b|)`` with ``e = 2^-22``, twice that
of two roundings. Pairs so near a bound that this does not decide are computed again in float64,
with the arithmetic of every other search: the result is exact, and the same at any number of
threads.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mitools._kernels.neighbors.knn import insert, side_distance, strict_radii

__all__ = [
    "TINY",
    "Tileable",
    "max_norm_tile",
    "max_norms",
    "products",
    "tile_counts",
    "tile_margin_counts",
]

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Single = NDArray[np.float32]

#: Pairs looked at together, a lane each. Only a group or a lane that may hold what is looked for
#: is looked at one by one.
GROUP = 64

#: Up to this many neighbours, the nearest rows of as many lanes bound the k-th distance well.
LANE_NEIGHBORS = 16

#: Below the smallest normal float32 errors are absolute; this covers them, for values of order 1.
TINY = 1e-30

#: Limits are rounded to float32: this moves them, relatively, by more than that.
ROUNDING = 2.0**-22

#: Rows of one stretch of a max-norm tile, which stays in the first cache.
CHUNK = 2048

#: A row is put so far from itself.
AWAY = np.float32(1e30)


class Tileable(NamedTuple):
    """One side in float32, centred and of order 1, with what bounds the error of its tiles."""

    left: Single  # (n, d + 2): left @ right are the squared distances; the rows in the max norm
    right: Single  # (d + 2, n); the columns in the max norm
    slack: Vector  # (n,), a row's share of the error: e |a|^2, or e |a| in the max norm
    group_slack: Vector  # (groups,), the largest share in each group
    scale: float  # distances here, times this power of two, are those of the data


def products(*sides: Matrix) -> list[Tileable]:
    """Return the sides, each with shape (n, d), ready for matrix products, on one scale."""
    rounded, exponent = single_precision(sides)
    ready = []
    for rows in rounded:
        n_samples, d = rows.shape
        norms = np.einsum("ij,ij->i", rows, rows, dtype=np.float64)
        left = np.empty((n_samples, d + 2), np.float32)
        np.multiply(rows, np.float32(-2.0), out=left[:, :d])
        left[:, d], left[:, d + 1] = 1.0, norms
        right = np.empty((d + 2, n_samples), np.float32)
        right[:d], right[d], right[d + 1] = rows.T, norms, 1.0
        slack = norms * ((2 * d + 32) * 2.0**-24 * (1 + d * 2.0**-23)) + TINY
        ready.append(Tileable(left, right, slack, largest_in_groups(slack), 4.0**exponent))
    return ready


def max_norms(*sides: Matrix) -> list[Tileable]:
    """Return the sides, each with shape (n, d), ready for `max_norm_tile`, on one scale."""
    rounded, exponent = single_precision(sides)
    ready = []
    for rows in rounded:
        slack = np.abs(rows).max(axis=1) * 2.0**-22 + TINY
        columns = np.ascontiguousarray(rows.T)
        ready.append(Tileable(rows, columns, slack, largest_in_groups(slack), 2.0**exponent))
    return ready


def single_precision(sides: tuple[Matrix, ...]) -> tuple[list[Single], int]:
    """Return the sides centred, in float32 and of order 1; and the power of two they were over."""
    centred = [side - side.mean(axis=0) for side in sides]
    exponent = max(int(np.frexp(np.abs(side).max())[1]) for side in centred)
    return [np.ldexp(side, -exponent).astype(np.float32) for side in centred], exponent


def largest_in_groups(slack: Vector) -> Vector:
    """Return the largest number in each group of rows."""
    return np.asarray(np.maximum.reduceat(slack, np.arange(0, len(slack), GROUP)))


@njit(cache=True, nogil=True)
def max_norm_tile(
    offset: int, side: Tileable, tile: Single
) -> None:  # pragma: no cover - compiled
    """Fill `tile` with the max-norm distances of the rows from `offset` on to all rows.

    Three columns at a time spare the tile most of its loads and stores.
    """
    n_columns, n_samples = side.right.shape
    for start in range(0, n_samples, CHUNK):
        end = min(start + CHUNK, n_samples)
        for r in range(len(tile)):
            point, out = side.left[offset + r], tile[r, start:end]
            out[:] = np.float32(0.0)
            c = 0
            while c + 3 <= n_columns:
                one, two = side.right[c, start:end], side.right[c + 1, start:end]
                three = side.right[c + 2, start:end]
                at_one, at_two, at_three = point[c], point[c + 1], point[c + 2]
                for j in range(len(out)):
                    gap_one, gap_two = abs(one[j] - at_one), abs(two[j] - at_two)
                    gap = gap_one if gap_one > gap_two else gap_two
                    gap_three = abs(three[j] - at_three)
                    gap = gap_three if gap_three > gap else gap
                    out[j] = gap if gap > out[j] else out[j]
                c += 3
            while c < n_columns:
                one, at_one = side.right[c, start:end], point[c]
                for j in range(len(out)):
                    gap = abs(one[j] - at_one)
                    out[j] = gap if gap > out[j] else out[j]
                c += 1


@njit(cache=True, nogil=True)
def tile_counts(
    offset: int,
    tiles: tuple[Single, Single],
    sides: tuple[Tileable, Tileable],
    points: tuple[Matrix, Matrix],
    settings: tuple[int, tuple[int, bool]],
    counts: NDArray[np.int64],
) -> None:  # pragma: no cover - compiled
    """Fill the counts of one block of rows from its tiles, which are changed.

    Args:
        offset: The block's first row.
        tiles: Tileable of the block's rows with all rows, per side, with shape (block, n).
        sides: What `products` returned, per side.
        points: The data in float64, per side.
        settings: ``(k, (variant, True))``.
        counts: Output, with shape (2, n).
    """
    k, options = settings
    squared = options[1]
    x, y = points
    n_samples = len(x)
    limits = np.empty(len(sides[0].group_slack))
    least, nearest = np.empty(GROUP, np.float32), np.empty(GROUP, np.int32)
    distances, rows = np.empty(k), np.empty(k, np.int64)
    for r in range(len(tiles[0])):
        i = offset + r
        of_x, of_y = tiles[0][r], tiles[1][r]
        of_x[i] = of_y[i] = AWAY
        lane_minima(of_x, of_y, least, nearest)
        if k <= LANE_NEIGHBORS:
            bound = lane_bound(i, sides, (of_x, of_y), (least, nearest), (distances, rows))
        else:
            bound = group_bound(i, sides, (of_x, of_y), (distances, rows))
        highest = 0.0
        for group in range(len(limits)):
            slack_x = sides[0].slack[i] + sides[0].group_slack[group]
            slack_y = sides[1].slack[i] + sides[1].group_slack[group]
            limits[group] = (bound + max(slack_x, slack_y)) * (1 + ROUNDING)
            highest = max(highest, limits[group])
        exact = np.inf
        distances[:] = np.inf
        rows[:] = n_samples
        for lane in range(min(GROUP, n_samples)):
            if least[lane] > highest:
                continue
            for j in range(lane, n_samples, GROUP):
                limit = limits[j // GROUP]
                if of_x[j] > limit or of_y[j] > limit or j == i:
                    continue
                distance = side_distance(x, i, j, squared, exact)
                if distance > exact:
                    continue
                other = side_distance(y, i, j, squared, exact)
                if other <= exact:
                    exact = insert(distances, rows, max(distance, other), j)
        radius_x, radius_y = strict_radii(x, y, i, distances, rows, options)
        counts[0, i] = side_count(i, of_x, sides[0], x, squared, radius_x)
        counts[1, i] = side_count(i, of_y, sides[1], y, squared, radius_y)


@njit(cache=True, nogil=True)
def tile_margin_counts(
    offset: int,
    tile: Single,
    side: Tileable,
    points: Matrix,
    radii: Vector,
    counts: NDArray[np.int64],
) -> None:  # pragma: no cover - compiled
    """Fill one side's counts of a block of rows, for known squared Euclidean radii."""
    for r in range(len(tile)):
        i = offset + r
        tile[r, i] = AWAY
        counts[i] = side_count(i, tile[r], side, points, True, radii[i])


@njit(cache=True, nogil=True)
def lane_minima(
    of_x: Single, of_y: Single, least: Single, nearest: NDArray[np.int32]
) -> None:  # pragma: no cover - compiled
    """Find the smallest joint distance of each lane, and the row it is of.

    Row j is in lane ``j % GROUP``: minima by lane need no order and no branch.
    """
    least[:] = AWAY
    nearest[:] = 0
    for start in range(0, len(of_x), GROUP):
        end = min(start + GROUP, len(of_x))
        part_x, part_y, first = of_x[start:end], of_y[start:end], np.int32(start)
        for lane in range(len(part_x)):
            joint = part_x[lane] if part_x[lane] > part_y[lane] else part_y[lane]
            nearer = joint < least[lane]
            least[lane] = joint if nearer else least[lane]
            nearest[lane] = np.int32(first + np.int32(lane)) if nearer else nearest[lane]


@njit(cache=True, nogil=True)
def lane_bound(
    i: int, sides: tuple, tiles: tuple, lanes: tuple, scratch: tuple
) -> float:  # pragma: no cover - compiled
    """Return a distance that k rows are sure not to exceed: those nearest in their lanes.

    It is infinite where fewer than k lanes have a row.
    """
    least, nearest = lanes
    distances, rows = scratch
    distances[:] = np.inf
    rows[:] = len(tiles[0])
    worst = np.inf
    for lane in range(GROUP):
        if least[lane] < worst and least[lane] < AWAY:
            worst = insert(distances, rows, float(least[lane]), int(nearest[lane]))
    if not worst < np.inf:
        return worst
    bound = 0.0
    for j in rows:
        bound = max(bound, farthest(i, j, sides, tiles))
    return bound


@njit(cache=True, nogil=True)
def group_bound(
    i: int, sides: tuple, tiles: tuple, scratch: tuple
) -> float:  # pragma: no cover - compiled
    """Return a distance that k rows are sure not to exceed, for many k: the k smallest of all."""
    of_x, of_y = tiles
    distances, rows = scratch
    distances[:] = np.inf
    rows[:] = len(of_x)
    worst = np.inf
    for start in range(0, len(of_x), GROUP):
        end = min(start + GROUP, len(of_x))
        if smallest_joint(of_x[start:end], of_y[start:end]) > worst:
            continue
        for j in range(start, end):
            if j != i and max(of_x[j], of_y[j]) <= worst:
                upper = farthest(i, j, sides, tiles)
                if upper < worst:
                    worst = insert(distances, rows, upper, j)
    return worst


@njit(cache=True, nogil=True)
def farthest(i: int, j: int, sides: tuple, tiles: tuple) -> float:  # pragma: no cover - compiled
    """Return a joint distance that rows i and j are sure not to exceed."""
    in_x = tiles[0][j] + sides[0].slack[i] + sides[0].slack[j]
    in_y = tiles[1][j] + sides[1].slack[i] + sides[1].slack[j]
    return float(max(in_x, in_y) * (1 + ROUNDING))


@njit(cache=True, nogil=True, fastmath={"nnan", "nsz"})
def smallest_joint(of_x: Single, of_y: Single) -> np.float32:  # pragma: no cover - compiled
    """Return the least joint distance of a group.

    All inputs are finite, so a minimum may be taken in any order: that is all the flags allow.
    """
    least = AWAY
    for j in range(len(of_x)):
        joint = of_x[j] if of_x[j] > of_y[j] else of_y[j]
        least = joint if joint < least else least
    return least


@njit(cache=True, nogil=True)
def side_count(
    i: int, tile: Single, side: Tileable, points: Matrix, squared: bool, radius: float
) -> int:  # pragma: no cover - compiled
    """Return how many other rows lie strictly within `radius` of row i, on one side."""
    if not radius > 0.0:
        return 0
    here = radius / side.scale
    found = 0
    for group in range(len(side.group_slack)):
        start, end = group * GROUP, min((group + 1) * GROUP, len(tile))
        slack = side.slack[i] + side.group_slack[group] + ROUNDING * here
        sure, maybe = np.float32(here - slack), np.float32(here + slack)
        certain, possible = count_below(tile[start:end], sure, maybe)
        found += certain
        if certain == possible:
            continue
        for j in range(start, end):
            if sure <= tile[j] < maybe:
                found += side_distance(points, i, j, squared, radius) < radius
    return found


@njit(cache=True, nogil=True)
def count_below(
    tile: Single, sure: np.float32, maybe: np.float32
) -> tuple[int, int]:  # pragma: no cover - compiled
    """Return how many distances are below each of two limits."""
    certain, possible = np.int32(0), np.int32(0)
    for j in range(len(tile)):
        certain = np.int32(certain + np.int32(tile[j] < sure))
        possible = np.int32(possible + np.int32(tile[j] < maybe))
    return int(certain), int(possible)
