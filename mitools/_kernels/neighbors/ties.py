"""Neighbour searches among rows that may be equal: each distinct row once, with its multiplicity.

A tree over distinct rows has no large leaf of equal ones, which no split could divide, so repeated
values do not make a search quadratic. All distances come from one arithmetic, that of
`mitools._kernels.neighbors.knn`: the max norm, or the *squared* Euclidean norm summed in column
order. Boxes prune with the same subtractions, squares and sums, and rounding is monotone: the
searches are exact, and an equality of two distances is one of two numbers.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mitools._kernels.neighbors.knn import insert, side_distance
from mitools._kernels.neighbors.tree import Tree, count_below, leaf_distances

__all__ = [
    "WEIGHTED_LEAF",
    "block_counts",
    "mean_rank_terms",
    "weighted_counts",
    "weighted_radii",
]

Matrix = NDArray[np.float64]
Rows = NDArray[np.int64]

#: Most distinct rows in a leaf. Measured: 16 to 64 take about the same time.
WEIGHTED_LEAF = 32


@njit(cache=True, nogil=True)
def box_distances(
    tree: Tree, node: int, point: Matrix, squared: bool
) -> tuple[float, float]:  # pragma: no cover - compiled
    """Return bounds below and above the distances from a point to those of a node."""
    nearest, farthest = 0.0, 0.0
    for c in range(len(point)):
        below, above = point[c] - tree.low[node, c], tree.high[node, c] - point[c]
        far = below if below > above else above
        near = -below if below < above else -above
        near = near if near > 0.0 else 0.0
        if squared:
            nearest += near * near
            farthest += far * far
        else:
            nearest = near if near > nearest else nearest
            farthest = far if far > farthest else farthest
    return nearest, farthest


@njit(cache=True, nogil=True)
def keep_nearest(
    distances: Matrix, weights: Rows, size: int, needed: int, distance: float, weight: int
) -> int:  # pragma: no cover - compiled
    """Add a row to the nearest ones, and drop those beyond the `needed`-th.

    Args:
        distances: The distances kept, in order, in the first `size` places.
        weights: How many rows are at each.
        size: How many are kept.
        needed: How many rows, counted with their multiplicity, are asked for.
        distance: That of the new row.
        weight: Its multiplicity.

    Returns:
        How many stay.
    """
    place = min(size, len(distances) - 1)
    while place > 0 and distances[place - 1] > distance:
        distances[place], weights[place] = distances[place - 1], weights[place - 1]
        place -= 1
    distances[place], weights[place] = distance, weight
    size = min(size + 1, len(distances))
    total = 0
    for p in range(size):
        total += weights[p]
        if total >= needed:
            return p + 1
    return size


@njit(cache=True, nogil=True)
def weighted_radii(
    first: int, last: int, tree: Tree, totals: Rows, k: int, squared: bool, radii: Matrix
) -> None:  # pragma: no cover - compiled
    """Fill the distance to the k-th neighbour, equal rows included, for places ``first:last``.

    Args:
        first: First place of this share of the work.
        last: The place after its last.
        tree: The distinct rows.
        totals: How many rows lie before each place, with shape (distinct rows + 1,).
        k: Number of neighbours, below the number of rows.
        squared: Whether distances are squared Euclidean.
        radii: Output, by distinct row.
    """
    n_columns, n_nodes = len(tree.columns), len(tree.edges)
    stack, bounds = np.empty(128, np.int64), np.empty(128)
    distances, weights = np.empty(k), np.empty(k, np.int64)
    buffer, point = np.empty(WEIGHTED_LEAF), np.empty(n_columns)
    for here in range(first, last):
        needed = k + 1 - (totals[here + 1] - totals[here])
        if needed <= 0:
            radii[tree.rows[here]] = 0.0
            continue
        for c in range(n_columns):
            point[c] = tree.columns[c, here]
        size, found, worst = 0, 0, np.inf
        stack[0], bounds[0], depth = 0, 0.0, 1
        while depth > 0:
            depth -= 1
            node = stack[depth]
            if bounds[depth] >= worst:
                continue
            left = 2 * node + 1
            if left < n_nodes:
                near_left = box_distances(tree, left, point, squared)[0]
                near_right = box_distances(tree, left + 1, point, squared)[0]
                # the nearer child is looked at first; of two that hold the point, its own
                swap = near_right < near_left or (
                    near_right == near_left and here >= tree.edges[left + 1, 0]
                )
                stack[depth] = left if swap else left + 1
                bounds[depth] = near_left if swap else near_right
                stack[depth + 1] = left + 1 if swap else left
                bounds[depth + 1] = near_right if swap else near_left
                depth += 2
                continue
            start, stop = tree.edges[node]
            out = buffer[: stop - start]
            leaf_distances(tree.columns, 0, n_columns, point, start, squared, out)
            for p in range(len(out)):
                if out[p] < worst and start + p != here:
                    weight = totals[start + p + 1] - totals[start + p]
                    size = keep_nearest(distances, weights, size, needed, out[p], weight)
                    found = 0
                    for q in range(size):
                        found += weights[q]
                    if found >= needed:
                        worst = distances[size - 1]
        radii[tree.rows[here]] = distances[size - 1]


@njit(cache=True, nogil=True)
def weighted_counts(
    first: int,
    last: int,
    tree: Tree,
    totals: Rows,
    squared: bool,
    asked: Rows,
    radii: Matrix,
    counts: Rows,
) -> None:  # pragma: no cover - compiled
    """Fill how many rows lie strictly within each radius, those equal to the centre included.

    Args:
        first: First question of this share of the work.
        last: The question after its last.
        tree: The distinct rows.
        totals: How many rows lie before each place, with shape (distinct rows + 1,).
        squared: Whether distances are squared Euclidean.
        asked: The place of each question's centre, with shape (questions,).
        radii: The radius of each, with shape (questions,).
        counts: Output, with shape (questions,).
    """
    n_columns, n_nodes = len(tree.columns), len(tree.edges)
    stack = np.empty(128, np.int64)
    buffer, point = np.empty(WEIGHTED_LEAF), np.empty(n_columns)
    for question in range(first, last):
        radius, here = radii[question], asked[question]
        for c in range(n_columns):
            point[c] = tree.columns[c, here]
        found = 0
        stack[0], depth = 0, 1
        while depth > 0:
            depth -= 1
            node = stack[depth]
            nearest, farthest = box_distances(tree, node, point, squared)
            if nearest >= radius:
                continue
            start, stop = tree.edges[node]
            if farthest < radius:
                found += totals[stop] - totals[start]
            elif 2 * node + 1 < n_nodes:
                stack[depth], stack[depth + 1] = 2 * node + 1, 2 * node + 2
                depth += 2
            else:
                out = buffer[: stop - start]
                leaf_distances(tree.columns, 0, n_columns, point, start, squared, out)
                if totals[stop] - totals[start] == stop - start:
                    found += count_below(out, radius)
                    continue
                for p in range(len(out)):
                    if out[p] < radius:
                        found += totals[start + p + 1] - totals[start + p]
        counts[question] = found


@njit(cache=True, nogil=True)
def block_counts(
    first: int,
    last: int,
    rows: Matrix,
    centres: Rows,
    own: tuple[int, int],
    near: Matrix,
    slack: Matrix,
    k: int,
    counts: Rows,
) -> None:  # pragma: no cover - compiled
    """Fill the counts around some centres, given all their squared distances up to rounding.

    The approximate distances decide what they can; pairs nearer to a limit than their error are
    computed again, in the arithmetic of every other search.

    Args:
        first: First centre of this share of the work.
        last: The centre after its last.
        rows: All rows, with shape (n, d).
        centres: The rows asked about, with shape (m,).
        own: The first row of the centres' class, and the row after its last.
        near: The approximate squared distances, with shape (m, n).
        slack: A bound on their errors, with shape (m,).
        k: Neighbours in the class.
        counts: Output, with shape (m, 4): rows of the class nearer than the k-th neighbour, those
            not farther, and the same of all classes; each without the centre itself.
    """
    distances, places = np.empty(k), np.empty(k, np.int64)
    for i in range(first, last):
        here, error, row = centres[i], slack[i], near[i]
        distances[:] = np.inf
        places[:] = len(rows)
        worst = np.inf
        for j in range(own[0], own[1]):
            if row[j] <= worst and j != here:
                worst = insert(distances, places, row[j], j)
        limit = worst + 2 * error
        distances[:] = np.inf
        places[:] = len(rows)
        worst = np.inf
        for j in range(own[0], own[1]):
            if row[j] <= limit and j != here:
                distance = side_distance(rows, here, j, True, worst)
                if distance <= worst:
                    worst = insert(distances, places, distance, j)
        counts[i, 0], counts[i, 1] = within_block(rows, here, row, error, worst, own)
        everyone = (0, len(rows))
        counts[i, 2], counts[i, 3] = within_block(rows, here, row, error, worst, everyone)


@njit(cache=True, nogil=True)
def within_block(
    rows: Matrix, here: int, near: Matrix, error: float, radius: float, bounds: tuple[int, int]
) -> tuple[int, int]:  # pragma: no cover - compiled
    """Return how many rows of ``bounds`` but `here` are nearer than `radius`, and not farther."""
    low, high, below, upto = radius - error, radius + error, 0, 0
    for j in range(bounds[0], bounds[1]):
        if near[j] > high or j == here:
            continue
        if near[j] < low:
            below += 1
            upto += 1
            continue
        distance = side_distance(rows, here, j, True, np.inf)
        below += distance < radius
        upto += distance <= radius
    return below, upto


@njit(cache=True, nogil=True)
def mean_rank_terms(
    first: int, last: int, counts: Rows, asked: Rows, table: Matrix, terms: Matrix
) -> None:  # pragma: no cover - compiled
    """Fill the mean of a function of the rank of a neighbour, over all orders of those that tie.

    Of T rows at one distance S are of the class, and the j-th of these in a random order has the
    rank r with the probability C(r - 1, j - 1) C(T - r, S - j) / C(T, S).

    Args:
        first: First centre of this share of the work.
        last: The centre after its last.
        counts: Rows of the class nearer than the neighbour, those not farther, and the same of all
            classes, without the centre itself, with shape (n, 4).
        asked: Which neighbour in the class, from 1 on; 0 for none.
        table: The function of the ranks 0, 1, ..., n.
        terms: Output: its mean, 0 where there is no neighbour.
    """
    for i in range(first, last):
        if asked[i] == 0:
            terms[i] = 0.0
            continue
        nearer, tied = counts[i, 2], counts[i, 3] - counts[i, 2]
        wanted, marked = asked[i] - counts[i, 0], counts[i, 1] - counts[i, 0]
        if tied == marked:
            terms[i] = table[nearer + wanted]
            continue
        weight, total, mean, heaviest = 1.0, 0.0, 0.0, 0.0
        for rank in range(wanted, tied - marked + wanted + 1):
            total += weight
            mean += weight * table[nearer + rank]
            heaviest = max(heaviest, weight)
            if weight < 1e-17 * heaviest:
                break
            left = tied - rank
            weight *= rank / (rank - wanted + 1.0) * (left - marked + wanted) / max(left, 1)
            if weight > 1e250:
                weight, total, mean = weight / 1e250, total / 1e250, mean / 1e250
                heaviest /= 1e250
        terms[i] = mean / total
