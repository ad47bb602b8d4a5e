r"""Columns made ready for conditional information, whatever their kind.

Three identities are used, with U uniform noise independent of all else:

1. An increasing map of a column changes no information, so continuous columns enter as normal
   scores: the normal quantiles of their ranks.
2. A value with ties may be spread over the ranks it shares, at random: X is a function of the
   spread value, and the rest of it is noise.
3. For discrete X with :math:`p(x \mid z)` and :math:`F(x \mid z)` the probabilities of a value and
   of those below it, :math:`X' = F(X \mid Z) + U p(X \mid Z)` is uniform whatever Z is, and
   :math:`I(X'; Y \mid Z) = I(X; Y \mid Z)`, because X is a function of X' and Z (the randomised
   probability integral transform; Brockwell 2007). A difference :math:`X - f(Z)` would show Z.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from mitools.estimators.base import Matrix
from mitools.estimators.discrete import as_codes
from mitools.samples.kinds import is_discrete
from mitools.samples.scaling import distinct_rows, drop_constant, standardized

__all__ = [
    "Side",
    "Tables",
    "centred_in_strata",
    "in_strata",
    "integral_transform",
    "normal_scores",
    "prepared",
    "strata_of",
]

Codes = NDArray[np.int64]

#: A column of at most so many values has levels, each with a probability; more are ranked.
MOST_LEVELS = 12
#: Z is discrete if its rows repeat this often on average: X is then permuted among equal ones.
REPEATS = 5
#: Probabilities that were estimated are kept from 0 by this much.
LEAST_PROBABILITY = 2e-3
#: Probabilities and sizes in a stratum are drawn to those of all by so many samples.
PRIOR = 2.0
#: Differences of entropies, and shares of variance, below this are rounding.
ROUNDING = 1e-9


class Side(NamedTuple):
    """A side ready for neighbours: normal scores, and level numbers where there are few levels."""

    columns: Matrix  # (n, d), with mean 0 and standard deviation 1
    levels: NDArray[np.bool_]  # (d,), which columns have levels


def prepared(side: Matrix, seed: tuple[int, int]) -> Side:
    """Return the columns that vary, by identities 1 and 2.

    Args:
        side: With shape (n, d).
        seed: Seed of the random ranks; it must differ between sides.
    """
    rng = np.random.default_rng(seed)
    side = drop_constant(side)
    levels = np.array([len(np.unique(column)) <= MOST_LEVELS for column in side.T], bool)
    columns = normal_scores(side, rng)
    for number in np.flatnonzero(levels):
        columns[:, number] = as_codes(side[:, [number]])
    return Side(standardized(columns) if len(levels) else columns, levels)


def normal_scores(columns: Matrix, rng: np.random.Generator | None = None) -> Matrix:
    """Return the normal quantiles of each column's ranks, of ties in random order."""
    ties = np.zeros(len(columns)) if rng is None else rng.random(len(columns))
    scores = np.empty(columns.shape)
    quantiles = ndtri(np.arange(1, len(columns) + 1) / (len(columns) + 1))
    for number, column in enumerate(columns.T):
        scores[np.lexsort([ties, column]), number] = quantiles
    return scores


def integral_transform(codes: Codes, probabilities: Matrix, noise: Matrix) -> Matrix:
    """Return the normal quantiles of X' of identity 3.

    Args:
        codes: The level of each sample, from 0 on, with shape (n,).
        probabilities: Estimates of p(level | z), with shape (n, levels), in any unit: they are
            kept above 0 and scaled to the sum 1.
        noise: Uniform in (0, 1), with shape (n,).
    """
    shares = np.clip(probabilities, LEAST_PROBABILITY, None)
    shares /= shares.sum(axis=1, keepdims=True)
    rows = np.arange(len(codes))
    own = shares[rows, codes]
    return np.asarray(ndtri(np.cumsum(shares, axis=1)[rows, codes] - own * noise))


