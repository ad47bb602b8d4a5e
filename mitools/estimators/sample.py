"""Samples by label, and what is asked of them: an estimate, its null, and subsets.

`Sample` holds what every question about the same data shares. `Sample.prepare` makes the sides of
each label ready for one estimator, once; estimate and null then come from the same preparation.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mitools.engines.workers.parallel import in_parallel, n_workers
from mitools.estimators.base import MutualInformationEstimator, Prepared
from mitools.evidence.estimate import Estimate
from mitools.evidence.groups import Groups
from mitools.evidence.null import Null
from mitools.evidence.pairings import orders, subset_order
from mitools.samples.arrays import (
    Part,
    as_labels,
    column_names,
    paired_samples,
    split_by_label,
)
from mitools.samples.messages import check_whole

__all__ = ["PreparedSample", "Sample", "check_blocks"]

Matrix = NDArray[np.float64]
Rows = NDArray[np.int64]

#: Permutation indices made at a time: 100 permutations of a million rows would take 800 MB.
INDICES = 8_000_000


@dataclass(frozen=True)
class Sample:
    """Paired samples, by label, with how they are permuted and by how many workers.

    Attributes:
        x: All samples of X, with shape (n, d_x).
        y: All samples of Y, with shape (n, d_y).
        parts: The samples of each label; a single part without labels.
        blocks: How permutations keep the order of the rows, as in `orders`; None if they do not.
        n_jobs: Workers for labels, permutations and subsets, as in `in_parallel`.
        names: What to call the columns of X and of Y.
        least_shift: The least circular shift, as in `orders`.
        groups: The rows that permutations and subsets keep together; None where there are none.
    """

    x: Matrix
    y: Matrix
    parts: tuple[Part, ...]
    blocks: int | None = None
    n_jobs: int | None = None
    names: tuple[Sequence[str], Sequence[str]] = ((), ())
    least_shift: int = 0
    groups: Groups | None = None

    @classmethod
    def of(
        cls,
        x: Any,
        y: Any,
        given: Any = None,
        blocks: int | None = None,
        n_jobs: int | None = None,
        groups: Any = None,
    ) -> Sample:
        """Return the samples of anything that `mutual_information` takes.

        Args:
            x: Samples of X.
            y: Paired samples of Y.
            given: Discrete labels.
            blocks: How permutations keep the order of the rows.
            n_jobs: Workers.
            groups: The group of each row.

        Returns:
            The samples, checked.

        Raises:
            TypeError: For data that are not numbers.
            ValueError: For bad data, `blocks`, `n_jobs` or `groups`.
        """
        n_workers(n_jobs)
        left, right = paired_samples(x, y, given=given, groups=groups)
        kept = None
        if groups is not None:
            labels, codes = (None, None) if given is None else as_labels(given, len(left))
            kept, rows = Groups.of(groups, len(left), codes)
            if rows is not None:
                left, right = left[rows], right[rows]
                given = None if labels is None or codes is None else labels[codes[rows]]
        parts = split_by_label(left, right, given)
        check_blocks(blocks, parts, grouped=groups is not None)
        names = column_names(x, left.shape[1]), column_names(y, right.shape[1])
        return cls(left, right, parts, blocks, n_jobs, names, groups=kept)

    @classmethod
    def of_pair(
        cls, x: Matrix, y: Matrix, blocks: int | None = None, groups: Groups | None = None
    ) -> Sample:
        """Return the samples of two validated matrices, without labels.

        Args:
            x: Validated samples of X, with shape (n, d_x).
            y: Paired samples of Y, with shape (n, d_y).
            blocks: How permutations keep the order of the rows.
            groups: The groups of the rows, checked.

        Returns:
            The samples.

        Raises:
            ValueError: For more blocks than the rows can make, or for blocks beside groups.
        """
        parts = (Part(None, 1.0, x, y),)
        check_blocks(blocks, parts, grouped=groups is not None)
        return cls(x, y, parts, blocks, groups=groups)

    @property
    def labelled(self) -> bool:
        """Whether there are labels."""
        return self.parts[0].label is not None

    @property
    def n_samples(self) -> int:
        """How many samples there are in all."""
        return len(self.x)

    @property
    def n_groups(self) -> int | None:
        """How many groups of rows there are; None without groups."""
        return None if self.groups is None else len(self.groups)

    @property
    def widths(self) -> tuple[int, int]:
        """Columns of X and of Y."""
        return self.x.shape[1], self.y.shape[1]

    def prepare(self, estimator: MutualInformationEstimator, where: str = "") -> PreparedSample:
        """Return the samples made ready for an estimator.

        Args:
            estimator: What will estimate.
            where: Which samples these are, for an error, such as " for feature 3".

        Raises:
            ValueError: For too few samples in a label.
        """

        def prepared(part: Part) -> Prepared:
            label = f" in each label; label {str(part.label)!r} has too few"
            return estimator.prepare(part.x, part.y, label if self.labelled else where)

        return PreparedSample(
            self, estimator, tuple(in_parallel(prepared, self.parts, self.n_jobs))
        )

    def estimate(self, estimator: MutualInformationEstimator) -> Estimate:
        """Return the estimate within each label, combined."""
        return self.prepare(estimator).estimate

    def accepted_by(self, estimator: MutualInformationEstimator) -> bool:
        """Return whether every label has the samples that the estimator asks for."""
        return all(len(part.x) >= estimator.minimum_samples() for part in self.parts)

    def splits(
        self,
        estimator: MutualInformationEstimator,
        divisor: int,
        n_splits: int,
        generator: np.random.Generator,
    ) -> Matrix:
        """Return the estimates on subsets that share no sample: halves, or quarters.

        Args:
            estimator: What estimates.
            divisor: In how many subsets each split cuts each label: two, or four. What is left
                over belongs to none. The labels' shares stay the weights. Groups are dealt to the
                subsets as wholes, each to one of them.
            n_splits: How many splits to draw.
            generator: The source of the splits.

        Returns:
            The estimates, with shape (n_splits, divisor); without rows when a label has too few
            samples, or there are too few groups, to be split.
        """
        if any(len(part.x) // divisor < estimator.minimum_samples() for part in self.parts):
            return np.empty((0, divisor))
        if self.groups is not None and not self.groups.divisible(divisor):
            return np.empty((0, divisor))

        def draws() -> Iterator[tuple[int, Part, list[Rows]]]:
            if self.groups is not None:
                for split in range(n_splits):
                    dealt = self.groups.subsets(divisor, generator)
                    for number, part in enumerate(self.parts):
                        own = dealt[self.groups.parts == number]
                        yield split, part, [np.flatnonzero(own == i) for i in range(divisor)]
                return
            for part in self.parts:
                for split in range(n_splits):
                    order = subset_order(len(part.x), self.blocks, generator)
                    size = len(order) // divisor
                    halves = np.sort(order[: size * divisor].reshape(divisor, size), axis=1)
                    yield split, part, list(halves)

        def estimated(draw: tuple[int, Part, list[Rows]]) -> tuple[int, Matrix]:
            split, part, subsets = draw
            values = [
                estimator.prepare(part.x[rows], part.y[rows]).found().value for rows in subsets
            ]
            return split, part.share * np.array(values)

        estimates = np.zeros((n_splits, divisor))
        try:
            for split, values in in_parallel(estimated, draws(), self.n_jobs):
                estimates[split] += values
        except ValueError:  # all the samples were enough: these are too few for their width
            return np.empty((0, divisor))
        return estimates


@dataclass(frozen=True, eq=False)
class PreparedSample:
    """A sample whose sides one estimator has made ready.

    Attributes:
        sample: The sample.
        estimator: The estimator.
        pairs: The prepared sides of each part, in the order of the parts.
    """

    sample: Sample
    estimator: MutualInformationEstimator
    pairs: tuple[Prepared, ...]

    @cached_property
    def estimate(self) -> Estimate:
        """The estimate within each label, combined; a single part without a label is the whole."""
        if not self.sample.labelled:
            return self.pairs[0].estimate()
        estimates = in_parallel(_estimated, self.pairs, self.sample.n_jobs)
        labels = [part.label for part in self.sample.parts]
        return Estimate.pooled(dict(zip(labels, estimates, strict=True)), self.estimator)

    def null(
        self, n_permutations: int, generator: np.random.Generator
    ) -> tuple[Null, Mapping[Hashable, Null]]:
        """Permute within labels, and return the null of the whole and that of each label.

        Args:
            n_permutations: How many times to permute.
            generator: The source of the permutations. Each worker takes a share of those of a
                label, or whole labels where there are enough of them.

        Returns:
            The label-weighted null, and the nulls of the labels (none without labels).
        """
        sample = self.sample
        workers = n_workers(sample.n_jobs)
        enough = len(sample.parts) >= workers
        share = n_permutations if enough else -(-n_permutations // workers)

        groups = sample.groups
        moved = None if groups is None else groups.permutations(n_permutations, generator)

        def draws() -> Iterator[tuple[int, Rows]]:
            for number, part in enumerate(sample.parts):
                n = len(part.x)
                at_once = max(1, min(share, INDICES // (n * workers)))
                for start in range(0, n_permutations, at_once):
                    count = min(at_once, n_permutations - start)
                    if groups is not None and moved is not None:
                        yield number, groups.orders(moved[start : start + count], number)
                        continue
                    drawn = orders(n, count, sample.blocks, generator, sample.least_shift)
                    yield number, drawn

        def permuted(draw: tuple[int, Rows]) -> tuple[int, Matrix]:
            number, permutations = draw
            return number, self.pairs[number].permuted(permutations)

        batches: list[list[Matrix]] = [[] for _ in sample.parts]
        for number, batch in in_parallel(permuted, draws(), sample.n_jobs):
            batches[number].append(batch)
        by_part = [np.concatenate(found) for found in batches]
        total = np.zeros(n_permutations)
        for part, values in zip(sample.parts, by_part, strict=True):
            total = total + part.share * values
        parts = self.estimate.parts
        labels = [part.label for part in sample.parts if part.label is not None]
        by_label = {
            label: Null(values, parts[label].value)
            for label, values in zip(labels, by_part, strict=False)
        }
        return Null(total, self.estimate.value), by_label


def _estimated(pair: Prepared) -> Estimate:
    return pair.estimate()


def check_blocks(blocks: int | None, parts: tuple[Part, ...], grouped: bool = False) -> None:
    """Raise a ValueError unless every label has at least two rows for each block.

    Args:
        blocks: How permutations keep the order of the rows.
        parts: The samples of each label.
        grouped: Whether there are groups, which keep the order of their rows by themselves.

    Raises:
        ValueError: For too many blocks, or for blocks beside groups.
    """
    if blocks is None:
        return
    if grouped:
        raise ValueError(
            f"`blocks` and `groups` cannot both be given, got blocks={blocks}. Whole groups are "
            "permuted with the order of their rows kept: leave `blocks` out."
        )
    check_whole("blocks", blocks)
    fewest = min(len(part.x) for part in parts)
    if 2 * blocks > fewest:
        raise ValueError(
            f"`blocks` must leave at least two rows to each, got {blocks} for {fewest} rows"
            + (" of a label." if len(parts) > 1 else ".")
            + " One block is the least, and shifts the rows circularly."
        )
