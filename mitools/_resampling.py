r"""Re-paired and split samples, within labels: what `assess` compares an estimate with.

The p value of a permutation test, :math:`(1 + \#\{null \ge value\}) / (1 + B)`, cannot fall below
1 / (1 + B). How far beyond all B permutations a value lies is told by a law fitted to them: the
larger of the tails of Student's t for one further draw,
:math:`z = (value - \bar b) / (s \sqrt{1 + 1/B})` with B - 1 degrees of freedom, and of the shifted
gamma law (Pearson's type III) with the skewness g of the permutations, :math:`P(G > a + z
\sqrt{a})` with :math:`a = 4 / g^2` (Winkler et al., "Faster permutation inference in brain
imaging", NeuroImage 2016, section 2.6).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincc, stdtr

from mitools._arrays import Part
from mitools._parallel import in_parallel, n_workers
from mitools._series import orders, subset_order
from mitools.base import Matrix, MutualInformationEstimator

__all__ = ["fitted_p_value", "p_value", "permuted_estimates", "split_estimates", "tail_text"]

#: Permutation indices made at a time: 100 permutations of a million rows would take 800 MB.
INDICES = 8_000_000

#: Below this skewness the gamma law is the normal law, whose tail Student's t is above.
LEAST_SKEWNESS = 0.01

#: Fitted p values below this are not shown.
SMALLEST = 1e-6


def permuted_estimates(
    estimator: MutualInformationEstimator,
    parts: Sequence[Part],
    n_permutations: int,
    generator: np.random.Generator,
    n_jobs: int | None = None,
    blocks: int | None = None,
) -> tuple[Matrix, Mapping[Hashable, Matrix]]:
    """Return the estimates after re-pairing at random within labels.

    Args:
        estimator: What estimates.
        parts: The samples by label.
        n_permutations: How many times to re-pair.
        generator: The source of the permutations.
        n_jobs: Workers, as in `in_parallel`; each takes a share of the permutations of a label, or
            whole labels where there are enough of them.
        blocks: What keeps the order of the rows, as in `orders`.

    Returns:
        The label-weighted estimates, with shape (n_permutations,), and those of each label.
    """
    workers = n_workers(n_jobs)
    share = n_permutations if len(parts) >= workers else -(-n_permutations // workers)

    def draws() -> Iterator[tuple[Part, NDArray[np.int64]]]:
        for part in parts:
            n = len(part.x)
            at_once = max(1, min(share, INDICES // (n * workers)))
            for start in range(0, n_permutations, at_once):
                yield part, orders(n, min(at_once, n_permutations - start), blocks, generator)

    def permuted(draw: tuple[Part, NDArray[np.int64]]) -> tuple[Hashable, Matrix]:
        part, permutations = draw
        return part.label, estimator._permuted(part.x, part.y, permutations)

    batches: dict[Hashable, list[Matrix]] = {part.label: [] for part in parts}
    for label, batch in in_parallel(permuted, draws(), n_jobs):
        batches[label].append(batch)
    by_label = {label: np.concatenate(found) for label, found in batches.items()}
    total = sum((part.share * by_label[part.label] for part in parts), np.zeros(n_permutations))
    return total, by_label


def p_value(null: Matrix, value: float) -> float:
    """Return (1 + permutations at least as large) / (1 + permutations); never 0."""
    return float((1 + (null >= value - _rounding(value)).sum()) / (1 + len(null)))


def fitted_p_value(null: Matrix, value: float) -> float:
    """Return how likely a value as large is under the law fitted to the permutations.

    Args:
        null: The permuted estimates, with shape (B,).
        value: The estimate.

    Returns:
        The larger of the two tails above; 1 for fewer than three permutations, which show no law.
        Where the permutations are all equal, 0 for a value above them and 1 for any other.
    """
    if len(null) < 3:
        return 1.0
    above, sd = value - float(null.mean()), float(null.std(ddof=1))
    if sd <= _rounding(value):
        return float(above <= _rounding(value))
    z = above / (sd * np.sqrt(1 + 1 / len(null)))
    tail = float(stdtr(len(null) - 1, -z))
    skewness = float(((null - null.mean()) ** 3).mean() / null.std() ** 3)
    if skewness > LEAST_SKEWNESS and z > 0:
        a = 4 / skewness**2
        tail = max(tail, float(gammaincc(a, a + z * np.sqrt(a))))
    return tail


def tail_text(fitted: float) -> str:
    """Return a fitted p value for people: a hundred draws cannot tell 1e-6 from 1e-30."""
    return f"{fitted:.2g}" if fitted >= SMALLEST else f"below {SMALLEST:g}"


def _rounding(value: float) -> float:
    """Sums over labels are rounded: a permutation that changes nothing must count as a tie."""
    return 1e-12 * max(1.0, abs(value))


def split_estimates(
    estimator: MutualInformationEstimator,
    parts: Sequence[Part],
    divisor: int,
    n_splits: int,
    generator: np.random.Generator,
    n_jobs: int | None = None,
    blocks: int | None = None,
) -> Matrix:
    """Return the estimates on subsets that share no sample: halves of halves' pairs, say.

    Args:
        estimator: What estimates.
        parts: The samples by label; their shares stay the weights.
        divisor: In how many subsets each split cuts each label: two, or four. What is left over
            belongs to none.
        n_splits: How many splits to draw.
        generator: The source of the splits.
        n_jobs: Workers, as in `in_parallel`.
        blocks: What keeps the order of the rows, as in `subset_order`.

    Returns:
        The estimates, with shape (n_splits, divisor); without rows when a label has too few
        samples to be split.
    """
    if any(len(part.x) // divisor < estimator.minimum_samples() for part in parts):
        return np.empty((0, divisor))

    def draws() -> Iterator[tuple[int, Part, NDArray[np.int64]]]:
        for part in parts:
            for split in range(n_splits):
                yield split, part, subset_order(len(part.x), blocks, generator)

    def estimated(draw: tuple[int, Part, NDArray[np.int64]]) -> tuple[int, Matrix]:
        split, part, order = draw
        size = len(order) // divisor
        subsets = np.sort(order[: size * divisor].reshape(divisor, size), axis=1)
        values = [estimator._estimate(part.x[rows], part.y[rows])[0] for rows in subsets]
        return split, part.share * np.array(values)

    estimates = np.zeros((n_splits, divisor))
    try:
        for split, values in in_parallel(estimated, draws(), n_jobs):
            estimates[split] += values
    except ValueError:  # all the samples were enough: these are too few for their width
        return np.empty((0, divisor))
    return estimates
