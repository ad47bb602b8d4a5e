"""Sides whose rows repeat: labels, counts, rounded numbers; which estimator takes them.

A table of counts is unbiased enough once its cells are filled. With more cells than samples it
shows dependence where there is none, and so do neighbours that take each repeated value for an
atom. Rounded measurements and ordered levels are then better seen by neighbours that break ties,
categories without an order by hashed ranks, which keep each value a cell: both fall short rather
than exceed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mitools.engines.linear.gain import certain_gain
from mitools.estimators.base import Found, Matrix, MutualInformationEstimator, Orders, Prepared
from mitools.estimators.discrete import PlugIn
from mitools.estimators.edge import EDGE
from mitools.estimators.ksg import KSG, TIE_JITTER
from mitools.estimators.labels import Labels
from mitools.estimators.mixed import Mixed
from mitools.samples.kinds import Multiplicities
from mitools.samples.scaling import break_ties, drop_constant, standardized

__all__ = ["for_repeated"]

#: A side is discrete if each of its rows occurs this often on average; a row that does is an atom.
REPEATS = 10
#: Ties matter if this share of the rows of a side has an equal twin.
TIED = 0.25
#: They are those of rounding if nearly all rows have, or if atoms are fewer than that.
ROUNDED = 0.9
#: A table is filled if it has this many samples for each cell that could be occupied.
FILLED = 2.0
#: The spread of `KSG` at independence is about this over the root of n, at any width.
SPREAD = 0.7


def for_repeated(
    x: Matrix, y: Matrix, k: int, seed: int
) -> tuple[str, MutualInformationEstimator | None]:
    """Return the name and the estimator for sides of which one repeats its rows.

    Args:
        x: Samples of X, with shape (n, d_x).
        y: Paired samples of Y, with shape (n, d_y).
        k: Neighbours.
        seed: Seed of what draws at random.

    Returns:
        "" and None where neither side does.
    """
    sides = [Multiplicities.of(side) for side in (x, y)]
    tied = max(side.share(2) for side in sides)
    atoms = max(side.share(REPEATS) for side in sides)
    discrete = [side.discrete(REPEATS) for side in sides]
    cells = sides[0].n_distinct * sides[1].n_distinct
    if all(discrete) and cells * FILLED <= len(x):
        return "plug_in", PlugIn(correction="miller_madow")
    if any(discrete) and not all(discrete):
        return "labels", LabelsEitherSide(discrete[0], seed)
    if tied <= TIED:
        return "", None
    rounded = tied > ROUNDED or atoms <= TIED
    return ("levels", ManyLevels(k)) if rounded else ("mixed", Mixed())


@dataclass(frozen=True, repr=False)
class ManyLevels(MutualInformationEstimator):
    """`KSG`, with ties broken; or `EDGE` where that is clearly above it, in one column a side."""

    k: int

    def _prepare(self, x: Matrix, y: Matrix) -> tuple[Prepared, Prepared | None]:
        """Return the sides ready for neighbours and, with one column each, for cells."""
        narrow = x.shape[1] == y.shape[1] == 1
        neighbors = KSG(k=self.k).prepare(_untied(x), _untied(y))
        return neighbors, (EDGE().prepare(x, y) if narrow else None)

    def _found(self, prepared: tuple[Prepared, Prepared | None]) -> Found:
        neighbors, cells = prepared
        found = neighbors.found()
        if cells is None:
            return found
        edge = np.array(cells.found().value)
        higher = _higher(np.array(found.value), edge, neighbors.n_samples)
        return replace(found, value=float(higher))

    def _permuted(self, prepared: tuple[Prepared, Prepared | None], orders: Orders) -> Matrix:
        neighbors, cells = prepared
        values = neighbors.permuted(orders)
        if cells is None:
            return values
        return _higher(values, cells.permuted(orders), neighbors.n_samples)

    def ceiling(self, n_samples: int) -> float:
        return KSG(k=self.k).ceiling(n_samples)


def _untied(side: Matrix) -> Matrix:
    """Return a side with noise far below its levels: no two samples are equal then."""
    side = drop_constant(side)
    return break_ties(standardized(side), TIE_JITTER, 0) if side.shape[1] else side


def _higher(ksg: Matrix, edge: Matrix, n_samples: int) -> Matrix:
    error = np.asarray(SPREAD / np.sqrt(n_samples))
    return np.where(certain_gain(edge - ksg, error) > 0, edge, ksg)


@dataclass(frozen=True, repr=False)
class LabelsEitherSide(MutualInformationEstimator):
    """`Labels` with the discrete side in y."""

    swapped: bool
    seed: int

    def _prepare(self, x: Matrix, y: Matrix) -> Prepared:
        return Labels(seed=self.seed).prepare(*((y, x) if self.swapped else (x, y)))

    def _found(self, prepared: Prepared) -> Found:
        return prepared.found()

    def _permuted(self, prepared: Prepared, orders: Orders) -> Matrix:
        """Return those of `Labels`, which keeps its first side in place: the inverse orders."""
        return prepared.permuted(np.argsort(orders, axis=1) if self.swapped else orders)

    def ceiling(self, n_samples: int) -> float:
        return Labels().ceiling(n_samples)
