"""All pairs, block of rows by block of rows, in several threads and bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import numpy as np
from numpy.typing import NDArray

from mitools._kernels.neighbors.tiles import Tileable, max_norm_tile, tile_margin_counts
from mitools.engines.workers.threads import one_blas_thread, over_points, thread_count

__all__ = ["over_tiles", "tiled_side_counts"]

Matrix = NDArray[np.float64]
Single = NDArray[np.float32]
Counts = NDArray[np.int64]

#: A tile has about this many numbers and at least this many rows, or half as many where they
#: would be more than the last.
TILE_SIZE, TILE_ROWS, LARGEST_TILE = 2**18, 64, 2**22


def over_tiles(fill: Callable[..., None], *sides: Tileable, squared: bool) -> None:
    """Call ``fill(first row, *tiles)`` for every block of rows, with the distances on each side.

    Each thread takes blocks of its own, and BLAS uses only the thread that calls it: products are
    only a part of the work, and threads of two kinds would wait for one another.

    Args:
        fill: Called with the first row of a block and a tile for each side.
        *sides: The sides, as `products` or `max_norms` returns them.
        squared: Whether distances are squared Euclidean, and not of the max norm.
    """
    n_samples, width = sides[0].left.shape
    rows = max(TILE_ROWS, TILE_SIZE // n_samples, min(width, 4 * TILE_ROWS))
    block = min(n_samples, max(TILE_ROWS // 2, min(rows, LARGEST_TILE // n_samples)))
    n_blocks = -(-n_samples // block)

    def run(first: int, last: int) -> None:
        buffers = [np.empty((block, n_samples), np.float32) for _ in sides]
        for offset in range(first * block, min(last * block, n_samples), block):
            size = min(block, n_samples - offset)
            tiles = [buffer[:size] for buffer in buffers]
            for side, tile in zip(sides, tiles, strict=True):
                if squared:
                    np.matmul(side.left[offset : offset + size], side.right, out=tile)
                else:
                    max_norm_tile(offset, side, tile)
            fill(offset, *tiles)

    cost = block * n_samples / 100
    alone = not squared or thread_count(int(n_blocks * cost)) == 1
    with nullcontext() if alone else one_blas_thread():
        over_points(run, n_blocks, cost=cost)


def tiled_side_counts(points: Matrix, side: Tileable, radii: Matrix) -> Counts:
    """Return one side's counts within known radii, by tiles.

    Args:
        points: The side, with shape (n, d).
        side: The same, as `products` returns it.
        radii: The squared Euclidean radius of each row, with shape (n,).
    """
    counts = np.empty(len(points), np.int64)

    def fill(offset: int, tile: Single) -> None:
        tile_margin_counts(offset, tile, side, points, radii, counts)

    over_tiles(fill, side, squared=True)
    return counts
