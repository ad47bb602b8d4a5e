"""Any array-like becomes a float64 matrix, one row per sample, or an error saying what to do."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Part",
    "as_labels",
    "as_samples",
    "column_names",
    "is_missing",
    "paired_samples",
    "split_by_label",
]

Matrix = NDArray[np.float64]

#: Whole numbers up to this are float64 numbers, each its own.
EXACT = 2**53

#: What to do where labels are fractions.
_REMEDY = {
    "given": "For a continuous Z, use a conditional estimator; to condition on bins, round it "
    "first.",
    "groups": "Pass the number or the name of each row's subject or trial.",
}


def paired_samples(x: Any, y: Any, **beside: Any) -> tuple[Matrix, Matrix]:
    """Return `x` and `y` as float64 matrices with the same number of rows.

    Args:
        x: Samples of X: array, list, data frame, series or tensor, with shape (n,) or (n, ...).
        y: Paired samples of Y, likewise.
        beside: What else is paired with them, by name; only its index is looked at.

    Returns:
        Two C-contiguous float64 arrays with shapes (n, d_x) and (n, d_y).

    Raises:
        TypeError: For data that are not numbers.
        ValueError: For empty, unequal, missing or infinite data, or pandas objects whose rows have
            different labels.
    """
    sides = as_samples(x, "x"), as_samples(y, "y")
    _check_paired(*sides)
    _check_index(x=x, y=y, **beside)
    return sides


def as_samples(data: Any, name: str) -> Matrix:
    """Return `data` as a float64 matrix, shape (n, d); one-dimensional data are one feature.

    Args:
        data: An array, list, data frame, series or tensor, with shape (n,) or (n, ...).
        name: Its name, for errors.

    Raises:
        TypeError: For data that are not numbers.
        ValueError: For empty, missing or infinite data, or whole numbers beyond 2^53.
    """
    array = _to_numpy(data, name)
    if array.dtype == bool:
        array = array.astype(np.float64)
    if array.dtype.kind not in "iuf":
        raise TypeError(
            f"`{name}` must hold numbers, got dtype {array.dtype}. Convert it first, for example "
            f"with `np.asarray({name}, dtype=float)`; encode categories as integers, or pass "
            "labels as `given`."
        )
    if array.ndim == 0:
        raise ValueError(
            f"`{name}` must hold samples, with shape (n,) or (n, d), got a single value."
        )
    if array.size == 0:
        raise ValueError(
            f"`{name}` is empty: it has shape {array.shape}. Pass at least 2 samples."
        )
    matrix = np.ascontiguousarray(array.reshape(len(array), -1), dtype=np.float64)
    _check_finite(matrix, name)
    if array.dtype.kind in "iu" and array.dtype.itemsize == 8:
        _check_distinct(array.reshape(len(array), -1), matrix, name)
    return matrix


def as_labels(
    given: Any, n_samples: int, name: str = "given"
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the distinct labels, sorted, and the code of each sample, with shape (n,).

    Args:
        given: Labels of any comparable kind (integers, strings, booleans), with shape (n,) or (n,
            1).
        n_samples: The number of rows they must match.
        name: Their name, for errors.

    Returns:
        ``(labels, codes)``, so that ``labels[codes]`` are the labels given.

    Raises:
        TypeError: For floating-point values that are not whole numbers.
        ValueError: For a wrong length, more than one column or missing labels.
    """
    labels = _to_numpy(given, name, labels=True)
    if labels.dtype.kind in "US" and isinstance(given, list | tuple):
        labels = np.asarray(given, dtype=object)  # beside text, a NaN has become "nan"
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or len(labels) != n_samples:
        raise ValueError(
            f"`{name}` must hold one label per sample, with shape ({n_samples},), got shape "
            f"{labels.shape}. Turn one-hot rows into labels with `.argmax(axis=1)`."
        )
    odd = [item for item in labels if isinstance(item, np.void) or not _hashable(item)]
    if odd:
        raise TypeError(_no_order(odd[0], name))
    if labels.dtype.kind == "O" and all(isinstance(item, Real) for item in labels):
        labels = np.asarray(labels.tolist())  # 1, 1.0 and True are one label
    if labels.dtype.kind in "Mm" and np.isnat(labels).any():
        raise ValueError(f"`{name}` has missing labels (NaT). Drop those samples first.")
    if labels.dtype.kind in "fc":
        if not np.isfinite(labels).all():
            raise ValueError(f"`{name}` has missing or infinite labels. Drop those samples first.")
        if labels.dtype.kind == "f" and not (labels == np.floor(labels)).all():
            raise TypeError(f"`{name}` must hold discrete labels, got fractions. {_REMEDY[name]}")
    if labels.dtype.kind == "O":
        missing = sum(is_missing(item) for item in labels)
        if missing:
            raise ValueError(f"`{name}` has {missing} missing labels. Drop those samples first.")
        labels = np.array([str(item) for item in labels]) if _mixed(labels) else labels
    try:
        distinct, codes = np.unique(labels, return_inverse=True)
    except TypeError as error:
        raise TypeError(_no_order(labels[0], name)) from error
    return distinct, codes.astype(np.int64).reshape(-1)