def centred_in_strata(side: Side, strata: Codes, seed: tuple[int, int]) -> Matrix:
    """Return the columns without what their strata tell of them, level by level symmetric.

    Means, sizes and probabilities are those of a stratum's own samples, so that X with its rows
    permuted within strata gives the permuted columns: a permutation test stays exact. Predictions
    from other samples would show which samples those were, on both sides alike.

    Args:
        side: What `prepared` returns.
        strata: The stratum of each sample, from 0 on.
        seed: Seed of the integral transforms' noise; it must differ between sides.
    """
    rng = np.random.default_rng(seed)
    weights = np.bincount(strata) + PRIOR
    rest = np.empty(side.columns.shape)
    for number, (column, levels) in enumerate(zip(side.columns.T, side.levels, strict=True)):
        if levels:
            codes = as_codes(column[:, None])
            ones = (codes[:, None] == np.arange(codes.max() + 1)).astype(np.float64)
            shares = [np.bincount(strata, one) + PRIOR * one.mean() for one in ones.T]
            found = np.column_stack(shares) / weights[:, None]
            rest[:, number] = integral_transform(codes, found[strata], rng.random(len(codes)))
        else:
            centred = column - (np.bincount(strata, column) / np.bincount(strata))[strata]
            overall = (centred**2).mean()
            sizes = np.sqrt((np.bincount(strata, centred**2) + PRIOR * overall) / weights)
            rest[:, number] = centred / sizes[strata] if overall > ROUNDING else 0.0
    return rest


def strata_of(z: Matrix) -> Codes | None:
    """Return the number of each distinct row of a Z that repeats its rows, else None."""
    codes = distinct_rows(z)[1]
    return codes if is_discrete(int(codes.max()) + 1, len(z), REPEATS, least=2) else None


def in_strata(strata: Codes, rng: np.random.Generator) -> Codes:
    """Return a random order of the rows that keeps each within its stratum."""
    order = np.empty(len(strata), np.int64)
    shuffled = rng.permutation(len(strata))
    order[np.argsort(strata, kind="stable")] = shuffled[
        np.argsort(strata[shuffled], kind="stable")
    ]
    return order


class Tables:
    """Counts of two labels within each value of a third.

    Within a stratum the plug-in information is adjusted for chance (Vinh, Epps and Bailey 2010,
    eq. 3): with E its exact mean over pairings of the same margins and H the smaller entropy, it
    is H (I - E) / (H - E), 0 on average at independence, however few samples a stratum has, and H
    where one label determines the other.

    Args:
        x: Label of each sample, from 0 on, with shape (n,).
        y: The other label, likewise.
        z: The stratum, likewise.
    """

    def __init__(self, x: Codes, y: Codes, z: Codes) -> None:
        from sklearn.metrics.cluster import (  # here: it is slow to import
            contingency_matrix,
            expected_mutual_information,
        )

        self._x, self._y, self._z = x, y, z
        self._of_x, self._of_y = self._entropies(x), self._entropies(y)
        self._most = np.minimum(self._of_x, self._of_y)
        self._by_chance = np.zeros(len(self._most))
        for number in np.flatnonzero(self._most > 0):
            rows = np.flatnonzero(z == number)
            table = contingency_matrix(x[rows], y[rows], sparse=True, dtype=np.int64)
            self._by_chance[number] = expected_mutual_information(table, len(rows))

    def information(self, order: Codes | None = None) -> float:
        """Return I(X; Y | Z) in nats, with X in another order where one is given."""
        x = self._x if order is None else self._x[order]
        joint = self._entropies(x * (int(self._y.max()) + 1) + self._y)
        room = self._most - self._by_chance
        ratio = (self._of_x + self._of_y - joint - self._by_chance) / np.where(room > 0, room, 1.0)
        adjusted = np.where(room > ROUNDING, self._most * ratio, 0.0)
        return float((adjusted * np.bincount(self._z)).sum() / len(x))

    def _entropies(self, labels: Codes) -> Matrix:
        """Return the plug-in entropy of labels within each stratum, with shape (strata,)."""
        cells, counts = np.unique(self._z * (int(labels.max()) + 1) + labels, return_counts=True)
        sizes = np.bincount(self._z)
        strata = cells // (int(labels.max()) + 1)
        return np.asarray(np.log(sizes) - np.bincount(strata, counts * np.log(counts)) / sizes)
