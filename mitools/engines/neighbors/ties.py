r"""Neighbours that tie: one rule, and searches that stay n log n however often values repeat.

With :math:`\rho_i` the distance of sample i to its k-th neighbour, counts are taken

* of the open ball, distances below :math:`\rho_i`, where one neighbour alone is at
  :math:`\rho_i > 0`: the rule for continuous data (Kraskov et al. 2004, eq. 8);
* of the closed ball, distances up to :math:`\rho_i`, where several samples tie at
  :math:`\rho_i`, or where it is 0: an atom or a step (Gao et al. 2017, Algorithm 1; Mesner and
  Shalizi 2020). The number of neighbours is then what the closed ball holds.

Either is "strictly within a radius", with the next larger float64 in place of :math:`\rho_i` for
the closed ball. No two numbers count as equal that are not, at any scale of the data; what scaling
and decimal notation do to equal steps is undone before, by `equal_steps`.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

from mitools._kernels.neighbors.margins import Margin, margin, place_counts
from mitools._kernels.neighbors.ties import (
    WEIGHTED_LEAF,
    block_counts,
    mean_rank_terms,
    weighted_counts,
    weighted_radii,
)
from mitools._kernels.neighbors.tree import Tree, build_tree
from mitools.engines.workers.threads import over_points
from mitools.samples.scaling import distinct_rows, standardized

__all__ = [
    "Neighbours",
    "Points",
    "blocked_class_neighbours",
    "class_neighbours",
    "equal_steps",
    "mean_digamma",
    "neighbours",
    "standardized_steps",
]

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Rows = NDArray[np.int64]

#: Values have equal steps if they are whole multiples of one step, up to so many units in the last
#: place of the largest: what reading a decimal, centring and scaling may add.
UNITS = 8
#: Bits of a multiple of the step, and of the step: the product of both is exact.
BITS = 26
#: Entries of a block of distances, 32 MB.
BLOCK = 4_000_000


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The k-th neighbour of each sample, by the rule above.

    Attributes:
        radius: Its distance, squared in the Euclidean norm, with shape (n,).
        k: How many neighbours count: k, or the samples of the closed ball where they tie.
        tied: Where the closed ball was taken.
    """

    radius: Vector
    k: Rows
    tied: NDArray[np.bool_]

    @property
    def reach(self) -> Vector:
        """The radius that everything counted is strictly within."""
        return np.where(self.tied, np.nextafter(self.radius, np.inf), self.radius)


class Points:
    """One set of rows, made ready once for radii and counts around them.

    Args:
        rows: With shape (n, d).
        squared: Whether distances are squared Euclidean; else they are of the max norm.
    """

    def __init__(self, rows: Matrix, squared: bool = False) -> None:
        self._rows = rows
        self._squared = squared

    @cached_property
    def _margin(self) -> Margin | None:
        one_column = self._rows.shape[1] == 1 and not self._squared
        return margin(self._rows[:, 0]) if one_column else None

    @cached_property
    def _distinct(self) -> tuple[Tree, Rows, Rows]:
        """The tree of distinct rows, how many rows lie before each place, each row's place."""
        first, inverse = distinct_rows(self._rows)
        tree = build_tree(np.ascontiguousarray(self._rows[first].T), WEIGHTED_LEAF)
        place = tree.place[inverse]
        totals = np.zeros(len(first) + 1, np.int64)
        np.cumsum(np.bincount(place, minlength=len(first)), out=totals[1:])
        return tree, totals, place

    def subset(self, rows: Rows) -> Points:
        """Return a subset of the rows."""
        return Points(self._rows[rows], self._squared)

    def radii(self, k: int) -> Vector:
        """Return each row's distance to its k-th neighbour, with shape (n,), for k below n."""
        tree, totals, place = self._distinct
        n_distinct = len(tree.rows)
        found = np.empty(n_distinct)
        over_points(weighted_radii, n_distinct, tree, totals, k, self._squared, found, cost=4.0)
        return found[tree.rows[place]]

    def within(self, reach: Vector) -> Rows:
        """Return how many rows lie strictly within a distance of each row, itself included.

        Args:
            reach: The distance for each row, above 0; squared in the Euclidean norm.
        """
        n_samples = len(reach)
        counts, found = np.empty((2, n_samples), np.int64)
        if self._margin is not None:
            order = self._margin.order
            over_points(place_counts, n_samples, self._margin, reach[order], found, cost=0.2)
            counts[order] = found + 1
            return counts
        tree, totals, place = self._distinct
        order = np.argsort(place, kind="stable")  # near centres share what they read
        asked = tree, totals, self._squared, place[order], reach[order]
        over_points(weighted_counts, n_samples, *asked, found, cost=4.0)
        counts[order] = found
        return counts

    def nearer(self, radius: Vector) -> Rows:
        """Return how many other rows are nearer than a radius, and not farther, shape (n, 2).

        Args:
            radius: The radius of each row, with shape (n,); squared in the Euclidean norm.
        """
        upto = self.within(np.nextafter(radius, np.inf)) - 1
        below = np.zeros_like(upto)
        if (radius > 0).any():
            below = np.where(radius > 0, self.within(np.maximum(radius, 5e-324)) - 1, 0)
        return np.column_stack([below, upto])


