"""Rows that are not independent of each other: copies, and neighbours in time that are alike.

Source: Chatfield, "The Analysis of Time Series", section 2.7, for the lag-one correlation.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mitools import kinds
from mitools._arrays import Matrix, Part
from mitools.evidence.estimate import PER_SYMBOL

__all__ = ["copied", "doubts", "likeness"]

#: Lag-one correlations of both sides from which on rows are said to follow one another, and the
#: same in standard deviations of those of unordered rows.
ALIKE, CERTAIN = 0.3, 5.0

#: From this share of repeated rows on they are spoken of, unless more than so many times as many
#: rows repeat another on one side only.
COPIED, TIES = 0.1, 1.1

#: About so many columns of a side are looked at.
COLUMNS = 64


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


def doubts(parts: Sequence[Part], blocks: int | None) -> tuple[str, ...]:
    """Return what is to be said of rows that are not independent of each other."""
    found = [_repeated(parts)]
    if blocks is None:
        found.append(_alike(parts))
    return tuple(filter(None, found))


def _alike(parts: Sequence[Part]) -> str:
    alike = [(likeness(part.x), likeness(part.y)) for part in parts]
    share = sum(part.share for part, both in zip(parts, alike, strict=True) if min(both) > 0)
    if share < 0.5:
        return ""
    x, y = max(alike, key=min)
    return (
        f"Neighbouring rows are alike on both sides (lag-one correlations {x:.2f} and {y:.2f}): "
        "shuffled pairings take the rows for independent. If their order is that of time, keep it "
        "with `blocks=1`; of copies, keep one each; if rows are only sorted, nothing is amiss."
    )


def _repeated(parts: Sequence[Part]) -> str:
    share = sum(part.share * copied(part.x, part.y) for part in parts)
    if share < COPIED:
        return ""
    return (
        f"{share:.0%} of the rows repeat another row on both sides at once, as in a bootstrap or "
        "an oversampled class: copies are dependence to every estimator. Keep one of each."
    )


def copied(x: Matrix, y: Matrix) -> float:
    """Return the share of rows that are copies of another, by `kinds.copied`."""
    return kinds.copied(x, y, least=COPIED, ties=TIES, repeats=PER_SYMBOL)
