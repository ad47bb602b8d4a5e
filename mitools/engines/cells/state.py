"""Counts of cells, which add up: stream, split over machines, merge, then estimate."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from mitools.engines.cells.pair import HashedPair, Table
from mitools.engines.cells.sides import Grid, Side
from mitools.evidence.estimate import Estimate, Estimating
from mitools.samples.arrays import paired_samples

__all__ = ["CountState", "reading"]


class Counting(Estimating, Protocol):
    """What counts are made for: an estimator that can estimate from them, such as `EDGE`."""

    def from_counts(self, state: CountState) -> Estimate:
        """Return the estimate from counted cells."""

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values, for JSON."""

    def minimum_samples(self) -> int:
        """Return the fewest samples that it accepts."""

    def fit_hash(self, x: Any, y: Any, *, steps: int | None = None) -> CountState:
        """Fix the hash on a sample, and return a state of counts that is still empty.

        Args:
            x: A sample of X.
            y: The paired sample of Y.
            steps: How often cells are halved; None leaves it to the estimator.

        Returns:
            The empty state.
        """


@dataclass(frozen=True, eq=False)
class CountState:
    """Counts of joint cells under a hash that was fixed beforehand.

    States under one hash add up exactly: `update` in any order and chunking, and `merge` in any
    order and nesting, give the same counts, and so the same estimate to the last bit. Get an empty
    one from `EDGE.fit_hash`. States are values: `update` and `merge` return a new one.

    Attributes:
        estimator: The settings that made the hash.
        blocks: The hashed pairs of sides.
        tables: For each hashed pair and grid, the distinct joint codes and their counts.
        n_samples: How many samples were counted.

    Example:
        >>> import numpy as np
        >>> from mitools import EDGE
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=4000)
        >>> y = x + rng.normal(size=4000)
        >>> empty = EDGE().fit_hash(x[:1000], y[:1000])
        >>> left = empty.update(x[:3000], y[:3000])
        >>> right = empty.update(x[3000:], y[3000:])
        >>> left.merge(right).finalize().n_samples
        4000
    """

    #: Makes an estimator of stored settings; `EDGE` puts its own here, as it stands above counts.
    settings_reader: ClassVar[Callable[[Mapping[str, Any]], Counting]]

    estimator: Counting
    blocks: tuple[HashedPair, ...]
    tables: tuple[tuple[Table, ...], ...]
    n_samples: int = 0

    @classmethod
    def empty(cls, estimator: Counting, blocks: tuple[HashedPair, ...]) -> CountState:
        """Return a state without counts.

        Args:
            estimator: The settings that made the hash.
            blocks: The hashed pairs of sides.
        """
        nothing = (np.empty(0, np.uint64), np.empty(0, np.int64))
        return cls(estimator, blocks, tuple(tuple(nothing for _ in b.grids) for b in blocks))

    def update(self, x: Any, y: Any) -> CountState:
        """Return the state with the rows of a chunk counted as well.

        Args:
            x: Samples of X, with shape (n, d_x) or (n,).
            y: Paired samples of Y.

        Raises:
            TypeError: For data that are not numbers.
            ValueError: For bad data, other dimensions than the hash's, or discrete values it never
                saw.
        """
        x, y = paired_samples(x, y)
        self._check_width("x", x.shape[1])
        self._check_width("y", y.shape[1])
        return self._add(self.count(x, y), len(x))

    def merge(self, other: CountState) -> CountState:
        """Return the state that counted what either did.

        Raises:
            TypeError: If the other is no state.
            ValueError: If the other state's hash differs.
        """
        if not isinstance(other, CountState):
            raise TypeError(
                f"`merge` takes another CountState, got {type(other).__name__}. Read files with "
                "`CountState.from_npz`, and count arrays with `update`."
            )
        if self.fingerprint() != other.fingerprint():
            raise ValueError(
                "The two states were counted under different hashes, so their cells differ. Call "
                "`fit_hash` once and update every state from what it returns."
            )
        return self._add(other.tables, other.n_samples)

    def finalize(self) -> Estimate:
        """Return the estimate from the counts, in nats.

        Raises:
            ValueError: If fewer samples were counted than the estimator needs.
        """
        return self.estimator.from_counts(self)

    def fingerprint(self) -> str:
        """Return a digest of the hash: equal for states that may be merged."""
        import hashlib

        digest = hashlib.sha256(repr(self.estimator).encode())
        for name, array in sorted(self._hash_arrays().items()):
            digest.update(name.encode() + str(array.shape).encode() + array.tobytes())
        return digest.hexdigest()

    def to_npz(self, path: str | Path | io.BytesIO) -> None:
        """Write the hash and the counts to an npz file, without pickles."""
        np.savez_compressed(path, **self.to_arrays())  # type: ignore[arg-type]

    @classmethod
    def from_npz(cls, path: str | Path | io.BytesIO) -> CountState:
        """Read a state that `to_npz` wrote.

        Args:
            path: The file, or a buffer.

        Returns:
            The state.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the file is another one, or damaged.
        """
        with reading(path, cls.__name__) as arrays:
            if "labels" in arrays:
                raise ValueError("it holds counts within labels: use `LabelledCounts.from_npz`")
            return cls.from_arrays(arrays)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the hash and the counts as arrays by name, as a file holds them."""
        arrays = self._hash_arrays()
        for b, tables in enumerate(self.tables):
            for g, (codes, counts) in enumerate(tables):
                arrays[f"codes/{b}/{g}"], arrays[f"counts/{b}/{g}"] = codes, counts
        arrays["settings"] = np.array(json.dumps(self.estimator.to_dict(), sort_keys=True))
        arrays["n_samples"] = np.array(self.n_samples)
        arrays["shape"] = np.array([len(self.blocks), len(self.blocks[0].grids)])
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> CountState:
        """Return the state that `to_arrays` was called on.

        Args:
            arrays: The arrays by name.

        Returns:
            The state.

        Raises:
            KeyError: For an array that is missing.
            ValueError: For counts that no data can give.
        """
        estimator = cls.settings_reader(_still_settings(json.loads(str(arrays["settings"]))))
        n_pairs, n_grids = (int(number) for number in arrays["shape"])
        if n_pairs < 1 or n_grids < 1:
            raise ValueError(f"it holds {n_pairs} pairs of sides with {n_grids} grids")
        hashed, tables = [], []
        for b in range(n_pairs):
            grids = tuple(_read_grid(arrays, f"grid/{b}/{g}") for g in range(n_grids))
            sides = _read_side(arrays, f"x/{b}"), _read_side(arrays, f"y/{b}")
            hashed.append(HashedPair(*sides, grids))
            tables.append(
                tuple(
                    (arrays[f"codes/{b}/{g}"], arrays[f"counts/{b}/{g}"]) for g in range(n_grids)
                )
            )
        state = cls(estimator, tuple(hashed), tuple(tables), int(arrays["n_samples"]))
        state._refuse_impossible()
        return state

    def _refuse_impossible(self) -> None:
        """Raise for tables that no data can give, before a kernel reads them unchecked."""
        if self.n_samples < 0:
            raise ValueError(f"`n_samples` is {self.n_samples}")
        for b, tables in enumerate(self.tables):
            for g, (codes, counts) in enumerate(tables):
                at = f"{b}/{g}"
                if codes.ndim != 1 or codes.dtype not in (np.uint32, np.uint64):
                    raise ValueError(f"`codes/{at}` must be a list of unsigned whole numbers")
                if counts.shape != codes.shape or counts.dtype != np.int64:
                    raise ValueError(
                        f"`counts/{at}` must hold a whole number for each of {len(codes)} codes, "
                        f"got {counts.dtype} of shape {counts.shape}"
                    )
                if not (codes[1:] > codes[:-1]).all():
                    raise ValueError(f"`codes/{at}` must increase: a cell stands there once")
                if len(codes) and not self.blocks[b].takes(codes, self.blocks[b].grids[g].steps):
                    raise ValueError(f"`codes/{at}` has codes of cells that the hash has not")
                if (counts < 1).any() or int(counts.sum()) != self.n_samples:
                    raise ValueError(
                        f"`counts/{at}` must be positive and add up to the {self.n_samples} "
                        f"samples, got a sum of {int(counts.sum())}"
                    )

    def count(
        self, x: NDArray[np.float64], y: NDArray[np.float64]
    ) -> tuple[tuple[Table, ...], ...]:
        """Return the tables of validated rows by themselves.

        Args:
            x: Samples of X, validated, with shape (n, d_x).
            y: Paired samples of Y.
        """
        return tuple(hashed.count(x, y) for hashed in self.blocks)

    def _add(self, tables: tuple[tuple[Table, ...], ...], n: int) -> CountState:
        if self.n_samples == 0:
            return replace(self, tables=tables, n_samples=n)
        merged = tuple(
            tuple(_merge(a, b) for a, b in zip(ours, theirs, strict=True))
            for ours, theirs in zip(self.tables, tables, strict=True)
        )
        return replace(self, tables=merged, n_samples=self.n_samples + n)

    def _check_width(self, name: str, got: int) -> None:
        side: Side = getattr(self.blocks[0], name)
        if side.projection is not None:
            expected = len(side.projection)
        elif side.labels is not None:
            expected = side.labels.shape[1]
        else:
            expected = len(side.knots)
        if got != expected:
            raise ValueError(
                f"`{name}` must have the {expected} features the hash was fitted on, got {got}."
            )

    def _hash_arrays(self) -> dict[str, NDArray[Any]]:
        arrays: dict[str, NDArray[Any]] = {}
        for b, hashed in enumerate(self.blocks):
            for name, side in (("x", hashed.x), ("y", hashed.y)):
                if side.projection is not None:
                    arrays[f"{name}/{b}/projection"] = side.projection
                if side.labels is not None:
                    arrays[f"{name}/{b}/labels"] = side.labels
                for j, knots in enumerate(side.knots):
                    arrays[f"{name}/{b}/knots/{j:03d}"] = knots
            for g, grid in enumerate(hashed.grids):
                arrays[f"grid/{b}/{g}/numbers"] = np.array([grid.scale, float(grid.steps)])
                arrays[f"grid/{b}/{g}/shifts"] = grid.shifts
                arrays[f"grid/{b}/{g}/order"] = grid.order
        return arrays


def _merge(a: Table, b: Table) -> Table:
    """Add two tables: sorted codes, int64 counts, so neither order nor nesting matters."""
    codes = np.concatenate([a[0], b[0]])
    counts = np.concatenate([a[1], b[1]])
    if len(codes) == 0:
        return codes, counts
    order = np.argsort(codes, kind="stable")
    codes = codes[order]
    starts = np.flatnonzero(np.concatenate([[True], codes[1:] != codes[:-1]]))
    return codes[starts], np.add.reduceat(counts[order], starts)


#: What damaged or foreign files raise while they are read.
UNREADABLE = (
    *(AttributeError, BadZipFile, EOFError, IndexError, OSError, OverflowError),
    *(RecursionError, TypeError, ValueError),
)


@contextmanager
def reading(path: str | Path | io.BytesIO, kind: str) -> Iterator[dict[str, NDArray[Any]]]:
    """Read the arrays of a file; errors in them name the file.

    Args:
        path: The file, or a buffer.
        kind: The name of the class that reads it, for errors.

    Yields:
        The arrays, by name.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is another one, or damaged.
    """
    where = repr(str(path)) if isinstance(path, str | Path) else "The buffer"
    try:
        with np.load(path, allow_pickle=False) as file:
            yield {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise
    except KeyError as error:
        problem = f"it holds no {error.args[0]!r}"
        raise ValueError(f"{where} is no file of `{kind}.to_npz`: {problem}.") from error
    except UNREADABLE as error:
        problem = str(error).rstrip(".") or "it is cut off"
        raise ValueError(
            f"{where} is no file of `{kind}.to_npz`, or a damaged one: {problem}."
        ) from error


def _still_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings that EDGE still has for the counts of those that it had once.

    The hash is stored beside them, and cells were counted alike under all of them.
    """
    if settings.get("divergence") == "chi-square":
        warnings.warn(
            "These counts were made for EDGE's chi-square form, and are read as counts of EDGE in "
            'nats. The former value is `stats["chi_square"]` of their estimate.',
            stacklevel=4,
        )
        settings = {**settings, "divergence": "shannon"}
    if settings.get("projection") == "random":  # random directions are part of the stored hash
        settings = {**settings, "projection": "none"}
    return settings


def _read_side(arrays: Mapping[str, NDArray[Any]], prefix: str) -> Side:
    knots = [arrays[name] for name in sorted(arrays) if name.startswith(f"{prefix}/knots/")]
    return Side(arrays.get(f"{prefix}/projection"), tuple(knots), arrays.get(f"{prefix}/labels"))


def _read_grid(arrays: Mapping[str, NDArray[Any]], prefix: str) -> Grid:
    scale, steps = arrays[f"{prefix}/numbers"]
    return Grid(float(scale), arrays[f"{prefix}/shifts"], arrays[f"{prefix}/order"], int(steps))
