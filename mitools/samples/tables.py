"""Columns of files as arrays: CSV, Parquet, npy and npz, chosen by name, glob, index or range.

A table (CSV, Parquet, or a two-dimensional npy) has columns; "a,b" takes two by name, "h1_*" all
that match, "3" the fourth, "0:3" the first three. An npz has keys, each an array, and is asked for
those.

The first row of a CSV has the names if one of its cells is text above a number, or if no cell of
the first two rows is a number. Where each number of the second row stands below a number, nothing
tells names from data: the row is taken for data, with a warning, unless `header` says what it is.
"""

from __future__ import annotations

import csv
import re
import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from mitools.samples.arrays import as_samples
from mitools.samples.messages import require, unknown

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Table", "read_table"]

SUFFIXES = (".csv", ".tsv", ".parquet", ".npy", ".npz")

#: Cells of a CSV that stand for a missing value, in any case: no sign of a name.
MISSING = {"", "na", "n/a", "nan", "null", "none", "?", "-"}

RANGE = re.compile(r"(-?\d*):(-?\d*)")


class Table(ABC):
    """Named arrays of equally many rows, from one file."""

    path: Path

    @property
    @abstractmethod
    def names(self) -> list[str]:
        """The names that can be asked for, in the file's order."""

    @abstractmethod
    def _matrix(self, names: Sequence[str]) -> NDArray[Any]:
        """Return the named columns side by side."""

    @abstractmethod
    def _labels(self, name: str) -> NDArray[Any]:
        """Return one column as it is."""

    def columns(self, wanted: str) -> NDArray[Any]:
        """Return the columns that `wanted` asks for, with shape (n, d).

        Args:
            wanted: Names, globs, indices and ranges, separated by commas; a name goes before an
                index.

        Raises:
            ValueError: For columns that are not there (with the nearest names) or hold no numbers.
        """
        return self._matrix(self.select(wanted))

    def labels(self, wanted: str) -> NDArray[Any]:
        """Return the one column that `wanted` asks for, numbers or text, with shape (n,)."""
        names = self.select(wanted)
        if len(names) != 1:
            raise ValueError(
                f"Labels are one column, and {wanted!r} asks for {len(names)} of {self.path.name}."
            )
        return self._labels(names[0])

    def select(self, wanted: str) -> list[str]:
        """Return the names that `wanted` asks for, each once, in the order asked."""
        found: list[str] = []
        for item in filter(None, (piece.strip() for piece in wanted.split(","))):
            found += [name for name in self._matching(item) if name not in found]
        if not found:
            raise ValueError(f"{wanted!r} names no column of {self.path.name}.")
        return found

    def _matching(self, item: str) -> list[str]:
        names = self.names
        if item in names:
            return [item]
        if any(sign in item for sign in "*?["):
            matching = [name for name in names if fnmatchcase(name, item)]
        elif ends := RANGE.fullmatch(item):
            start, stop = (int(end) if end else None for end in ends.groups())
            if stop is not None and stop > len(names):
                raise ValueError(
                    f"{self.path.name} has {len(names)} columns, and {item!r} asks for more."
                )
            matching = names[start:stop]
        elif re.fullmatch(r"-?\d+", item) and -len(names) <= int(item) < len(names):
            matching = [names[int(item)]]
        else:
            raise ValueError(f"{self.path.name}: {unknown('column', item, names)}")
        if not matching:
            raise ValueError(
                f"{self.path.name}: no column matches {item!r}. {unknown('column', item, names)}"
            )
        return matching


def read_table(path: str | Path, header: bool | None = None) -> Table:
    """Read a CSV, TSV, Parquet, npy or npz file.

    Args:
        path: The file; its suffix says what it is. Pickled objects in npy and npz files are never
            loaded.
        header: Whether the first row of a CSV or TSV holds the names; without names, columns are
            called 0, 1, ... When not given, the rule above decides, and warns where it cannot
            know. The other kinds of file know it themselves.

    Returns:
        The table.

    Raises:
        FileNotFoundError: When there is no such file.
        ValueError: When it is of no known kind, empty or unreadable.
        MissingExtraError: For Parquet without pyarrow.
    """
    path = Path(path)
    if not path.exists():
        near = [other.name for other in path.parent.glob("*") if other.suffix in SUFFIXES]
        raise FileNotFoundError(
            f"There is no file {str(path)!r}. {unknown('file', path.name, near)}"
        )
    if path.is_dir():
        raise ValueError(f"{str(path)!r} is a folder, not a file.")
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(
            f"{path.name} is of no kind known here: {', '.join(SUFFIXES)}. Convert it first."
        )
    if path.stat().st_size == 0:
        raise ValueError(f"{path.name} is empty.")
    if suffix in (".npy", ".npz"):
        return _read_numpy(path)
    frame = _read_parquet(path) if suffix == ".parquet" else _read_csv(path, header)
    return FrameTable(path, frame)


