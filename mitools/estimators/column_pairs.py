"""Every pair of columns of a table: estimates, and the nulls that they share or have alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mitools.engines.workers.parallel import in_parallel
from mitools.engines.workers.threads import over_points
from mitools.estimators.base import Matrix, MutualInformationEstimator
from mitools.estimators.ksg import KSG
from mitools.estimators.ranks import (
    RankedColumn,
    label_null,
    pair_value,
    rank_null,
    rank_values,
    shares_null,
)
from mitools.estimators.router import for_kinds
from mitools.estimators.sample import Sample
from mitools.evidence.groups import Groups
from mitools.evidence.null import fitted_p_values, p_values
from mitools.samples.scaling import has_repeats

__all__ = ["Column", "ColumnPairs", "Found"]

Rows = NDArray[np.int64]

#: The most permutations of a null that pairs share.
MOST_DRAWS = 10_000

#: Pairs that share a null are estimated together, until they have so many rows.
ROWS_TOGETHER = 200_000

#: The null that two continuous columns share; that of a label has the place of its column.
RANKS = -1
#: What has permutations of its own.
OWN = -2


class Column(NamedTuple):
    """One column of a table.

    Attributes:
        name: What to call it.
        side: Its numbers, with shape (n, 1).
        discrete: Whether it is a label.
    """

    name: str
    side: Matrix
    discrete: bool


class Found(NamedTuple):
    """What is found for each pair, in the order of the pairs, each with shape (m,).

    Attributes:
        values: The estimates, in nats.
        rank_values: Those of ranks, which are held against a shared null; NaN for other pairs.
        null_means: Means of the nulls.
        n_draws: Permutations behind each.
        p_values: (1 + permutations at least as large) / (1 + permutations).
        fitted_p_values: Tails of the laws fitted to the permutations.
    """

    values: Matrix
    rank_values: Matrix
    null_means: Matrix
    n_draws: Matrix
    p_values: Matrix
    fitted_p_values: Matrix


class _Chunk(NamedTuple):
    """Pairs estimated together: their numbers, and which null they share."""

    pairs: Rows
    null: int


@dataclass(frozen=True, eq=False)
class ColumnPairs:
    """Every pair of columns, with its estimator and the null that it has.

    Attributes:
        columns: The columns.
        pairs: The places of each pair's columns, the lower first, with shape (m, 2).
        sides: The same with the side that the estimator takes for the label second.
        estimators: The estimator of each pair.
        nulls: Which null each pair has: `RANKS`, the place of a label, or `OWN`.
        ranked: Columns with their ranks, by place, where pairs of them share a null.
        blocks: How permutations keep the order of the rows; None if they do not.
        groups: The rows that permutations keep together; None where there are none.
    """

    columns: Sequence[Column]
    pairs: Rows
    sides: Rows
    estimators: Sequence[MutualInformationEstimator]
    nulls: Rows
    ranked: Mapping[int, RankedColumn]
    blocks: int | None = None
    groups: Groups | None = None

    @classmethod
    def of(
        cls,
        columns: Sequence[Column],
        estimator: MutualInformationEstimator | None,
        seed: int,
        blocks: int | None = None,
        groups: Groups | None = None,
    ) -> ColumnPairs:
        """Return the pairs of some columns.

        Args:
            columns: At least two, of as many rows.
            estimator: One for all pairs; by their kinds when not given.
            seed: Seed of the order of ties.
            blocks: How permutations keep the order of the rows.
            groups: The rows that they keep together.
        """
        labels = np.array([column.discrete for column in columns])
        pairs = np.column_stack(np.triu_indices(len(columns), 1))
        swapped = labels[pairs[:, 0]] & ~labels[pairs[:, 1]]  # labels are the second side
        sides = np.where(swapped[:, None], pairs[:, ::-1], pairs)
        n_labels = labels[sides].sum(axis=1)
        by_kind = [estimator or for_kinds(n > 1, n > 0, False) for n in range(3)]
        sharing = np.array([shares_null(one, n == 1) for n, one in enumerate(by_kind)])
        enough = np.array([len(columns[0].side) >= one.minimum_samples() for one in by_kind])
        ranked = {}
        if blocks is None and groups is None and sharing.any():
            for place in np.flatnonzero(~labels).tolist():
                generator = np.random.default_rng([seed, place])
                column = RankedColumn.of(columns[place].side, generator)
                if column is not None:
                    ranked[place] = column
        fit = np.isin(sides, list(ranked))
        fit[n_labels == 1, 1] = True
        repeating = np.zeros(len(pairs), dtype=bool)
        if estimator is None:
            repeats = np.array([has_repeats(column.side) for column in columns]) & ~labels
            repeating = repeats[sides].any(axis=1) & (n_labels == 0)
        shared = (sharing & enough)[n_labels] & fit.all(axis=1) & ~repeating
        nulls = np.where(shared, np.where(n_labels == 1, sides[:, 1], RANKS), OWN)
        with_repeats = for_kinds(False, False, True)
        estimators = [
            with_repeats if own else by_kind[n] for n, own in zip(n_labels, repeating, strict=True)
        ]
        return cls(columns, pairs, sides, estimators, nulls, ranked, blocks, groups)

    def answers(
        self,
        n_permutations: int,
        seed: int,
        n_jobs: int | None,
        progress: Callable[[int, int], None] | None,
    ) -> Found:
        """Return what is found for each pair.

        Args:
            n_permutations: Permutations for each pair; those of pairs that share a null are put
                together, up to `MOST_DRAWS`.
            seed: Seed of the permutations.
            n_jobs: Workers, as in `in_parallel`; their number changes no bit.
            progress: Called with the pairs done and the pairs in all.
        """
        found = Found(*np.full((len(Found._fields), len(self.pairs)), np.nan))
        chunks = self._chunks()
        done = np.cumsum([len(chunk.pairs) for chunk in chunks])

        def report(n_chunks: int) -> None:
            if progress is not None:
                last = int(done[n_chunks - 1])
                for one in range(last - len(chunks[n_chunks - 1].pairs), last):
                    progress(one + 1, len(self.pairs))

        def answered(chunk: _Chunk) -> Matrix:
            if chunk.null == OWN:
                return self._own(int(chunk.pairs[0]), n_permutations, seed)
            return self._values(chunk)

        draws = {
            null: self._draws(null, n_permutations, seed, n_jobs)
            for null in np.unique(self.nulls[self.nulls != OWN]).tolist()
        }
        answers = in_parallel(answered, chunks, n_jobs, report)
        for chunk, answer in zip(chunks, answers, strict=True):
            for each, numbers in zip(found, answer, strict=False):
                each[chunk.pairs] = numbers
        for null, drawn in draws.items():
            at = np.flatnonzero(self.nulls == null)
            found.null_means[at] = drawn.mean()
            found.n_draws[at] = len(drawn)
            found.p_values[at] = p_values(drawn, found.rank_values[at])
            found.fitted_p_values[at] = fitted_p_values(drawn, found.rank_values[at])
        return found

    def _chunks(self) -> list[_Chunk]:
        """Return all pairs, those of a shared null together; in all the order of the pairs."""
        together = max(1, ROWS_TOGETHER // len(self.columns[0].side))
        chunks = []
        for null in sorted(set(self.nulls.tolist())):
            at = np.flatnonzero(self.nulls == null)
            size = 1 if null == OWN else together
            chunks += [_Chunk(at[i : i + size], null) for i in range(0, len(at), size)]
        return chunks

    def _own(self, number: int, n_permutations: int, seed: int) -> Matrix:
        """Return all that is found for a pair with permutations of its own, with shape (6, 1)."""
        x, y = (self.columns[place] for place in self.sides[number])
        i, j = self.pairs[number].tolist()
        where = f" for {self.columns[i].name!r} and {self.columns[j].name!r}"
        sample = Sample.of_pair(x.side, y.side, self.blocks, self.groups)
        prepared = sample.prepare(self.estimators[number], where)
        null, _ = prepared.null(n_permutations, np.random.default_rng([seed, i, j]))
        fitted = null.fitted_p_value
        return np.array(
            [[null.observed], [np.nan], [null.mean], [len(null)], [null.p_value], [fitted]]
        )

    def _values(self, chunk: _Chunk) -> Matrix:
        """Return the values of pairs that share a null and those of their ranks, as (2, m)."""
        values = np.empty((2, len(chunk.pairs)))
        sides = self.sides[chunk.pairs]
        estimator = self.estimators[chunk.pairs[0]]
        n_rows = len(self.columns[0].side)

        def estimate(first: int, last: int) -> None:
            if isinstance(estimator, KSG):
                sequences = np.empty((last - first, n_rows), np.int64)
                for place, (i, j) in enumerate(sides[first:last].tolist()):
                    x, y = self.ranked[i], self.ranked[j]
                    values[0, first + place] = pair_value(estimator, x, y)
                    sequences[place] = y.ranks[x.order]
                values[1, first:last] = rank_values(sequences, estimator.k)
                return
            for place, (i, j) in enumerate(sides[first:last].tolist(), first):
                label = self.columns[j].side
                ranks = self.ranked[i].ranks[:, None].astype(np.float64)
                for row, x in enumerate((self.columns[i].side, ranks)):
                    values[row, place] = estimator.prepare(x, label).found().value

        over_points(estimate, len(chunk.pairs), cost=n_rows)
        return values

    def _draws(self, null: int, n_permutations: int, seed: int, n_jobs: int | None) -> Matrix:
        """Return the permutations of a shared null: those of all its pairs, put together."""
        sharing = np.flatnonzero(self.nulls == null)
        n_draws = min(MOST_DRAWS, n_permutations * len(sharing))
        estimator = self.estimators[sharing[0]]
        if isinstance(estimator, KSG):
            return rank_null(len(self.columns[0].side), estimator.k, n_draws, seed, n_jobs)
        return label_null(estimator, self.columns[null].side, n_draws, seed, n_jobs)
