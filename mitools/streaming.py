"""Mutual information of data larger than memory: memory maps, Parquet files, any chunks.

A hash is fixed on a sample of rows; then each chunk is counted and forgotten. What stays in memory
is one chunk and at most 4^9 cells a member, however many rows there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from mitools.engines.cells.labelled import LabelledCounts
from mitools.engines.cells.sides import sample_rows
from mitools.engines.cells.state import CountState
from mitools.estimators.base import Estimate, check_whole
from mitools.estimators.edge import EDGE
from mitools.samples.arrays import paired_samples
from mitools.samples.messages import require, unknown

__all__ = [
    "ArrayChunks",
    "Chunk",
    "ParquetChunks",
    "count_chunks",
    "fit_sample",
    "sample_rows",
    "stream_information",
]

#: Paired rows: (x, y), or (x, y, labels).
Chunk = tuple[Any, ...]
Counts = CountState | LabelledCounts

#: Rows that fix the hash; some 1000 already give all nine halvings of a stream's cells.
SAMPLE = 10_000
FEWEST = 1000
#: A chunk takes about this much as float64. Merging costs as much as counting 200 000 rows, so
#: that small chunks waste time.
CHUNK_BYTES = 64 << 20
MOST_ROWS = 1 << 20
#: A sample of a Parquet file reads at most this many of its row groups.
ROW_GROUPS = 32


def stream_information(
    chunks: Iterable[Chunk],
    *,
    estimator: EDGE | None = None,
    sample: int = SAMPLE,
    progress: Callable[[int], None] | None = None,
) -> Estimate:
    """Estimate I(X; Y), or I(X; Y | labels), of chunks that need not fit into memory together.

    Args:
        chunks: `ArrayChunks`, `ParquetChunks`, or any iterable of pairs ``(x, y)`` or triples
            ``(x, y, labels)`` of arrays with the same columns throughout. A chunk of about a
            million rows is fast; chunks of unequal and of no rows are fine.
        estimator: An `EDGE`; ``EDGE()`` when not given.
        sample: How many rows fix the hash. Files and arrays are sampled all over; of other
            iterables, the first rows are taken, so the first chunks should look like the rest.
            Of files and arrays, at most a tenth, but 1000 rows, where ``projection`` lets EDGE
            learn directions: it learns them from the pairing of rows that are counted too.
        progress: Called after each chunk with the number of rows counted so far.

    Returns:
        The estimate in nats. The same for every chunking to the last bit.

    Raises:
        TypeError: For an estimator that is no `EDGE`, or data that are not numbers.
        ValueError: For bad data, with the rows where they are, or too few of them.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> def chunks():
        ...     for _ in range(5):
        ...         x = rng.normal(size=20_000)
        ...         yield x, x + rng.normal(size=20_000)  # I = ln(2) / 2 = 0.347 nats
        >>> abs(stream_information(chunks()).value - 0.347) < 0.01
        True
    """
    estimator = as_edge(estimator)
    if isinstance(chunks, Sampled):
        rows = chunks.sample(sample_size(sample, len(chunks), estimator), estimator.seed)
        return count_chunks(chunks, fit_sample(rows, estimator), progress).finalize()
    first, rest = _first_rows(_iterated(chunks), _checked_size(sample, estimator))
    rows = tuple(np.concatenate(side)[:sample] for side in zip(*first, strict=True))
    empty = fit_sample(rows, estimator)
    return count_chunks(chain(first, rest), empty, progress).finalize()


@runtime_checkable
class Sampled(Protocol):
    """Chunks that can be read again, and sampled."""

    def __iter__(self) -> Iterator[Chunk]: ...

    def __len__(self) -> int: ...

    def sample(self, size: int, seed: int = 0) -> Chunk:
        """Return about `size` rows from all over.

        Args:
            size: How many rows.
            seed: Seed of their choice.
        """
        ...


def count_chunks(
    chunks: Iterable[Chunk], empty: Any, progress: Callable[[int], None] | None = None
) -> Any:
    """Count every chunk into a state, for instance to store it with `CountState.to_npz`.

    Args:
        chunks: As for `stream_information`.
        empty: Where to begin: what `EDGE.fit_hash` or `fit_sample` returns, or a state that holds
            counts already.
        progress: Called after each chunk with the number of rows seen so far.

    Returns:
        The state with the chunks counted, of the kind of `empty`.

    Raises:
        TypeError: For an `empty` that holds no counts, or data that are not numbers.
        ValueError: For bad data, with the rows of the stream where they are.
    """
    state, start = empty, 0
    if not isinstance(empty, CountState | LabelledCounts):
        raise TypeError(
            f"`empty` must be what `EDGE.fit_hash` or `fit_sample` returns, got "
            f"{type(empty).__name__}."
        )
    for chunk in _iterated(chunks):
        _check_chunk(chunk)
        n = len(chunk[0])
        if n == 0:
            continue
        state = counted(state, chunk, start)
        start += n
        if progress is not None:
            progress(start)
    return state


def _iterated(chunks: Any) -> Iterator[Chunk]:
    try:
        return iter(chunks)
    except TypeError:
        raise TypeError(
            "`chunks` must be ArrayChunks, ParquetChunks or an iterable of pairs (x, y), got "
            f"{type(chunks).__name__}."
        ) from None


def counted(state: Any, chunk: Chunk, start: int) -> Any:
    """Return the state with one chunk counted; errors name its rows.

    Args:
        state: Counts, as from `EDGE.fit_hash` or `fit_sample`.
        chunk: The rows: (x, y), or (x, y, labels).
        start: The number of the first row, for errors.

    Raises:
        TypeError: For data that are not numbers, with their rows.
        ValueError: For bad data, with their rows.
    """
    if len(chunk[0]) == 0:
        return state
    try:
        return state.update(*chunk)
    except (TypeError, ValueError) as error:
        placed = _placed(error, f"In the rows {start} to {start + len(chunk[0]) - 1}")
        raise placed from error


def fit_sample(rows: Chunk, estimator: EDGE) -> Counts:
    """Fix the hash on a sample, or one hash for each label.

    Args:
        rows: The sample: (x, y), or (x, y, labels).
        estimator: The settings.

    Returns:
        Empty counts.

    Raises:
        TypeError: For data that are not numbers.
        ValueError: For bad data or too few rows.
    """
    try:
        if len(rows) == 2:
            return estimator.fit_hash(*rows)
        x, y, given = rows
        return LabelledCounts.fit_hash(x, y, given, estimator)
    except (TypeError, ValueError) as error:
        placed = _placed(error, "In the sample of rows that fixes the hash")
        raise placed from error


def sample_size(size: int, n: int, estimator: EDGE) -> int:
    """Return how many of n rows to fix the hash on, at most a tenth if it learns directions.

    Args:
        size: How many rows are wished for.
        n: How many rows there are.
        estimator: The settings.
    """
    size = _checked_size(size, estimator)
    if estimator.projection in ("auto", "canonical"):
        size = min(size, max(n // 10, FEWEST))
    return min(size, n)


def as_edge(estimator: Any) -> EDGE:
    """Return the estimator, ``EDGE()`` for None, or an error for what cannot count chunks."""
    estimator = EDGE() if estimator is None else estimator
    if not isinstance(estimator, EDGE):
        raise TypeError(
            f"Only counts of cells add up over chunks: `estimator` must be an EDGE(), got "
            f"{estimator!r}. For other estimators, load a sample of rows into memory."
        )
    return estimator


@dataclass(frozen=True, eq=False)
class ArrayChunks:
    """Slices of arrays that support slicing: memory maps, npy files, HDF5 or Zarr arrays.

    Attributes:
        x: Samples of X, with shape (n, ...) or (n,), or the path of an npy file, which is mapped.
        y: Paired samples of Y, likewise.
        given: Labels, with shape (n,), likewise, or None.
        rows: Rows in a chunk; by default about 64 MB worth.
    """

    x: Any
    y: Any
    given: Any = None
    rows: int | None = None

    def __post_init__(self) -> None:
        for name in ("x", "y", "given"):
            side = getattr(self, name)
            if isinstance(side, str | Path):
                side = np.load(side, mmap_mode="r", allow_pickle=False)
                object.__setattr__(self, name, side)
            if side is not None and len(getattr(side, "shape", ())) == 0:
                raise TypeError(
                    f"`{name}` must be an array or the path of an npy file, got "
                    f"{type(side).__name__}. Turn lists into arrays with `np.asarray`."
                )
        lengths = [len(side) for side in self._sides()]
        if len(set(lengths)) > 1:
            raise ValueError(
                f"`x`, `y` and `given` must have one row per sample, got {lengths} rows."
            )
        if lengths[0] == 0:
            raise ValueError("`x` and `y` are empty. Pass at least 2 samples.")
        _check_rows(self.rows)

    def __iter__(self) -> Iterator[Chunk]:
        width = sum(int(np.prod(side.shape[1:])) for side in self._sides())
        rows = self.rows or _rows_of(width)
        for start in range(0, len(self), rows):
            yield tuple(np.asarray(side[start : start + rows]) for side in self._sides())

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.x)

    def sample(self, size: int, seed: int = 0) -> Chunk:
        """Return `size` rows from all over.

        Args:
            size: How many rows.
            seed: Seed of their choice.
        """
        chosen = sample_rows(len(self), size, seed)
        return tuple(np.asarray(side[chosen]) for side in self._sides())

    def _sides(self) -> list[Any]:
        return [side for side in (self.x, self.y, self.given) if side is not None]


@dataclass(frozen=True, eq=False)
class ParquetChunks:
    """Batches of rows of a Parquet file, or of several with the same columns.

    Attributes:
        path: The file, or a list of files, read one after the other.
        x: The name or names of X's columns.
        y: The name or names of Y's columns.
        given: The name of the column of labels, or None.
        rows: Rows in a chunk; by default about 64 MB worth. A row group is decoded batch by batch.
    """

    path: str | Path | Sequence[str | Path]
    x: str | Sequence[str]
    y: str | Sequence[str]
    given: str | None = None
    rows: int | None = None

    def __post_init__(self) -> None:
        require("pyarrow.parquet", extra="parquet", purpose="Reading Parquet files")
        _check_rows(self.rows)
        for name in ("x", "y"):
            if not _names(getattr(self, name)):
                raise ValueError(f"`{name}` names no column. Pass at least one.")
        for path in self._paths():
            if not path.is_file():
                raise FileNotFoundError(f"There is no file {str(path)!r}.")
        for file in self._files():
            present = file.schema_arrow.names
            for column in self._columns():
                if column not in present:
                    raise ValueError(unknown("column", column, present))
        if len(self) == 0:
            raise ValueError("There are no rows in the Parquet files.")

    def __iter__(self) -> Iterator[Chunk]:
        for file in self._files():
            yield from self._batches(file, range(file.num_row_groups))

    def __len__(self) -> int:
        """Return how many rows there are, from the files' footers."""
        return sum(file.metadata.num_rows for file in self._files())

    def sample(self, size: int, seed: int = 0) -> Chunk:
        """Return about `size` rows, from at most 32 row groups spread over the files.

        Args:
            size: How many rows.
            seed: Seed of their choice.
        """
        groups = [
            (file, g, file.metadata.row_group(g).num_rows)
            for file in self._files()
            for g in range(file.num_row_groups)
            if file.metadata.row_group(g).num_rows
        ]
        read = [groups[i] for i in sample_rows(len(groups), ROW_GROUPS, seed)]
        chosen = sample_rows(sum(n for *_, n in read), size, seed)
        parts, start = [], 0
        for file, group, _ in read:
            for chunk in self._batches(file, [group]):
                stop = start + len(chunk[0])
                first, last = np.searchsorted(chosen, (start, stop))
                parts.append(tuple(side[chosen[first:last] - start] for side in chunk))
                start = stop
        return tuple(np.concatenate(side) for side in zip(*parts, strict=True))

    def _batches(self, file: Any, groups: Iterable[int]) -> Iterator[Chunk]:
        columns = self._columns()
        batches = file.iter_batches(
            self.rows or _rows_of(len(columns)),
            row_groups=list(groups),
            columns=columns,
            use_threads=False,
        )
        for batch in batches:
            x, y = (
                np.column_stack(
                    [batch.column(name).to_numpy(zero_copy_only=False) for name in _names(side)]
                )
                for side in (self.x, self.y)
            )
            if self.given is None:
                yield x, y
            else:
                yield x, y, batch.column(self.given).to_numpy(zero_copy_only=False)

    def _files(self) -> Iterator[Any]:
        import pyarrow.parquet as pq

        # Buffering ahead would hold whole row groups, which may be the whole file.
        return (pq.ParquetFile(path, pre_buffer=False) for path in self._paths())

    def _paths(self) -> list[Path]:
        paths = [self.path] if isinstance(self.path, str | Path) else self.path
        return [Path(path) for path in paths]

    def _columns(self) -> list[str]:
        given = [] if self.given is None else [self.given]
        return list(dict.fromkeys([*_names(self.x), *_names(self.y), *given]))


