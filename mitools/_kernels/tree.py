"""A KD-tree over points laid out leaf by leaf, for the joint search and for counting on one side.

Every split halves the points, so the tree needs no pointers: the children of node i are 2i + 1 and
2i + 2, and a node's points are one slice of every column. A leaf is compared column by column,
many points at once. Bounding boxes prune with the same subtractions, squares and sums as the
points, in the same order; rounding is monotone, so pruning is exact.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mitools._kernels.knn import insert

__all__ = ["COUNT_LEAF", "SEARCH_LEAF", "Tree", "build_tree", "tree_counts", "tree_radii"]

Matrix = NDArray[np.float64]
Rows = NDArray[np.int64]

#: Most points in a leaf, for the joint search and for the counts. Measured: a leaf is compared
#: many points at once, so that 64 points cost less than the boxes above them.
SEARCH_LEAF, COUNT_LEAF = 64, 128


class Tree(NamedTuple):
    """Points in leaf order, with the box of every node."""

    columns: Matrix  # (d, n), points in leaf order
    rows: Rows  # (n,), the row at each place
    place: Rows  # (n,), the place of each row
    low: Matrix  # (nodes, d)
    high: Matrix  # (nodes, d)
    edges: Rows  # (nodes, 2), the slice of each node


@njit(cache=True, nogil=True)
def split_at(
    values: Matrix, rows: Rows, first: int, last: int, middle: int
) -> None:  # pragma: no cover
    """Reorder ``rows[first:last]`` so that values before `middle` are not above those after it."""
    low, high = first, last - 1
    while low < high:
        pivot = values[rows[(low + high) >> 1]]
        i, j = low, high
        while i <= j:
            while values[rows[i]] < pivot:
                i += 1
            while values[rows[j]] > pivot:
                j -= 1
            if i <= j:
                rows[i], rows[j] = rows[j], rows[i]
                i += 1
                j -= 1
        if middle <= j:
            high = j
        elif middle >= i:
            low = i
        else:
            return


@njit(cache=True, nogil=True)
def build_tree(columns: Matrix, leaf: int) -> Tree:  # pragma: no cover - compiled
    """Return the tree over points given as columns, at most `leaf` of them in a leaf."""
    n_columns, n_samples = columns.shape
    n_nodes, size = 1, n_samples
    while size > leaf:
        size = (size + 1) // 2
        n_nodes = 2 * n_nodes + 1
    rows = np.arange(n_samples)
    low = np.empty((n_nodes, n_columns))
    high = np.empty((n_nodes, n_columns))
    edges = np.empty((n_nodes, 2), np.int64)
    edges[0, 0], edges[0, 1] = 0, n_samples
    for node in range(n_nodes):
        first, last = edges[node]
        widest, span = 0, -1.0
        for c in range(n_columns):
            smallest = largest = columns[c, rows[first]]
            for p in range(first + 1, last):
                value = columns[c, rows[p]]
                smallest = min(smallest, value)
                largest = max(largest, value)
            low[node, c], high[node, c] = smallest, largest
            if largest - smallest > span:
                widest, span = c, largest - smallest
        if 2 * node + 2 < n_nodes:
            middle = (first + last + 1) // 2
            split_at(columns[widest], rows, first, last, middle)
            edges[2 * node + 1, 0], edges[2 * node + 1, 1] = first, middle
            edges[2 * node + 2, 0], edges[2 * node + 2, 1] = middle, last
    laid = np.empty((n_columns, n_samples))
    place = np.empty(n_samples, np.int64)
    for p in range(n_samples):
        place[rows[p]] = p
    for c in range(n_columns):
        for p in range(n_samples):
            laid[c, p] = columns[c, rows[p]]
    return Tree(laid, rows, place, low, high, edges)


@njit(cache=True, nogil=True)
def nearest_corner(
    tree: Tree, node: int, point: Matrix, begin: int, end: int, squared: bool
) -> float:  # pragma: no cover - compiled
    """Return the distance from `point` to a node's box, over columns ``begin:end``."""
    total = 0.0
    for c in range(begin, end):
        gap = max(tree.low[node, c] - point[c], point[c] - tree.high[node, c])
        if gap > 0.0:
            if squared:
                total += gap * gap
            elif gap > total:
                total = gap
    return total


@njit(cache=True, nogil=True)
def corners(
    tree: Tree, node: int, point: Matrix, squared: bool
) -> tuple[float, float]:  # pragma: no cover - compiled
    """Return the distances from `point` to the nearest and the farthest point of a node's box."""
    nearest, farthest = 0.0, 0.0
    for c in range(len(point)):
        below, above = point[c] - tree.low[node, c], tree.high[node, c] - point[c]
        far = max(below, above)
        near = max(0.0, -below, -above)
        if squared:
            nearest += near * near
            farthest += far * far
        else:
            nearest = max(nearest, near)
            farthest = max(farthest, far)
    return nearest, farthest


