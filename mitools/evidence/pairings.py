r"""Permuted orders and subsets of the samples, with or without the order of time.

Permuted rows lose their order, so the null of two slow series is too narrow, and independent ones
are called dependent. A circular shift of one side by a random number of rows keeps all neighbours
but those at the seam. Cutting the shifted side into blocks of consecutive rows and permuting these
gives more pairings, at the cost of a seam for each block.

Source: Politis and Romano, "A circular block-resampling procedure for stationary data" (1992).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["orders", "orders_in_strata", "pairs_text", "subset_order"]

#: A side is not shifted by less than this share of its rows, either way: too much of the pairing
#: would stay.
LEAST_SHIFT = 0.05

#: Blocks that subsets are drawn from, at least.
BLOCKS = 20

Rows = NDArray[np.int64]


def orders(
    n: int,
    count: int,
    blocks: int | None,
    generator: np.random.Generator,
    least_shift: int = 0,
) -> Rows:
    """Return random orders of n rows, with shape (count, n).

    Args:
        n: How many rows.
        count: How many orders.
        blocks: None for every order alike; 1 for circular shifts; more for as many blocks of the
            shifted rows, permuted.
        generator: The source.
        least_shift: A side is not shifted by less, either way; 5 % of the rows at the least.
    """
    rows = np.arange(n)
    if blocks is None:
        return generator.permuted(np.tile(rows, (count, 1)), axis=1)
    least = max(1, int(LEAST_SHIFT * n), least_shift)
    found = np.empty((count, n), np.int64)
    for order in found:  # one after the other: in whatever batches they are asked for, the same
        shifted = np.roll(rows, -generator.integers(least, n - least + 1))
        order[:] = _permuted_blocks(shifted, blocks, generator)
    return found


def orders_in_strata(
    strata: Rows, count: int, blocks: int, generator: np.random.Generator
) -> Rows:
    """Return orders that keep each row within its stratum, and nearly the order of time.

    All strata are shifted by one random share of their rows, so that rows near in time stay near,
    whatever their strata. More blocks are permuted alike in all of them.

    Args:
        strata: The stratum of each row, 0, 1, ..., with shape (n,).
        count: How many orders.
        blocks: As in `orders`.
        generator: The source.

    Returns:
        The orders, with shape (count, n).
    """
    ends = np.cumsum(np.bincount(strata))[:-1]
    members = np.split(np.argsort(strata, kind="stable"), ends)
    found = np.empty((count, len(strata)), np.int64)
    for order in found:
        share = generator.uniform(LEAST_SHIFT, 1 - LEAST_SHIFT)
        sequence = generator.permutation(blocks)
        for rows in members:
            cut = np.array_split(np.roll(rows, -round(share * len(rows))), blocks)
            order[rows] = np.concatenate([cut[i] for i in sequence])
    return found


def subset_order(n: int, blocks: int | None, generator: np.random.Generator) -> Rows:
    """Return an order of n rows whose first half is a random half of the rows, or blocks.

    Args:
        n: How many rows.
        blocks: None for single rows; a number for as many blocks of rows, but 20 at least.
        generator: The source.
    """
    if blocks is None:
        return generator.permutation(n)
    return _permuted_blocks(np.arange(n), min(max(blocks, BLOCKS), n), generator)


def pairs_text(blocks: int | None, n_groups: int | None = None) -> str:
    """Return what the pairs of a null are called, by how they keep rows together.

    Args:
        blocks: As in `orders`.
        n_groups: How many groups of rows are permuted as wholes; None without groups.
    """
    if n_groups is not None:
        return f"permutations of {n_groups} whole groups"
    if blocks is None:
        return "permutations"
    return "circular shifts" if blocks == 1 else f"permutations of {blocks} blocks"


def _permuted_blocks(order: Rows, blocks: int, generator: np.random.Generator) -> Rows:
    cut = np.array_split(order, blocks)
    return np.concatenate([cut[i] for i in generator.permutation(blocks)])
