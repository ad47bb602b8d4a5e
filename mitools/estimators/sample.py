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
from mitools.evidence.null import Null
from mitools.evidence.pairings import orders, subset_order
from mitools.samples.arrays import Part, column_names, paired_samples, split_by_label
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
    """

    x: Matrix
    y: Matrix
    parts: tuple[Part, ...]
    blocks: int | None = None
    n_jobs: int | None = None
    names: tuple[Sequence[str], Sequence[str]] = ((), ())
    least_shift: int = 0

    @classmethod
    def of(
        cls,
        x: Any,
        y: Any,
        given: Any = None,
        blocks: int | None = None,
        n_jobs: int | None = None,
    ) -> Sample:
        """Return the samples of anything that `mutual_information` takes.

        Args:
            x: Samples of X.
            y: Paired samples of Y.
            given: Discrete labels.
            blocks: How permutations keep the order of the rows.
            n_jobs: Workers.

        Returns:
            The samples, checked.

        Raises:
            TypeError: For data that are not numbers.
            ValueError: For bad data, `blocks` or `n_jobs`.
        """
        n_workers(n_jobs)
        left, right = paired_samples(x, y, given=given)
        parts = split_by_label(left, right, given)
        check_blocks(blocks, parts)
        names = column_names(x, left.shape[1]), column_names(y, right.shape[1])
        return cls(left, right, parts, blocks, n_jobs, names)

    @classmethod
    def of_pair(cls, x: Matrix, y: Matrix, blocks: int | None = None) -> Sample:
        """Return the samples of two validated matrices, without labels.

        Args:
            x: Validated samples of X, with shape (n, d_x).
            y: Paired samples of Y, with shape (n, d_y).
            blocks: How permutations keep the order of the rows.

        Returns:
            The samples.

        Raises:
            ValueError: For more blocks than the rows can make.
        """
        parts = (Part(None, 1.0, x, y),)
        check_blocks(blocks, parts)
        return cls(x, y, parts, blocks)

    @property
    def labelled(self) -> bool:
        """Whether there are labels."""
        return self.parts[0].label is not None

    @property
    def n_samples(self) -> int:
        """How many samples there are in all."""
        return len(self.x)

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
                over belongs to none. The labels' shares stay the weights.
            n_splits: How many splits to draw.
            generator: The source of the splits.

        Returns:
            The estimates, with shape (n_splits, divisor); without rows when a label has too few
            samples to be split.
        """
        if any(len(part.x) // divisor < estimator.minimum_samples() for part in self.parts):
            return np.empty((0, divisor))

        def draws() -> Iterator[tuple[int, Part, Rows]]:
            for part in self.parts:
                for split in range(n_splits):
                    yield split, part, subset_order(len(part.x), self.blocks, generator)

        def estimated(draw: tuple[int, Part, Rows]) -> tuple[int, Matrix]:
            split, part, order = draw
            size = len(order) // divisor
            subsets = np.sort(order[: size * divisor].reshape(divisor, size), axis=1)
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

        def draws() -> Iterator[tuple[int, Rows]]:
            for number, part in enumerate(sample.parts):
                n = len(part.x)
                at_once = max(1, min(share, INDICES // (n * workers)))
                for start in range(0, n_permutations, at_once):
                    count = min(at_once, n_permutations - start)
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


def check_blocks(blocks: int | None, parts: tuple[Part, ...]) -> None:
    """Raise a ValueError unless every label has at least two rows for each block."""
    if blocks is None:
        return
    check_whole("blocks", blocks)
    fewest = min(len(part.x) for part in parts)
    if 2 * blocks > fewest:
        raise ValueError(
            f"`blocks` must leave at least two rows to each, got {blocks} for {fewest} rows"
            + (" of a label." if len(parts) > 1 else ".")
            + " One block is the least, and shifts the rows circularly."
        )