def _names(columns: str | Sequence[str]) -> list[str]:
    return [columns] if isinstance(columns, str) else list(columns)


def _rows_of(width: int) -> int:
    """Return the rows of a chunk of so many columns."""
    return int(np.clip(CHUNK_BYTES // (8 * max(width, 1)), 1000, MOST_ROWS))


def _first_rows(chunks: Iterator[Chunk], size: int) -> tuple[list[Chunk], Iterator[Chunk]]:
    """Return chunks of at least `size` rows together, as arrays, and the chunks after them."""
    first: list[Chunk] = []
    seen = 0
    while seen < size and (chunk := next(chunks, None)) is not None:
        _check_chunk(chunk)
        if len(chunk[0]):
            sides = paired_samples(chunk[0], chunk[1])
            first.append((*sides, *(np.asarray(labels) for labels in chunk[2:])))
            if _widths(first[-1]) != _widths(first[0]):
                raise ValueError(
                    f"All chunks must have the same columns: after chunks of {_widths(first[0])} "
                    f"columns came one of {_widths(first[-1])}."
                )
            seen += len(chunk[0])
    if not first:
        raise ValueError("There are no chunks with rows. An iterator can be read only once.")
    return first, chunks


def _checked_size(size: int, estimator: EDGE) -> int:
    least = estimator.minimum_samples()
    check_whole("sample", size)
    if size < least:
        raise ValueError(f"`sample` must be at least {least} rows, got {size}.")
    return size


def _placed(error: Exception, where: str) -> Exception:
    """Return the error with its place in the stream."""
    kind = TypeError if isinstance(error, TypeError) else ValueError
    return kind(f"{where}: {error}")


def _widths(chunk: Chunk) -> list[int]:
    return [int(np.prod(side.shape[1:])) for side in chunk]


def _check_chunk(chunk: Any) -> None:
    if not isinstance(chunk, tuple | list) or len(chunk) not in (2, 3):
        raise TypeError(
            "Each chunk must be a pair (x, y) or a triple (x, y, labels) of arrays, got "
            f"{type(chunk).__name__}. For whole arrays, use `ArrayChunks(x, y)`."
        )


def _check_rows(rows: int | None) -> None:
    if rows is not None:
        check_whole("rows", rows)