@njit(cache=True, nogil=True)
def leaf_distances(
    columns: Matrix, begin: int, end: int, point: Matrix, first: int, squared: bool, out: Matrix
) -> None:  # pragma: no cover - compiled
    """Fill `out` with the distances, over columns ``begin:end``, to the points from `first` on."""
    size = len(out)
    for p in range(size):
        out[p] = 0.0
    for c in range(begin, end):
        values = columns[c, first : first + size]
        here = point[c]
        if squared:
            for p in range(size):
                gap = values[p] - here
                out[p] += gap * gap
        else:
            for p in range(size):
                gap = abs(values[p] - here)
                out[p] = gap if gap > out[p] else out[p]


@njit(cache=True, nogil=True)
def tree_radii(
    first: int, last: int, tree: Tree, d_x: int, k: int, options: tuple, radii: Matrix
) -> None:  # pragma: no cover - compiled
    """Fill ``radii[:, row]`` with the strict radii for the points at places ``first:last``.

    Args:
        first: First place of this share of the work.
        last: The place after its last.
        tree: The tree over both sides, x first.
        d_x: How many of its columns are x.
        k: Number of neighbours.
        options: ``(variant, squared)``, as for `brute_radii`.
        radii: Output, with shape (2, n).
    """
    variant, squared = options
    n_columns, n_samples = tree.columns.shape
    n_nodes = len(tree.edges)
    middle = d_x if squared else n_columns  # in the max norm both sides are one
    distances, neighbors = np.empty(k), np.empty(k, np.int64)
    stack, bounds = np.empty(128, np.int64), np.empty(128)
    buffer_x, buffer_y = np.empty(SEARCH_LEAF), np.empty(SEARCH_LEAF)
    point = np.empty(n_columns)
    for here in range(first, last):
        for c in range(n_columns):
            point[c] = tree.columns[c, here]
        worst = np.inf
        distances[:] = np.inf
        neighbors[:] = n_samples
        depth = 1
        stack[0], bounds[0] = 0, 0.0
        while depth > 0:
            depth -= 1
            if bounds[depth] > worst:
                continue
            node = stack[depth]
            child = 2 * node + 1
            if child < n_nodes:
                left = nearest_corner(tree, child, point, 0, middle, squared)
                right = nearest_corner(tree, child + 1, point, 0, middle, squared)
                if middle < n_columns:
                    left = max(
                        left, nearest_corner(tree, child, point, middle, n_columns, squared)
                    )
                    right = max(
                        right, nearest_corner(tree, child + 1, point, middle, n_columns, squared)
                    )
                near, far = (0, 1) if left <= right else (1, 0)
                stack[depth], bounds[depth] = child + far, max(left, right)
                stack[depth + 1], bounds[depth + 1] = child + near, min(left, right)
                depth += 2
                continue
            start, end = tree.edges[node]
            size = end - start
            out = buffer_x[:size]
            leaf_distances(tree.columns, 0, middle, point, start, squared, out)
            if middle < n_columns:
                other = buffer_y[:size]
                leaf_distances(tree.columns, middle, n_columns, point, start, squared, other)
                for p in range(size):
                    out[p] = max(out[p], other[p])
            for p in range(size):
                if out[p] <= worst and start + p != here:
                    worst = insert(distances, neighbors, out[p], tree.rows[start + p])
        row = tree.rows[here]
        radii[0, row] = radii[1, row] = worst
        if variant == 2:
            for side in range(2):
                begin, end = (0, d_x) if side == 0 else (d_x, n_columns)
                radius = 0.0
                for neighbor in neighbors:
                    leaf_distances(
                        tree.columns,
                        begin,
                        end,
                        point,
                        tree.place[neighbor],
                        squared,
                        buffer_x[:1],
                    )
                    radius = max(radius, buffer_x[0])
                radii[side, row] = np.nextafter(radius, np.inf)


@njit(cache=True, nogil=True)
def tree_counts(
    first: int, last: int, tree: Tree, squared: bool, radii: Matrix, counts: Rows
) -> None:  # pragma: no cover - compiled
    """Fill how many others lie strictly within the radius of the points at ``first:last``."""
    n_columns = tree.columns.shape[0]
    n_nodes = len(tree.edges)
    stack = np.empty(128, np.int64)
    buffer = np.empty(COUNT_LEAF)
    point = np.empty(n_columns)
    for here in range(first, last):
        row = tree.rows[here]
        radius = radii[row]
        if not radius > 0.0:
            counts[row] = 0
            continue
        for c in range(n_columns):
            point[c] = tree.columns[c, here]
        found = -1  # the point itself
        depth = 1
        stack[0] = 0
        while depth > 0:
            depth -= 1
            node = stack[depth]
            start, end = tree.edges[node]
            nearest, farthest = corners(tree, node, point, squared)
            if nearest >= radius:
                continue
            if farthest < radius:
                found += end - start
                continue
            child = 2 * node + 1
            if child < n_nodes:
                stack[depth], stack[depth + 1] = child, child + 1
                depth += 2
                continue
            out = buffer[: end - start]
            leaf_distances(tree.columns, 0, n_columns, point, start, squared, out)
            for p in range(end - start):
                found += out[p] < radius
        counts[row] = found