def column_names(data: Any, width: int) -> list[str]:
    """Return what to call the columns of what was passed: a data frame's names, or numbers.

    Args:
        data: What was passed.
        width: How many columns its matrix has.
    """
    names = getattr(data, "columns", None)
    if names is not None and len(names) == width:
        return [f"Column {str(name)!r}" for name in names]
    return [f"Column {i}" for i in range(width)]


@dataclass(frozen=True)
class Part:
    """The samples of one label, and the share of all samples that they are."""

    label: Hashable
    share: float
    x: Matrix
    y: Matrix


def split_by_label(x: Matrix, y: Matrix, given: Any) -> tuple[Part, ...]:
    """Return one part per label, sorted by label; a single part without labels.

    Args:
        x: Samples of X, with shape (n, d_x).
        y: Paired samples of Y, with shape (n, d_y).
        given: Labels, with shape (n,), or None.
    """
    if given is None:
        return (Part(None, 1.0, x, y),)
    labels, codes = as_labels(given, len(x))
    parts = []
    for code, label in enumerate(labels):
        rows = np.flatnonzero(codes == code)
        key = label.item() if hasattr(label, "item") else label
        parts.append(Part(key, len(rows) / len(x), x[rows], y[rows]))
    return tuple(parts)


def _check_paired(x: Matrix, y: Matrix) -> None:
    if len(x) == len(y):
        return
    hints = [
        f" `{name}` has {len(other)} columns: if it lies on its side, pass `{name}.T`."
        for name, side, other in (("x", x, y), ("y", y, x))
        if side.shape[1] == len(other) > 1
    ]
    raise ValueError(
        f"`x` and `y` must have one row per sample, got {len(x)} rows in `x` and {len(y)} in "
        "`y`. Rows are paired: pass the same samples, in the same order, on both sides."
        + "".join(hints)
    )


def _check_index(**sides: Any) -> None:
    """Refuse pandas objects whose rows have different labels: by position they are other pairs."""
    named = [(name, side.index) for name, side in sides.items() if hasattr(side, "iloc")]
    for name, index in named[1:]:
        first, own = named[0]
        if own.equals(index) or len(own) != len(index):  # a wrong length has its own error
            continue
        row = next((i for i, (a, b) in enumerate(zip(own, index, strict=True)) if a != b), 0)
        raise ValueError(
            f"`{first}` and `{name}` have different row labels (index): row {row} is {own[row]} "
            f"in `{first}` and {index[row]} in `{name}`. Pair them by label, with "
            f'`{first}.align({name}, join="inner", axis=0)`, or by position, with `.to_numpy()`.'
        )


def is_missing(item: Any) -> bool:
    """Return whether an entry is None, NaN, or pandas' NA (which refuses to be compared)."""
    return item is None or type(item).__name__ in {"NAType", "NaTType"} or bool(item != item)


def _hashable(item: Any) -> bool:
    try:
        hash(item)
    except TypeError:
        return False
    return True


def _no_order(item: Any, name: str) -> str:
    return (
        f"`{name}` must hold labels that can be ordered, such as integers or text, got "
        f"{type(item).__name__}."
    )