@dataclass(frozen=True, eq=False)
class FrameTable(Table):
    """Columns of a data frame."""

    path: Path
    frame: pd.DataFrame

    @property
    def names(self) -> list[str]:
        """The column names, as text."""
        return [str(name) for name in self.frame.columns]

    def _matrix(self, names: Sequence[str]) -> NDArray[Any]:
        return np.column_stack([self._numbers(name) for name in names])

    def _labels(self, name: str) -> NDArray[Any]:
        return np.asarray(self.frame.iloc[:, self.names.index(name)])

    def _numbers(self, name: str) -> NDArray[np.float64]:
        column = self.frame.iloc[:, self.names.index(name)]
        if column.dtype.kind in "iu" and not column.hasnans:
            return as_samples(column.to_numpy(), name)[:, 0]  # refuses what float64 would merge
        try:
            return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
        except (TypeError, ValueError):
            pass
        text = next((item for item in column if isinstance(item, str)), column.iloc[0])
        raise ValueError(
            f"{self.path.name}: the column {name!r} holds no numbers but {text!r}. Choose other "
            "columns, condition on it with --given, or take it for labels with --estimator labels."
        )


@dataclass(frozen=True, eq=False)
class ArrayTable(Table):
    """Columns of one array."""

    path: Path
    array: NDArray[Any]

    @property
    def names(self) -> list[str]:
        """The column numbers."""
        return [str(column) for column in range(self.array.shape[1])]

    def _matrix(self, names: Sequence[str]) -> NDArray[Any]:
        return self.array[:, [int(name) for name in names]]

    def _labels(self, name: str) -> NDArray[Any]:
        return np.asarray(self.array[:, int(name)])


@dataclass(frozen=True, eq=False)
class ArchiveTable(Table):
    """Arrays of an npz, by key; those of more than one dimension count as several columns."""

    path: Path
    arrays: dict[str, NDArray[Any]]

    @property
    def names(self) -> list[str]:
        """The keys."""
        return list(self.arrays)

    def _matrix(self, names: Sequence[str]) -> NDArray[Any]:
        blocks = [self._array(name) for name in names]
        rows = {len(block) for block in blocks}
        if len(rows) > 1:
            raise ValueError(
                f"{self.path.name}: the arrays {', '.join(names)} have unequal numbers of rows: "
                f"{sorted(rows)}."
            )
        return np.concatenate([block.reshape(len(block), -1) for block in blocks], axis=1)

    def _labels(self, name: str) -> NDArray[Any]:
        return self._array(name)

    def _array(self, name: str) -> NDArray[Any]:
        array = self.arrays[name]
        if array.ndim == 0:
            raise ValueError(f"{self.path.name}: {name!r} is a single value, not samples.")
        if array.size == 0:
            raise ValueError(f"{self.path.name}: {name!r} is empty, with shape {array.shape}.")
        return array


def _read_numpy(path: Path) -> Table:
    try:
        content = np.load(path, allow_pickle=False)
        arrays = content if isinstance(content, np.ndarray) else {k: content[k] for k in content}
    except (ValueError, OSError, EOFError, KeyError, BadZipFile) as error:
        reason = "it holds pickled objects" if "pickle" in str(error).lower() else str(error)
        raise ValueError(f"{path.name} cannot be read: {reason}.") from error
    if isinstance(arrays, dict):
        return ArchiveTable(path, arrays)
    if arrays.ndim == 0 or arrays.size == 0:
        raise ValueError(f"{path.name} holds no samples: its shape is {arrays.shape}.")
    return ArrayTable(path, arrays.reshape(len(arrays), -1))


def _read_csv(path: Path, header: bool | None) -> pd.DataFrame:
    import pandas as pd

    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.reader(file, delimiter=separator)
            first, second = (next(filter(None, rows), []) for _ in range(2))
            line = rows.line_num
        if len(second) > len(first) > 0:  # pandas would shift the columns: an index of its own
            raise ValueError(
                f"{path.name}: line {line} has {len(second)} cells, and the line before it has "
                f"{len(first)}. Every row needs as many cells as the first."
            )
        named = _has_names(path, first, second) if header is None else header
        twice = sorted({name for name in first if name and first.count(name) > 1})
        if named and twice:
            warnings.warn(
                f"{path.name}: more than one column is called {twice[0]!r}; the second is "
                f"'{twice[0]}.1' here, and so on.",
                stacklevel=3,
            )
        frame = pd.read_csv(path, sep=separator, header=0 if named else None, encoding="utf-8-sig")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeError, csv.Error) as error:
        reason = str(error).strip().replace("\n", " ")
        raise ValueError(f"{path.name} cannot be read as CSV: {reason}.") from error
    if frame.empty:
        raise ValueError(f"{path.name} has a header and no rows.")
    return frame


def _read_parquet(path: Path) -> pd.DataFrame:
    require("pyarrow", extra="parquet", purpose="Reading Parquet files")
    import pandas as pd

    try:
        frame = pd.read_parquet(path, engine="pyarrow")
    except (ValueError, OSError) as error:
        raise ValueError(f"{path.name} cannot be read as Parquet: {error}") from error
    if frame.empty:
        raise ValueError(f"{path.name} has no rows.")
    return frame


def _has_names(path: Path, first: Sequence[str], second: Sequence[str]) -> bool:
    """Return whether the first row of a CSV holds names; warn where nothing tells."""
    pairs = list(zip(first, second, strict=False))
    if any(_is_number(below) and _is_text(above) for above, below in pairs):
        return True
    if not any(_is_number(cell) for cell in (*first, *second)):
        return True
    shown = ", ".join(first[:5]) + (", ..." if len(first) > 5 else "")
    warnings.warn(
        f"{path.name}: the first row ({shown}) is taken for data, as nothing tells it from "
        "the next. Say what it is with --header or --no-header (in Python: header=True or False).",
        stacklevel=4,
    )
    return False


def _is_text(cell: str) -> bool:
    return not _is_number(cell) and cell.strip().lower() not in MISSING


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
