"""The joint search in a KD-tree: the points of a leaf find their k nearest together.

Leaves are blocks of one length, known to the compiler. Boxes prune with the same subtractions,
squares and sums as the points, in the same order; rounding is monotone, so pruning is exact.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mitools._kernels.neighbors.knn import insert
from mitools._kernels.neighbors.tree import Tree, leaf_distances

__all__ = ["LEAF", "leaf_blocks", "tree_radii"]

Matrix = NDArray[np.float64]
Rows = NDArray[np.int64]

#: Most points in a leaf. Measured: smaller leaves cost more boxes than they save points.
LEAF = 64

#: Points near its leaf among which a point finds its first bound.
KIN = 64


@njit(cache=True, nogil=True)
def tree_radii(
    first: int,
    last: int,
    tree: Tree,
    blocks: Matrix,
    d_x: int,
    k: int,
    options: tuple,
    radii: Matrix,
) -> None:  # pragma: no cover - compiled
    """Fill ``radii[:, row]`` with the strict radii for the points at places ``first:last``.

    The points of a leaf find a first bound among its kin, which are the leaves of a node some
    levels up. Together they then list the leaves within the largest of their bounds, and each
    point searches those within its own.

    Args:
        first: First place of this share of the work.
        last: The place after its last.
        tree: The tree over both sides, x first.
        blocks: What `leaf_blocks` returns.
        d_x: How many of its columns are x.
        k: Number of neighbours.
        options: ``(variant, squared)``, as for `brute_radii`.
        radii: Output, with shape (2, n).
    """
    variant, squared = options
    n_columns, n_samples = tree.columns.shape
    n_nodes = len(tree.edges)
    n_leaves = n_nodes // 2 + 1
    middle = d_x if squared else n_columns  # in the max norm both sides are one
    distances, neighbors = np.empty((LEAF, k)), np.empty((LEAF, k), np.int64)
    leaves = np.empty(n_leaves, np.int64)
    low, high = np.empty((n_columns, n_leaves)), np.empty((n_columns, n_leaves))
    near, spare = np.empty(n_leaves), np.empty(n_leaves)
    point = np.empty(n_columns)
    out, other = np.zeros(LEAF), np.zeros(LEAF)
    for own in range(n_nodes // 2, n_nodes):
        begin, end = max(first, tree.edges[own, 0]), min(last, tree.edges[own, 1])
        if begin >= end:
            continue
        kin = own
        while kin > 0 and tree.edges[kin, 1] - tree.edges[kin, 0] < max(KIN, 2 * k + 1):
            kin = (kin - 1) // 2
        kin_first, kin_last = kin, kin
        while kin_first < n_nodes // 2:
            kin_first, kin_last = 2 * kin_first + 1, 2 * kin_last + 2
        kin_first, kin_last = kin_first - n_nodes // 2, kin_last - n_nodes // 2 + 1
        distances[:] = np.inf
        neighbors[:] = n_samples
        farthest = 0.0
        for here in range(begin, end):
            for c in range(n_columns):
                point[c] = tree.columns[c, here]
            mine, rows = distances[here - begin], neighbors[here - begin]
            for leaf in range(kin_first, kin_last):
                block_distances(blocks, leaf, 0, middle, point, squared, out)
                if middle < n_columns:
                    block_distances(blocks, leaf, middle, n_columns, point, squared, other)
                insert_leaf(tree, leaf + n_nodes // 2, out, other, here, mine, rows)
            farthest = max(farthest, mine[-1])
        listed = reachable_leaves(tree, own, kin, middle, squared, farthest, leaves)
        for b in range(listed):
            for c in range(n_columns):
                low[c, b], high[c, b] = tree.low[leaves[b], c], tree.high[leaves[b], c]
        for here in range(begin, end):
            for c in range(n_columns):
                point[c] = tree.columns[c, here]
            mine, rows = distances[here - begin], neighbors[here - begin]
            gaps = near[:listed]
            near_corners(low, high, point, middle, squared, gaps, spare)
            for b in range(listed):
                if gaps[b] > mine[-1]:
                    continue
                leaf = leaves[b] - n_nodes // 2
                block_distances(blocks, leaf, 0, middle, point, squared, out)
                if middle < n_columns:
                    block_distances(blocks, leaf, middle, n_columns, point, squared, other)
                insert_leaf(tree, leaves[b], out, other, here, mine, rows)
            row = tree.rows[here]
            radii[0, row] = radii[1, row] = mine[-1]
            if variant == 2:
                for side in range(2):
                    from_column, to_column = (0, d_x) if side == 0 else (d_x, n_columns)
                    radius, one = 0.0, out[:1]
                    for neighbor in rows:
                        leaf_distances(
                            tree.columns,
                            from_column,
                            to_column,
                            point,
                            tree.place[neighbor],
                            squared,
                            one,
                        )
                        radius = max(radius, one[0])
                    radii[side, row] = np.nextafter(radius, np.inf)


@njit(cache=True, nogil=True)
def leaf_blocks(tree: Tree) -> Matrix:  # pragma: no cover - compiled
    """Return the points of each leaf as a block of its own, with shape (leaves, d, LEAF).

    Leaves have at most `LEAF` points; what is left is infinitely far.
    """
    n_columns, first = len(tree.columns), len(tree.edges) // 2
    blocks = np.full((first + 1, n_columns, LEAF), np.inf)
    for leaf in range(first + 1):
        begin, end = tree.edges[first + leaf]
        for c in range(n_columns):
            for p in range(begin, end):
                blocks[leaf, c, p - begin] = tree.columns[c, p]
    return blocks


@njit(cache=True, nogil=True)
def block_distances(
    blocks: Matrix, leaf: int, begin: int, end: int, point: Matrix, squared: bool, out: Matrix
) -> None:  # pragma: no cover - compiled
    """Fill `out` with the distances, over columns ``begin:end``, to the points of a block.

    As `leaf_distances`, but of a length known to the compiler.
    """
    for p in range(LEAF):
        out[p] = 0.0
    c = begin
    while c + 3 <= end:
        here_a, here_b, here_d = point[c], point[c + 1], point[c + 2]
        if squared:
            for p in range(LEAF):
                gap_a, gap_b = blocks[leaf, c, p] - here_a, blocks[leaf, c + 1, p] - here_b
                gap_d = blocks[leaf, c + 2, p] - here_d
                out[p] = ((out[p] + gap_a * gap_a) + gap_b * gap_b) + gap_d * gap_d
        else:
            for p in range(LEAF):
                gap_a = abs(blocks[leaf, c, p] - here_a)
                gap_b = abs(blocks[leaf, c + 1, p] - here_b)
                gap_d = abs(blocks[leaf, c + 2, p] - here_d)
                gap = gap_a if gap_a > gap_b else gap_b
                gap = gap_d if gap_d > gap else gap
                out[p] = gap if gap > out[p] else out[p]
        c += 3
    while c < end:
        here = point[c]
        if squared:
            for p in range(LEAF):
                gap = blocks[leaf, c, p] - here
                out[p] += gap * gap
        else:
            for p in range(LEAF):
                gap = abs(blocks[leaf, c, p] - here)
                out[p] = gap if gap > out[p] else out[p]
        c += 1


@njit(cache=True, nogil=True)
def near_corners(
    low: Matrix,
    high: Matrix,
    point: Matrix,
    middle: int,
    squared: bool,
    out: Matrix,
    spare: Matrix,
) -> None:  # pragma: no cover - compiled
    """Fill `out` with the joint distances from `point` to many boxes, given as columns."""
    n_columns = len(point)
    for side in range(2):
        begin, end = (0, middle) if side == 0 else (middle, n_columns)
        if begin == end:
            continue
        total = out if side == 0 else spare[: len(out)]
        total[:] = 0.0
        for c in range(begin, end):
            here, lows, highs = point[c], low[c, : len(out)], high[c, : len(out)]
            if squared:
                for b in range(len(total)):
                    below, above = lows[b] - here, here - highs[b]
                    gap = below if below > above else above
                    gap = gap if gap > 0.0 else 0.0
                    total[b] += gap * gap
            else:
                for b in range(len(total)):
                    below, above = lows[b] - here, here - highs[b]
                    gap = below if below > above else above
                    total[b] = gap if gap > total[b] else total[b]
        if side == 1:
            for b in range(len(out)):
                out[b] = out[b] if out[b] > total[b] else total[b]


@njit(cache=True, nogil=True)
def reachable_leaves(
    tree: Tree, own: int, kin: int, middle: int, squared: bool, radius: float, leaves: Rows
) -> int:  # pragma: no cover - compiled
    """List the leaves, but those under node `kin`, within `radius` of the leaf `own`'s box."""
    n_columns, n_nodes = len(tree.columns), len(tree.edges)
    stack = np.empty(128, np.int64)
    stack[0], depth, found = 0, 1, 0
    while depth > 0:
        depth -= 1
        node = stack[depth]
        if node == kin:
            continue
        nearest, total = 0.0, 0.0
        for c in range(n_columns):
            if c == middle:
                nearest, total = total, 0.0
            below = tree.low[node, c] - tree.high[own, c]
            above = tree.low[own, c] - tree.high[node, c]
            gap = max(0.0, below, above)
            total = total + gap * gap if squared else max(total, gap)
        if max(nearest, total) > radius:
            continue
        if 2 * node + 1 < n_nodes:
            stack[depth], stack[depth + 1] = 2 * node + 1, 2 * node + 2
            depth += 2
        else:
            leaves[found] = node
            found += 1
    return found


@njit(cache=True, nogil=True)
def insert_leaf(
    tree: Tree, leaf: int, in_x: Matrix, in_y: Matrix, here: int, distances: Matrix, rows: Rows
) -> None:  # pragma: no cover - compiled
    """Insert a leaf's points among the nearest of the point at `here`, by the larger distance."""
    worst = distances[-1]
    hits = 0
    for p in range(LEAF):
        in_x[p] = in_x[p] if in_x[p] > in_y[p] else in_y[p]
        hits += in_x[p] <= worst
    if hits == 0:
        return
    start, end = tree.edges[leaf]
    for p in range(end - start):
        if in_x[p] <= worst and start + p != here:
            worst = insert(distances, rows, in_x[p], tree.rows[start + p])