def neighbours(points: Points, k: int) -> Neighbours:
    """Return the k-th neighbours among the rows of `points`, by the rule above.

    Args:
        points: The rows.
        k: How many neighbours, below the number of rows.
    """
    radius = points.radii(k)
    closed = points.within(np.nextafter(radius, np.inf))
    tied = (closed > k + 1) | (radius == 0)
    return Neighbours(radius, np.where(tied, closed, k), tied)


def class_neighbours(points: Points, codes: Rows, k: int) -> tuple[Rows, Rows]:
    """Return what lies around each row up to the k-th neighbour in its own class.

    Args:
        points: The rows.
        codes: The class of each, from 0 on, with shape (n,).
        k: Neighbours, or all others of a class where they are fewer. Rows that are alone in their
            class have none.

    Returns:
        Which neighbour it is, 0 for none, with shape (n,). And the rows of the class nearer than
        it, those not farther, and the same of all classes, each without the row itself, with
        shape (n, 4).
    """
    asked = np.minimum(k, np.bincount(codes)[codes] - 1)
    radius, counts = np.zeros(len(codes)), np.zeros((len(codes), 4), np.int64)
    for code in range(int(codes.max()) + 1):
        rows = np.flatnonzero(codes == code)
        if len(rows) > 1:
            found = points.subset(rows)
            radius[rows] = found.radii(int(asked[rows[0]]))
            counts[rows, :2] = found.nearer(radius[rows])
    counts[:, 2:] = points.nearer(radius)
    return asked, counts


