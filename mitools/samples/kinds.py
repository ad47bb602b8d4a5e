"""What kind of side is this? Discrete or continuous, with atoms or copies: one place to ask.

Two questions are kept apart. What a side *is* follows from what its user says and from what its
data carry (`kind_of`): text, categories and truth values are labels, numbers are numbers. How a
side *looks*, by how often its values occur, decides which estimator sees it best; each caller
passes its own threshold.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mitools._kernels.columns import row_keys
from mitools.samples.scaling import distinct_rows, twin_rows

__all__ = [
    "Kind",
    "Multiplicities",
    "Reading",
    "atom_codes",
    "copied",
    "few_distinct",
    "has_atoms",
    "is_discrete",
    "kind_of",
    "share_alone",
]

Matrix = NDArray[np.float64]
Rows = NDArray[np.int64]

#: Values beside atoms that occur this often on average, at most, are those of a continuous column.
SPARSE = 1.5
#: Fewer other values than this are rare labels.
FEWEST = 5
#: An atom holds this share of the rows.
SHARE = 0.05


class Kind(Enum):
    """What the values of a column mean.

    Attributes:
        LABEL: Names of classes; their order and their distances mean nothing.
        NUMBER: Quantities; repeated ones are rounded, or atoms.
    """

    LABEL = "label"
    NUMBER = "number"


@dataclass(frozen=True)
class Reading:
    """How a column was read.

    Attributes:
        kind: A label or a number.
        reason: Why, in a sentence.
        n_rows: How many rows it has.
        n_distinct: How many distinct values they hold.
    """

    kind: Kind
    reason: str
    n_rows: int
    n_distinct: int


def kind_of(column: Any, said: Kind | str | None = None) -> Reading:
    """Return what a column is, from what its user says and its type, never from a count of values.

    Args:
        column: One column: an array, or a series of a data frame, whose type is taken.
        said: What the user says it is; it outweighs the type.

    Raises:
        ValueError: For more than one column, or a word that is no kind.
        TypeError: For types that are neither, such as dates, or text said to be numbers.

    Example:
        >>> import numpy as np
        >>> kind_of(np.array(["a", "b", "a"])).kind
        <Kind.LABEL: 'label'>
        >>> kind_of(np.array([1, 2, 1])).reason
        'whole numbers are numbers; say kind="label" where they are names'
    """
    values = np.asarray(column)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise ValueError(f"A kind is that of one column, got the shape {values.shape}.")
    stated = None if said is None else _kind(said)
    found, reason = _by_type(column, values)
    if stated is Kind.NUMBER and found is Kind.LABEL and values.dtype.kind != "b":
        raise TypeError(
            f"These values cannot be numbers: {reason}. Convert them first, for instance with "
            "`astype(float)`."
        )
    if stated is not None:
        found, reason = stated, "as you said"
    elif found is None:
        raise TypeError(
            f"A column of {values.dtype} is neither a label nor a number. Convert it to numbers, "
            'or say kind="label".'
        )
    distinct = len(set(values.tolist())) if values.dtype.kind == "O" else len(np.unique(values))
    return Reading(found, reason, len(values), distinct)


def _kind(said: Kind | str) -> Kind:
    try:
        return Kind(said)
    except ValueError:
        names = " or ".join(repr(kind.value) for kind in Kind)
        raise ValueError(f"A kind must be {names}, got {said!r}.") from None


def _by_type(column: Any, values: NDArray[Any]) -> tuple[Kind | None, str]:
    if getattr(getattr(column, "dtype", None), "name", "") == "category":
        return Kind.LABEL, "categories are labels"
    if values.dtype.kind == "O":
        items = [item for item in values.tolist() if item is not None]
        if all(isinstance(item, bool | np.bool_) for item in items):
            return Kind.LABEL, "truth values are labels"
        if any(isinstance(item, str | bytes) for item in items):
            return Kind.LABEL, "text is a label"
        if all(isinstance(item, int | np.integer) for item in items):
            return Kind.NUMBER, _WHOLE
        numbers = all(hasattr(item, "__float__") for item in items)
        return (Kind.NUMBER, "numbers are numbers") if numbers else (None, "")
    return _BY_TYPE.get(values.dtype.kind, (None, ""))


_WHOLE = 'whole numbers are numbers; say kind="label" where they are names'
_BY_TYPE = {
    "b": (Kind.LABEL, "truth values are labels"),
    "U": (Kind.LABEL, "text is a label"),
    "S": (Kind.LABEL, "text is a label"),
    "T": (Kind.LABEL, "text is a label"),
    "i": (Kind.NUMBER, _WHOLE),
    "u": (Kind.NUMBER, _WHOLE),
    "f": (Kind.NUMBER, "numbers are numbers"),
}


def is_discrete(n_distinct: int, n_rows: int, repeats: int, least: int = 0) -> bool:
    """Return whether rows repeat so often that they look like labels.

    Args:
        n_distinct: How many distinct rows there are.
        n_rows: How many rows.
        repeats: How often each must occur on average.
        least: So many distinct rows are discrete however rarely they occur, unless they are more
            than half of the rows.
    """
    return n_distinct <= max(n_rows // repeats, min(least, max(n_rows // 2, 1)))


def few_distinct(rows: Matrix, glance: Rows, repeats: int, least: int = 0) -> Matrix | None:
    """Return the distinct rows, sorted, of a side that looks discrete, else None.

    Continuous values beside atoms do not, however many rows the atoms hold.

    Args:
        rows: The side, with shape (n, d).
        glance: Some of its rows, looked at before all: most sides are decided by them.
        repeats: As in `is_discrete`.
        least: As in `is_discrete`.

    Returns:
        The distinct rows, with shape (K, d), or None.
    """
    if not is_discrete(len(np.unique(rows[glance, 0])), len(glance), repeats, least):
        return None
    if rows.shape[1] > 1 and len(glance) < len(rows):
        seen = np.unique(rows[glance], axis=0)
        if not is_discrete(len(seen), len(glance), repeats, least):
            return None
    axis = None if rows.shape[1] == 1 else 0
    distinct, counts = np.unique(rows, axis=axis, return_counts=True)
    if not is_discrete(len(distinct), len(rows), repeats, least) or has_atoms(counts):
        return None
    return np.asarray(distinct.reshape(len(distinct), -1))


@dataclass(frozen=True, eq=False)
class Multiplicities:
    """How often the rows of a side occur.

    Attributes:
        of_rows: For each row, how many rows are equal to it, itself included, with shape (n,).
        n_distinct: How many distinct rows there are.
        has_atoms: Whether some of them are atoms amid continuous ones.
    """

    of_rows: Rows
    n_distinct: int
    has_atoms: bool

    @classmethod
    def of(cls, side: Matrix) -> Multiplicities:
        """Count the rows of a side, with shape (n, d)."""
        codes = distinct_rows(side)[1]
        counts = np.bincount(codes)
        return cls(counts[codes], len(counts), has_atoms(counts))

    def share(self, least: int) -> float:
        """Return the share of rows that occur at least so often; 2 asks for ties."""
        return float((self.of_rows >= least).mean())

    def discrete(self, repeats: int) -> bool:
        """Return `is_discrete` of these rows."""
        return is_discrete(self.n_distinct, len(self.of_rows), repeats)


def share_alone(side: Matrix) -> NDArray[np.float64]:
    """Return the share of each column's values that occur once, with shape (d,)."""
    ordered = np.sort(side, axis=0)
    new = np.ones(side.shape, dtype=bool)
    new[1:] = ordered[1:] != ordered[:-1]
    alone = new.copy()
    alone[:-1] &= new[1:]
    return np.asarray(alone.mean(axis=0))


