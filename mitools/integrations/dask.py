"""Mutual information of dask arrays: what outgrows one machine.

A sample of rows fixes the hash, each block is counted where it lies, and the counts are merged in
a tree. Only the sample and the tables of counts travel.
"""

from __future__ import annotations

from typing import Any

from mitools.estimators.base import Estimate
from mitools.estimators.edge import EDGE
from mitools.samples.messages import require
from mitools.streaming import (
    SAMPLE,
    Chunk,
    as_edge,
    counted,
    fit_sample,
    sample_rows,
    sample_size,
)

__all__ = ["mutual_information"]


def mutual_information(
    dx: Any,
    dy: Any,
    *,
    given: Any = None,
    estimator: EDGE | None = None,
    sample: int = SAMPLE,
) -> Estimate:
    """Estimate I(X; Y), or I(X; Y | labels), of dask arrays, block by block.

    It runs on whatever dask would use: the client of a cluster if there is one, else the local
    scheduler. The blocks are visited twice, for the sample and for the counts: `persist` arrays
    that are dear to compute.

    Args:
        dx: Samples of X, with shape (n, d_x) or (n,). Blocks of about a million rows are fast.
        dy: Paired samples of Y, with the same blocks of rows.
        given: Discrete labels, with shape (n,) and the same blocks, or None.
        estimator: An `EDGE`; ``EDGE()`` when not given.
        sample: How many rows, from all over, fix the hash; as in `stream_information`.

    Returns:
        The estimate in nats: to the last bit what `stream_information` returns for the same
        blocks in memory, whatever the workers, their number and their failures.

    Raises:
        MissingExtraError: Without dask.
        TypeError: For arrays that are not dask's, or hold no numbers.
        ValueError: For unknown or unequal blocks of rows, or bad data, with the rows where they
            are.

    Example:
        >>> import dask.array as da
        >>> x = da.random.default_rng(0).normal(size=40_000, chunks=10_000)
        >>> y = x + da.random.default_rng(1).normal(size=40_000, chunks=10_000)
        >>> abs(mutual_information(x, y).value - 0.347) < 0.02  # ln(2) / 2
        True
    """
    dask = require("dask", extra="dask", purpose="Counting dask arrays")
    array = require("dask.array", extra="dask", purpose="Counting dask arrays")
    estimator = as_edge(estimator)
    arrays = {"dx": dx, "dy": dy} if given is None else {"dx": dx, "dy": dy, "given": given}
    for name, side in arrays.items():
        _check_array(name, side, array.Array)
    lengths = dx.chunks[0]
    for name, side in arrays.items():
        _check_blocks(name, side, dx)
    blocks = list(zip(*(_blocks(side) for side in arrays.values()), strict=True))

    n = sum(lengths)
    chosen = sample_rows(n, sample_size(sample, n, estimator), estimator.seed)
    rows = dask.delayed(_rows, pure=True)
    taken, starts, start = [], [], 0
    for block, length in zip(blocks, lengths, strict=True):
        here = chosen[(chosen >= start) & (chosen < start + length)] - start
        if len(here):
            taken.append(rows(block, here))
        starts.append(start)
        start += length
    empty = fit_sample(_stacked(dask.compute(*taken)), estimator)

    shared = dask.delayed(empty, pure=True, traverse=False)
    count, merge = dask.delayed(_count, pure=True), dask.delayed(_merge, pure=True)
    states = [
        count(shared, block, start)
        for block, start, length in zip(blocks, starts, lengths, strict=True)
        if length
    ]
    while len(states) > 1:
        states = [merge(states[i : i + 2]) for i in range(0, len(states), 2)]
    (state,) = dask.compute(states[0])
    return state.finalize()


def _check_array(name: str, side: Any, kind: Any) -> None:
    if not isinstance(side, kind):
        raise TypeError(
            f"`{name}` must be a dask array, got {type(side).__name__}. Use "
            "`mitools.mutual_information` for data in memory, `.to_dask_array(lengths=True)` for "
            "data frames of dask, and `dask.array.from_array` for other arrays."
        )
    if side.ndim == 0:
        raise ValueError(f"`{name}` must hold samples, with shape (n,) or (n, d), got no axis.")


def _check_blocks(name: str, side: Any, first: Any) -> None:
    if any(length != length for length in side.chunks[0]):
        raise ValueError(
            f"`{name}` has blocks of unknown length. Call `{name}.compute_chunk_sizes()` first, "
            "or `.to_dask_array(lengths=True)` on a data frame."
        )
    if len(side) != len(first):
        raise ValueError(
            f"`dx` and `{name}` must have one row per sample, got {len(first)} and {len(side)} "
            "rows."
        )
    if len(side) == 0:
        raise ValueError(f"`{name}` is empty. Pass at least 2 samples.")
    if side.chunks[0] != first.chunks[0]:
        raise ValueError(
            f"`{name}` is cut into other blocks of rows than `dx`: {_short(side.chunks[0])} and "
            f"{_short(first.chunks[0])}. Call `{name}.rechunk({{0: dx.chunks[0]}})` first."
        )


def _short(lengths: tuple[int, ...]) -> str:
    return f"{lengths}" if len(lengths) <= 4 else f"{lengths[:3]}... ({len(lengths)} blocks)"


def _blocks(side: Any) -> list[Any]:
    """Return one delayed array per block of rows, each with all columns."""
    if side.ndim > 1:
        side = side.rechunk({axis: -1 for axis in range(1, side.ndim)})
    return list(side.to_delayed().ravel())


def _rows(block: Chunk, chosen: Any) -> Chunk:
    return tuple(side[chosen] for side in block)


def _stacked(parts: tuple[Chunk, ...]) -> Chunk:
    import numpy as np

    return tuple(np.concatenate(side) for side in zip(*parts, strict=True))


def _count(empty: Any, block: Chunk, start: int) -> Any:
    return counted(empty, tuple(block), start)


def _merge(states: list[Any]) -> Any:
    return states[0] if len(states) == 1 else states[0].merge(states[1])