def blocked_class_neighbours(rows: Matrix, codes: Rows, k: int) -> tuple[Rows, Rows]:
    """Return the numbers of `class_neighbours` in the Euclidean norm, by matrix products.

    Faster than trees in many dimensions. Cost: n^2 d; memory: one block of distances.

    Args:
        rows: With shape (n, d).
        codes: The class of each, from 0 on.
        k: Neighbours, as above.

    Returns:
        Which neighbour it is, and the counts around it. Those of rows that are alone in their
        class are 0.
    """
    order = np.argsort(codes, kind="stable")
    rows = np.ascontiguousarray(rows[order])
    sizes = np.bincount(codes)
    norms = np.einsum("ij,ij->i", rows, rows)
    # each of two norms and a product of d terms is off by at most d + 2 roundings of their sizes
    slack = (rows.shape[1] + 8) * 2.0**-51 * (norms + norms.max())
    counts = np.zeros((len(rows), 4), np.int64)
    size = max(1, BLOCK // len(rows))
    for first, last in itertools.pairwise([0, *np.cumsum(sizes).tolist()]):
        nearest = min(k, last - first - 1)
        for start in range(first if nearest > 0 else last, last, size):
            here = slice(start, min(start + size, last))
            near = norms[here, None] + norms - 2 * (rows[here] @ rows.T)
            centres = np.arange(here.start, here.stop)
            settings = (first, last), near, slack[here], nearest
            out = counts[here]
            over_points(
                block_counts, len(centres), rows, centres, *settings, out, cost=len(rows) / 1000
            )
    found = np.empty_like(counts)
    found[order] = counts
    return np.minimum(k, sizes[codes] - 1), found


def mean_digamma(asked: Rows, counts: Rows) -> Vector:
    """Return the mean of psi(rank of a neighbour) over all orders of the rows that tie with it.

    Which of several rows at one distance is the k-th is for chance to say: any rule that looks at
    their classes counts neighbours where there are none.

    Args:
        asked: Which neighbour in the own class, as of `class_neighbours`.
        counts: What lies around, likewise.

    Returns:
        The means, with shape (n,); 0 where there is no neighbour.
    """
    n_samples = len(asked)
    table = digamma(np.maximum(np.arange(n_samples + 1, dtype=np.float64), 1.0))
    terms = np.empty(n_samples)
    over_points(mean_rank_terms, n_samples, counts, asked, table, terms, cost=0.2)
    return terms


def standardized_steps(side: Matrix) -> Matrix:
    """Return columns of standard deviation 1 whose equal steps are equal, for columns that vary.

    Columns without steps are those of `standardized`, to the bit.
    """
    return equal_steps(standardized(equal_steps(side)))


def equal_steps(side: Matrix) -> Matrix:
    """Return columns whose equal steps are equal numbers, as 3 - 2 and 2 - 1 are.

    Scaling and decimal notation round each value, so that 0.3 - 0.2 is no longer 0.2 - 0.1, and
    neighbours that tie would not. Where the repeated values of a column are whole multiples of one
    step to within their rounding, they, and all others that are, are put back on such multiples
    exactly: of a step equal to 8 digits, from 0 on. Values that rounding alone kept apart, as
    0.1 + 0.2 and 0.3, are then one. Other columns stay as they are.

    Args:
        side: Columns, with shape (n, d).
    """
    columns = [_on_steps(column) for column in side.T]
    if all(column is None for column in columns):
        return side
    pairs = zip(columns, side.T, strict=True)
    return np.column_stack([old if new is None else new for new, old in pairs])


def _on_steps(column: Vector) -> Vector | None:
    """Return the values from 0 on, multiples of the step made exact; None if there is no step."""
    values, place, counts = np.unique(column, return_inverse=True, return_counts=True)
    repeated = values[counts > 1]
    if len(repeated) < 3:
        return None  # at most one step: it cannot differ from itself
    rounding = UNITS * float(np.spacing(max(abs(values[0]), abs(values[-1]))))
    span = float(values[-1] - values[0])
    gaps = np.diff(repeated)
    gaps = gaps[gaps > rounding]
    step = _common_step(gaps, rounding) if len(gaps) else 0.0
    if step <= span / 2**BITS:
        return None
    from_first = values - repeated[0]
    # the longest distance knows the step best
    longest = float(repeated[-1] - repeated[0])
    step = longest / round(longest / step)
    multiples = np.rint(from_first / step)
    off = np.abs(from_first - multiples * step)
    if (off[counts > 1] > rounding).any():
        return None
    mantissa, exponent = np.frexp(step)
    short = np.ldexp(np.rint(np.ldexp(mantissa, BITS)), exponent - BITS)
    exact = np.where(off <= rounding, multiples * short, from_first)
    return np.asarray(exact[place.reshape(-1)])


def _common_step(gaps: Vector, rounding: float) -> float:
    """Return the largest number that all gaps are multiples of up to rounding, by Euclid."""
    step = float(gaps.min())
    while True:
        multiples = np.rint(gaps / step)
        rest = np.abs(gaps - multiples * step)
        rest = rest[rest > rounding * (1 + multiples)]  # the step's own rounding grows with them
        if not len(rest):
            return step
        step = float(rest.min())  # at most half of the last
