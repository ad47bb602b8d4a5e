"""A KD-tree over points laid out leaf by leaf, and counting with it on one side.

Every split halves the points, so the tree needs no pointers: the children of node i are 2i + 1 and
2i + 2, and a node's points are one slice of every column. The points of a leaf descend together,
and a leaf is compared column by column, many points at once. Bounding boxes prune with the same
subtractions, squares and sums as the points, in the same order; rounding is monotone, so pruning
is exact.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["COUNT_LEAF", "Tree", "build_tree", "leaf_distances", "tree_counts"]

Matrix = NDArray[np.float64]
Rows = NDArray[np.int64]

#: Most points in a leaf, for the counts. Measured: a leaf is compared many points at once, so that
#: 128 points cost less than the boxes above them.
COUNT_LEAF = 128


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
def leaf_distances(
    columns: Matrix, begin: int, end: int, point: Matrix, first: int, squared: bool, out: Matrix
) -> None:  # pragma: no cover - compiled
    """Fill `out` with the distances, over columns ``begin:end``, to the points from `first` on.

    Three columns at a time spare `out` most of its loads and stores; the order of the sums stays.
    """
    last = first + len(out)
    out[:] = 0.0
    c = begin
    while c + 3 <= end:
        a, b, d = columns[c, first:last], columns[c + 1, first:last], columns[c + 2, first:last]
        here_a, here_b, here_d = point[c], point[c + 1], point[c + 2]
        if squared:
            for p in range(len(out)):
                gap_a, gap_b, gap_d = a[p] - here_a, b[p] - here_b, d[p] - here_d
                out[p] = ((out[p] + gap_a * gap_a) + gap_b * gap_b) + gap_d * gap_d
        else:
            for p in range(len(out)):
                gap_a, gap_b, gap_d = abs(a[p] - here_a), abs(b[p] - here_b), abs(d[p] - here_d)
                gap = gap_a if gap_a > gap_b else gap_b
                gap = gap_d if gap_d > gap else gap
                out[p] = gap if gap > out[p] else out[p]
        c += 3
    while c < end:
        values, here = columns[c, first:last], point[c]
        if squared:
            for p in range(len(out)):
                gap = values[p] - here
                out[p] += gap * gap
        else:
            for p in range(len(out)):
                gap = abs(values[p] - here)
                out[p] = gap if gap > out[p] else out[p]
        c += 1


@njit(cache=True, nogil=True)
def box_bounds(
    tree: Tree, node: int, other: int, squared: bool
) -> tuple[float, float]:  # pragma: no cover - compiled
    """Return bounds below and above the distances between the points of two nodes."""
    nearest, farthest = 0.0, 0.0
    for c in range(len(tree.columns)):
        below = tree.low[node, c] - tree.high[other, c]
        above = tree.low[other, c] - tree.high[node, c]
        near, far = max(0.0, below, above), max(-below, -above)
        if squared:
            nearest += near * near
            farthest += far * far
        else:
            nearest = max(nearest, near)
            farthest = max(farthest, far)
    return nearest, farthest


@njit(cache=True, nogil=True)
def undecided_leaves(
    tree: Tree, own: int, squared: bool, radius_range: tuple[float, float], leaves: Rows
) -> tuple[int, int]:  # pragma: no cover - compiled
    """List the leaves that may hold a point within some radius of the leaf `own`, but not of all.

    Args:
        tree: The tree.
        own: A leaf, whose points are asked about.
        squared: Whether distances are squared Euclidean.
        radius_range: The smallest and the largest of its points' radii.
        leaves: Output: the leaves to look at point by point.

    Returns:
        How many leaves are listed, and how many points lie within every radius.
    """
    smallest_radius, largest_radius = radius_range
    stack = np.empty(128, np.int64)
    stack[0], depth, n_leaves, inside = 0, 1, 0, 0
    while depth > 0:
        depth -= 1
        node = stack[depth]
        nearest, farthest = box_bounds(tree, node, own, squared)
        if nearest >= largest_radius:
            continue
        if farthest < smallest_radius:
            inside += tree.edges[node, 1] - tree.edges[node, 0]
        elif 2 * node + 1 < len(tree.edges):
            stack[depth], stack[depth + 1] = 2 * node + 1, 2 * node + 2
            depth += 2
        else:
            leaves[n_leaves] = node
            n_leaves += 1
    return n_leaves, inside


@njit(cache=True, nogil=True)
def corners(
    low: Matrix, high: Matrix, point: Matrix, squared: bool, nearest: Matrix, farthest: Matrix
) -> None:  # pragma: no cover - compiled
    """Fill the distances from `point` to the nearest and the farthest point of many boxes.

    The boxes come as columns, with shape (d, boxes), to be compared many at once.
    """
    nearest[:] = 0.0
    farthest[:] = 0.0
    for c in range(len(point)):
        here, lows, highs = point[c], low[c, : len(nearest)], high[c, : len(nearest)]
        for b in range(len(nearest)):
            below, above = here - lows[b], highs[b] - here
            far = below if below > above else above
            near = -below if below < above else -above
            near = near if near > 0.0 else 0.0
            if squared:
                nearest[b] += near * near
                farthest[b] += far * far
            else:
                nearest[b] = near if near > nearest[b] else nearest[b]
                farthest[b] = far if far > farthest[b] else farthest[b]


@njit(cache=True, nogil=True)
def count_below(distances: Matrix, radius: float) -> int:  # pragma: no cover - compiled
    """Return how many distances are below `radius`."""
    found = 0
    for p in range(len(distances)):
        found += distances[p] < radius
    return found


@njit(cache=True, nogil=True)
def tree_counts(
    first: int, last: int, tree: Tree, squared: bool, radii: Matrix, counts: Rows
) -> None:  # pragma: no cover - compiled
    """Fill how many others lie strictly within the radius of the points at ``first:last``.

    The points of a leaf descend the tree together: what is within reach of none, or of all, is
    decided once. Each point then looks at the leaves that are left.
    """
    n_columns = len(tree.columns)
    n_nodes = len(tree.edges)
    n_leaves = n_nodes // 2 + 1
    leaves = np.empty(n_leaves, np.int64)
    low, high = np.empty((n_columns, n_leaves)), np.empty((n_columns, n_leaves))
    nearest, farthest = np.empty(n_leaves), np.empty(n_leaves)
    buffer, point = np.empty(COUNT_LEAF), np.empty(n_columns)
    for own in range(n_nodes // 2, n_nodes):
        begin, end = max(first, tree.edges[own, 0]), min(last, tree.edges[own, 1])
        if begin >= end:
            continue
        least, most = np.inf, 0.0
        for here in range(begin, end):
            least = min(least, radii[tree.rows[here]])
            most = max(most, radii[tree.rows[here]])
        listed, inside = undecided_leaves(tree, own, squared, (least, most), leaves)
        for b in range(listed):
            for c in range(n_columns):
                low[c, b], high[c, b] = tree.low[leaves[b], c], tree.high[leaves[b], c]
        for here in range(begin, end):
            row = tree.rows[here]
            radius = radii[row]
            if not radius > 0.0:
                counts[row] = 0
                continue
            for c in range(n_columns):
                point[c] = tree.columns[c, here]
            near, far = nearest[:listed], farthest[:listed]
            corners(low, high, point, squared, near, far)
            found = inside - 1  # the point itself
            for b in range(listed):
                if near[b] >= radius:
                    continue
                start, stop = tree.edges[leaves[b]]
                if far[b] < radius:
                    found += stop - start
                    continue
                out = buffer[: stop - start]
                leaf_distances(tree.columns, 0, n_columns, point, start, squared, out)
                found += count_below(out, radius)
            counts[row] = found
