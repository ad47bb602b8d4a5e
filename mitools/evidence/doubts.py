"""Warnings about the data that an estimate comes from, whatever its value.

Rows may repeat each other, or follow each other in time; columns of one side may determine those
of the other, and where both are continuous, I is infinite.

Source: Chatfield, "The Analysis of Time Series", section 2.7, for the lag-one correlation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitools.evidence.estimate import PER_SYMBOL
from mitools.samples import kinds
from mitools.samples.arrays import Matrix, Part

__all__ = [
    "Doubt",
    "alike_columns",
    "copied",
    "determined",
    "headline",
    "likeness",
    "repeated",
    "row_doubts",
]

#: From these lag-one correlations of both sides on, rows follow one another; and the same in
#: standard deviations of those of independent rows.
ALIKE, CERTAIN = 0.3, 5.0

#: From this share of repeated rows on there is a warning, unless more than so many times as many
#: rows repeat another on one side only.
COPIED, TIES = 0.1, 1.1

#: So many columns are named.
NAMED = 5

#: About so many columns of a side are examined.
COLUMNS = 64

#: A column is continuous here if this share of its values, or more, occurs once.
ALONE = 0.25

#: Columns of this many samples or fewer have the same order by chance too easily.
FEWEST = 20

#: A residual with this share of the variance, or less, is rounding.
ROUNDING = 1e-12

#: Samples for the linear fit: the whole is not needed to see that there is no residual.
FITTED = 2_000


@dataclass(frozen=True)
class Doubt:
    """What undoes a claim of dependence.

    Attributes:
        caveat: In a few words, for the headline.
        sentence: In full, with numbers and what to do.
    """

    caveat: str
    sentence: str

    def __str__(self) -> str:
        return self.sentence


#: The caveats.
SERIES = "neighbouring rows are alike, and the p value takes them for independent"
COPIES = "rows are copies of others, and the p value takes them for independent"

#: What to do about rows that are alike.
REMEDY = (
    "but permutations assume independent rows. If the rows are in the order of time, keep it with "
    "`blocks=1`; if they belong to subjects or trials, name these with `groups`; if they are "
    "copies, keep one of each; if they are only sorted, ignore this warning."
)


def headline(claim: str, caveats: Sequence[str]) -> str:
    """Return a claim with the caveats that undo it."""
    return "; but ".join([claim, *caveats])


def likeness(side: Matrix) -> float:
    """Return the largest lag-one correlation of a column, or 0 if it may be chance."""
    side = side[:, :: max(1, side.shape[1] // COLUMNS)]
    with np.errstate(over="ignore", invalid="ignore"):
        centred = side - side.mean(axis=0)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        products = np.einsum("ij,ij->j", centred[1:], centred[:-1])
        found = np.abs(products / np.einsum("ij,ij->j", centred, centred))
    largest = float(np.nan_to_num(found, posinf=0.0).max())
    return largest if largest > max(ALIKE, CERTAIN / np.sqrt(len(side))) else 0.0


def row_doubts(
    parts: Sequence[Part], blocks: int | None, n_groups: int | None = None
) -> tuple[Doubt, ...]:
    """Return the doubts about rows that are not independent of each other.

    Args:
        parts: The samples of each label.
        blocks: How permutations keep the order of the rows, as in `assess`; None if they do not.
        n_groups: How many groups permutations keep together; None without groups.

    Returns:
        Each doubt, with a caveat for the headline.
    """
    found = [_copies(sum(part.share * copied(part.x, part.y) for part in parts))]
    if blocks is None and n_groups is None:
        found.append(_alike(parts))
    return tuple(doubt for doubt in found if doubt is not None)


def alike_columns(names: Sequence[str], likes: Sequence[float]) -> Doubt | None:
    """Return the doubt about the pairs of a table's columns; None without such pairs.

    Args:
        names: The columns.
        likes: The `likeness` of each.
    """
    found = [name for name, like in zip(names, likes, strict=True) if like > 0]
    if len(found) < 2:
        return None
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return Doubt(
        SERIES,
        f"Neighbouring rows are alike in {len(found)} columns ({', '.join(found[:NAMED])}{more}; "
        f"lag-one correlations up to {max(likes):.2f}), {REMEDY}",
    )


def _alike(parts: Sequence[Part]) -> Doubt | None:
    alike = [(likeness(part.x), likeness(part.y)) for part in parts]
    share = sum(part.share for part, both in zip(parts, alike, strict=True) if min(both) > 0)
    if share < 0.5:
        return None
    x, y = max(alike, key=min)
    return Doubt(
        SERIES,
        f"Neighbouring rows are alike on both sides (lag-one correlations {x:.2f} and {y:.2f}), "
        f"{REMEDY}",
    )


def repeated(x: Matrix, y: Matrix) -> Doubt | None:
    """Return the doubt about rows that are copies of others on both sides; None if few are."""
    return _copies(copied(x, y))


def _copies(share: float) -> Doubt | None:
    if share < COPIED:
        return None
    return Doubt(
        f"{share:.0%} of the {COPIES}",
        f"{share:.0%} of the rows repeat another row on both sides at once, as in a bootstrap or "
        "an oversampled class: every estimator takes copies for dependence. Keep one of each.",
    )


def copied(x: Matrix, y: Matrix) -> float:
    """Return the share of rows that are copies of another, by `kinds.copied`.

    Args:
        x: Samples of X, with shape (n, d_x).
        y: Paired samples of Y, with shape (n, d_y).
    """
    return kinds.copied(x, y, least=COPIED, ties=TIES, repeats=PER_SYMBOL)


def determined(
    x: Matrix, y: Matrix, x_names: Sequence[str], y_names: Sequence[str]
) -> tuple[str, ...]:
    """Return a sentence for each kind of continuous column that the other side determines.

    Seen are equal columns, columns that are monotone functions of one another (their ranks agree),
    and columns that are linear functions of the other side. Other functions show in how the
    estimate grows with the sample.

    Args:
        x: Samples of X, with shape (n, d_x).
        y: Paired samples of Y, with shape (n, d_y).
        x_names: What the columns of x are called, as `column_names`.
        y_names: The same for y.
    """
    left, right = _continuous(x), _continuous(y)
    if len(x) <= FEWEST or not len(left) or not len(right):
        return ()
    pair = _same_order(x, y, left, right)
    if pair is not None:
        i, j = pair
        equal = np.array_equal(x[:, i], y[:, j])
        return (
            f"{x_names[i]} of `x` and c{y_names[j][1:]} of `y` are "
            + ("equal" if equal else "monotone functions of each other")
            + ": I is infinite for continuous columns, and the value reflects only n. Drop one "
            "of them, or take a side that is measured with noise.",
        )
    for one, other, columns, names, sides in (
        (x, y, right, y_names, "yx"),
        (y, x, left, x_names, "xy"),
    ):
        found = _linear(one, other[:, columns])
        if found is not None:
            return (
                f"{names[columns[found]]} of `{sides[0]}` is a linear function of `{sides[1]}`: I "
                "is infinite for continuous columns, and the value reflects only n.",
            )
    return ()


def _continuous(side: Matrix) -> NDArray[np.int64]:
    return np.flatnonzero(kinds.share_alone(side) >= ALONE)


def _same_order(
    x: Matrix, y: Matrix, left: NDArray[np.int64], right: NDArray[np.int64]
) -> tuple[int, int] | None:
    """Return a column of each side with the same ranks, or with opposite ones."""
    known = {_ranks(x[:, i]).tobytes(): int(i) for i in left}
    for j in right:
        for column in (y[:, j], -y[:, j]):
            i = known.get(_ranks(column).tobytes())
            if i is not None:
                return i, int(j)
    return None


def _ranks(column: Matrix) -> NDArray[np.int64]:
    """Return the place of each value among the distinct ones; equal values have one place."""
    return np.unique(column, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _linear(side: Matrix, columns: Matrix) -> int | None:
    """Return the first column that the other side gives without a residual."""
    n = min(len(side), max(FITTED, 4 * side.shape[1]))
    if 2 * side.shape[1] >= n:
        return None  # so many columns give any other
    side, columns = side[:n], columns[:n]
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        side = side - side.mean(axis=0)
        side = side / np.maximum(np.abs(side).max(axis=0), np.finfo(float).tiny)
        columns = columns - columns.mean(axis=0)
        columns = columns / np.maximum(np.abs(columns).max(axis=0), np.finfo(float).tiny)
    if not (np.isfinite(side).all() and np.isfinite(columns).all()):
        return None  # beyond float64
    q, r = np.linalg.qr(side)
    kept = np.abs(np.diag(r)) > 1e-10 * np.abs(np.diag(r)).max(initial=0.0)
    residual = columns - q[:, kept] @ (q[:, kept].T @ columns)
    left = (residual**2).sum(axis=0) / (columns**2).sum(axis=0)
    found = np.flatnonzero(left <= ROUNDING)
    return int(found[0]) if len(found) else None