def atom_codes(column: NDArray[np.float64], share: float) -> Rows:
    """Return 0 where a value is no atom, and a number of its own for each atom, with shape (n,).

    Args:
        column: The values, with shape (n,).
        share: An atom holds at least this share of the rows, in a column whose other values occur
            `SPARSE` times on average at most. Others are discrete, or rounded.
    """
    _, codes, counts = np.unique(column, return_inverse=True, return_counts=True)
    codes = codes.reshape(-1)
    frequent = _atoms(counts, share)
    return np.where(frequent[codes], codes + 1, 0)


def has_atoms(counts: Rows, share: float = SHARE) -> bool:
    """Return whether some values are atoms amid continuous ones, by how often each value occurs.

    Args:
        counts: How often each distinct value occurs.
        share: As in `atom_codes`.
    """
    return bool(_atoms(counts, share).any())


def _atoms(counts: Rows, share: float) -> NDArray[np.bool_]:
    """Return which values are atoms, by how often each occurs."""
    frequent: NDArray[np.bool_] = counts >= max(share * counts.sum(), 2)
    rest = counts[~frequent]
    if len(rest) < FEWEST or rest.sum() > SPARSE * len(rest):
        return np.zeros_like(frequent)
    return frequent


def copied(x: Matrix, y: Matrix, least: float, ties: float, repeats: int) -> float:
    """Return the share of rows whose twin on one side is their twin on the other as well.

    It is 0 for sides of few distinct rows, and where twins on one side have others on the other:
    those are ties, as of labels and rounded values.

    Args:
        x: One side, with shape (n, d_x).
        y: The other, with shape (n, d_y).
        least: Below this share of twins on either side, the answer is 0.
        ties: So many times as many twins on one side as on both at once are ties.
        repeats: Pairs of rows that look discrete, as in `is_discrete`, are no copies.
    """
    twins = [twin_rows(side) for side in (x, y)]
    if min(each.mean() for each in twins) < least:
        return 0.0
    keys = np.column_stack([row_keys(side) for side in (x, y)])
    counts = np.unique(keys, axis=0, return_counts=True)[1]
    both = float(counts[counts > 1].sum() / len(x))
    apart = max(each.mean() for each in twins) > ties * both
    return 0.0 if apart or is_discrete(len(counts), len(x), repeats) else both