def _mixed(labels: NDArray[Any]) -> bool:
    return len({type(item) for item in labels}) > 1


def _to_numpy(data: Any, name: str, labels: bool = False) -> NDArray[Any]:
    if hasattr(data, "detach") and hasattr(data, "cpu"):  # a torch tensor, without importing torch
        tensor = data.detach().cpu()
        if str(tensor.dtype) == "torch.bfloat16":
            tensor = tensor.float()
        return np.asarray(tensor.numpy())
    if type(data).__module__.startswith("dask"):
        raise TypeError(
            f"`{name}` is a dask collection. Call `.compute()` first, if it fits in memory, or "
            "use `mitools.integrations.dask.mutual_information`."
        )
    if getattr(data, "__array_ufunc__", 0) is None or hasattr(data, "toarray"):
        raise TypeError(f"`{name}` is sparse. Pass a dense array: `{name}.toarray()`.")
    try:
        array = np.asarray(data)
    except ValueError as error:
        raise ValueError(
            f"`{name}` is ragged: its rows have different lengths. Every sample needs the same "
            "features."
        ) from error
    if np.ma.isMaskedArray(data) and np.ma.getmaskarray(data).any():
        raise ValueError(f"`{name}` has masked entries. Drop or fill those samples first.")
    if array.dtype == object and array.ndim == 0:
        raise TypeError(
            f"`{name}` must be an array, a list or a data frame, got "
            f"{type(array.item()).__name__}. Turn iterators and mappings into lists first."
        )
    if array.dtype == object and not labels:
        array = _numbers_in_objects(array, name)
    return array


def _numbers_in_objects(array: NDArray[Any], name: str) -> Matrix:
    """Accept an object array that holds only numbers, as a mixed data frame gives one."""
    missing = sum(is_missing(item) for item in array.ravel() if not isinstance(item, np.ndarray))
    if missing:
        raise ValueError(
            f"`{name}` has {missing} missing entries. Drop those rows from both sides (they are "
            "paired), or fill them in."
        )
    try:
        if any(isinstance(item, str | bytes) for item in array.ravel()):
            raise TypeError
        numbers = array.astype(np.float64)
    except OverflowError as error:
        raise ValueError(f"`{name}` holds numbers too large for float64.") from error
    except (TypeError, ValueError) as error:
        odd = next((item for item in array.ravel() if not isinstance(item, Real)), array.flat[0])
        raise TypeError(
            f"`{name}` must hold numbers, got an object array that holds something else, "
            f"{type(odd).__name__}. Convert it first, for example with `np.asarray({name}, "
            "dtype=float)`; encode categories as integers, or pass labels as `given`."
        ) from error
    if (
        array.ndim
        and array.size
        and all(isinstance(item, int | np.integer) for item in array.ravel())
    ):
        _check_distinct(array.reshape(len(array), -1), numbers.reshape(len(array), -1), name)
    return numbers


def _check_distinct(whole: NDArray[Any], matrix: Matrix, name: str) -> None:
    """Refuse whole numbers so large that float64 takes different ones for the same."""
    if max(matrix.max(), -matrix.min()) <= EXACT:
        return
    for exact, rounded in zip(whole.T, matrix.T, strict=True):
        merged = len(np.unique(exact)) - len(np.unique(rounded))
        if merged:
            raise ValueError(
                f"`{name}` holds whole numbers beyond 2**53 that float64 cannot tell apart: "
                f"{merged} distinct values would be lost. Subtract the smallest first, or number "
                f"them with `np.unique({name}, return_inverse=True)[1]`."
            )


def _check_finite(matrix: Matrix, name: str) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        total = matrix.sum()  # one cheap pass; a NaN or infinity anywhere spoils the sum
    if np.isfinite(total):
        return
    finite = np.isfinite(matrix)
    if finite.all():  # the sum overflowed: huge, but legal
        return
    bad_rows = int((~finite).any(axis=1).sum())
    what = "NaN" if np.isnan(matrix).any() else "infinite values"
    raise ValueError(
        f"`{name}` has {what} in {bad_rows} of {len(matrix)} rows. Drop those rows from both "
        "sides (they are paired), or fill them in."
    )
