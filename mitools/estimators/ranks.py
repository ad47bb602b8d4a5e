"""Ranks of columns, and nulls that many pairs of columns share.

Permuted, two columns without ties are two columns of the ranks 0 to n - 1 in random order,
whatever they hold. So what an estimator finds in ranks has one null for all such pairs: it depends
on n alone. Of ranks and a label, it depends on how many rows have each label, and so on the label
alone. Ties are broken at random, for each column by itself, which keeps the null as it is: columns
that are independent stay independent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

from mitools._kernels.neighbors.ranks import rank_excess
from mitools.engines.workers.parallel import in_parallel
from mitools.engines.workers.threads import over_points
from mitools.estimators.base import Matrix, MutualInformationEstimator
from mitools.estimators.ksg import KSG, MANY_TIES
from mitools.estimators.labels import Labels
from mitools.evidence.pairings import orders
from mitools.samples.scaling import twin_rows

__all__ = ["RankedColumn", "label_null", "pair_value", "rank_null", "rank_values", "shares_null"]

Rows = NDArray[np.int64]

#: Up to so many rows, looking along the ranks is as fast as any search for neighbours.
MOST_PLACES = 10_000

#: Permutations drawn at a time, each time from a seed of their own.
BATCH = 100


@dataclass(frozen=True, eq=False)
class RankedColumn:
    """A continuous column with its ranks.

    Attributes:
        side: The column, with shape (n, 1).
        ranks: The rank of each row, 0 to n - 1, with shape (n,).
        order: The row at each rank, with shape (n,).
        alone: What `KSG` made of the column alone; None if it has ties.
    """

    side: Matrix
    ranks: Rows
    order: Rows
    alone: Any

    @classmethod
    def of(cls, side: Matrix, generator: np.random.Generator) -> RankedColumn | None:
        """Return a column with its ranks; None if more than a quarter of its rows are tied.

        Args:
            side: The column, with shape (n, 1).
            generator: Breaks ties; each column needs one of its own.
        """
        tied = float(twin_rows(side).mean())
        if tied > MANY_TIES:
            return None
        order = np.lexsort((generator.random(len(side)), side[:, 0]))
        ranks = np.empty(len(side), np.int64)
        ranks[order] = np.arange(len(side))
        return cls(side, ranks, order, None if tied else KSG.alone(side, order))


def shares_null(estimator: MutualInformationEstimator, labelled: bool) -> bool:
    """Return whether pairs have a shared null: `Labels` of labels, `KSG` with any k of others.

    Args:
        estimator: What estimates them.
        labelled: Whether the second column is a label.
    """
    if labelled:
        return isinstance(estimator, Labels)
    return isinstance(estimator, KSG) and estimator == KSG(k=estimator.k, seed=estimator.seed)


def pair_value(estimator: KSG, x: RankedColumn, y: RankedColumn) -> float:
    """Return the estimate of two columns, the same as ``estimator.estimate(x.side, y.side)``."""
    if x.alone is None or y.alone is None:
        return float(estimator.prepare(x.side, y.side).found().value)
    return estimator.of_both(x.alone, y.alone)


def rank_values(sequences: Rows, k: int) -> Matrix:
    """Return the estimate of ``KSG(k=k, standardize=False)`` for pairs of columns of ranks.

    Args:
        sequences: For each pair, the rank in y at each rank in x, with shape (B, n).
        k: Number of neighbours, less than n.

    Returns:
        The estimates in nats, with shape (B,).
    """
    count, n = sequences.shape
    estimator = KSG(k=k, standardize=False)
    if n > MOST_PLACES:
        x = np.arange(n, dtype=np.float64)[:, None]
        return np.array(
            [estimator.prepare(x, y[:, None].astype(float)).found().value for y in sequences]
        )
    table = digamma(np.arange(1.0, n + 1)) - digamma(k)
    sums = np.empty(count)
    over_points(rank_excess, count, sequences, k, table, sums, cost=n / 4)
    return np.asarray(estimator.ceiling(n) - sums / n)


def rank_null(n: int, k: int, n_draws: int, seed: int, n_jobs: int | None) -> Matrix:
    """Return `rank_values` of columns of ranks in random order, with shape (n_draws,).

    Args:
        n: Rows.
        k: Number of neighbours.
        n_draws: How many.
        seed: Seed of the orders.
        n_jobs: Workers, as in `in_parallel`; their number changes no bit.
    """

    def drawn(start: int) -> Matrix:
        generator = np.random.default_rng([seed, n, start])
        return rank_values(orders(n, min(BATCH, n_draws - start), None, generator), k)

    return np.concatenate(in_parallel(drawn, range(0, n_draws, BATCH), n_jobs))


def label_null(
    estimator: Labels, label: Matrix, n_draws: int, seed: int, n_jobs: int | None
) -> Matrix:
    """Return the estimates of ranks in random order and a label, with shape (n_draws,).

    Args:
        estimator: What estimates.
        label: The label as numbers, with shape (n, 1).
        n_draws: How many.
        seed: Seed of the orders.
        n_jobs: Workers, as in `in_parallel`; their number changes no bit.
    """
    n = len(label)
    prepared = estimator.prepare(np.arange(n, dtype=np.float64)[:, None], label)

    def drawn(start: int) -> Matrix:
        generator = np.random.default_rng([seed, n, start])
        return prepared.permuted(orders(n, min(BATCH, n_draws - start), None, generator))

    return np.concatenate(in_parallel(drawn, range(0, n_draws, BATCH), n_jobs))
