"""The mean of an estimate from hashed cells over permutations, and the estimate less that mean."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

from mitools._kernels.cells.counts import digest
from mitools._kernels.cells.pairings import shuffled_information
from mitools.engines.cells.pair import Counted, HashedPair, Margins, Placed, logarithms
from mitools.evidence.estimate import Found

__all__ = ["Correction", "PairEstimate", "combined", "occupancies_for"]

Matrix = NDArray[np.float64]
Integers = NDArray[np.int64]

#: Permutations of more samples than this are made of fewer, in cells as full; see `_thinned`.
SHUFFLED = 1 << 16
#: Above this many samples, one permutation is made for every other member.
ONCE = 1 << 14
#: The most weight the smaller occupancy gets; more cancels more bias in six and more dimensions,
#: and adds noise.
HEAVIEST = 3.0
#: Samples permuted in all for a null that is stored, the most permutations, and nulls stored.
EFFORT, PAIRINGS, KEPT = 1 << 18, 160, 256
#: Samples permuted twice, per member, for a null that is not stored.
FRESH = 3000
#: Larger cells than this share of all samples smooth too much.
WIDEST_CELL = 1e-3
#: Pairs of labels are permuted up to this many samples.
LABELS_SHUFFLED = 1 << 20

_NULLS: dict[tuple[Any, ...], Matrix] = {}


class PairEstimate(NamedTuple):
    """What one hashed pair of sides gives: estimate, mean over permutations and statistics."""

    value: float
    null: float
    ceiling: float
    table: Matrix  # as `table_at_depth` returns it
    debiased_ratio: float
    chi_square: float
    dimensions: tuple[int, int]


class Correction:
    """Corrects the raw values of one of `pairs` hashed pairs, given its margins' counts.

    Attributes:
        null: The mean over permutations for each occupancy, with shape (2,).
        ceiling: The largest value that margins with these counts allow.
    """

    def __init__(
        self,
        hashed: HashedPair,
        seen: Counted | Placed,
        n: int,
        pairs: int,
        occupancies: tuple[int, int],
        seed: int,
    ) -> None:
        self._hashed, self._occupancies = hashed, occupancies
        first, second = seen.first_margins, seen.second_margins
        ks = occupancies_for(hashed, n, occupancies)
        self.null = _stored_null(hashed, first, second, n, pairs, ks, seed)
        if not hashed.interleaved:
            self._scale, self.ceiling = self._entropies(first[0], second[0], n)
            return
        self._scale = np.ones(2)
        resolved = (hashed.grids[0].steps + 1) * np.log(2)
        best = np.minimum(digamma(n) - digamma(ks), resolved) - self.null
        self.ceiling = float(self._weights() @ best)

    def apply(self, raw: Matrix) -> Matrix:
        """Return the estimates for raw values with shape (..., 2)."""
        weighted = (raw - self.null) * self._scale * self._weights()
        value: Matrix = weighted[..., 0] + weighted[..., 1]  # as a product, BLAS rounds by shape
        return value

    def subtracted(self) -> float:
        """Return what was subtracted in all."""
        return float(self._weights() @ self.null)

    def part(self, counted: Counted, n: int) -> PairEstimate:
        """Return the estimate of counted cells with its statistics.

        Args:
            counted: What the counts say.
            n: How many samples were counted.
        """
        described = counted.described.copy()
        described[:, 4] /= n
        chance = (described[:, 1] - 1) * (described[:, 2] - 1) / (n - 1)
        return PairEstimate(
            float(self.apply(np.mean(counted.raw, axis=0))),
            self.subtracted(),
            self.ceiling,
            described.mean(axis=0),
            float(np.mean(described[:, 0] - chance)),
            _chi_square(counted, n),
            (self._hashed.x.dimensions, self._hashed.y.dimensions),
        )

    def _entropies(self, first: Margins, second: Margins, n: int) -> tuple[Matrix, float]:
        """Return what to scale by, so that I(X; X) = H(X), and the smaller entropy of labels.

        That is the correction of adjusted mutual information.
        """
        entropy = _entropy(first)
        if self._hashed.discrete:
            entropy = best = min(entropy, _entropy(second))
        else:
            best = float(digamma(n) - (first * digamma(np.maximum(first, 1))).sum() / n)
        if best - self.null[0] <= 1e-12:
            return np.zeros(2), entropy
        return entropy / (best - self.null), entropy

    def _weights(self) -> Matrix:
        """Return weights that sum to 1 and cancel a bias in k^(2/d), up to `HEAVIEST`."""
        d = sum(side.dimensions for side in self._hashed.sides if not side.discrete)
        if d == 0:
            return np.array([1.0, 0.0])
        a, b = (k ** (2 / d) for k in self._occupancies)
        weight = min(b / (b - a), HEAVIEST)
        return np.array([weight, 1 - weight])


def occupancies_for(hashed: HashedPair, n: int, occupancies: tuple[int, int]) -> Integers:
    """Return the two k: the settings', or a multiple of them where depth is capped.

    Streams cap it. Dependence then puts more than k samples into some of the deepest cells, while
    permuted pairs do not, and their mean corrects too much: by up to 0.02 nats for k = 30, and by
    less the larger k is. So k grows with the mean count of the deepest cells, which keeps the
    resolution where samples are dense; but only while the larger k is a small share of all
    samples.

    Args:
        hashed: The hashed pair.
        n: How many samples are counted.
        occupancies: The two k of the settings.
    """
    if hashed.discrete:
        return np.array([1, 2])  # every cell counts, by eq. 9 itself
    small, large = occupancies
    steps = hashed.grids[0].steps
    factor = 1
    if n > 2 * small << steps:
        full = n / float(hashed.x.n_cells(steps) * hashed.y.n_cells(steps))
        factor = int(max(min(64 * full, 10), min(8 * full, n * WIDEST_CELL / large), 1))
    return np.array([small * factor, large * factor])


def combined(results: list[tuple[int, list[PairEstimate]]], bound: float) -> Found:
    """Add up pairs of sides, average over folds, and bound the value.

    Over independent pairs information adds up; 1 + chi-square, a mean of ratios of densities,
    multiplies. Numbers of cells are those of the strongest pair.

    Args:
        results: For each fold, its number of samples and the estimates of its hashed pairs.
        bound: The largest value.

    Returns:
        The value with its ceiling and statistics.
    """
    total = sum(n for n, _ in results)

    def mean(numbers: list[Any]) -> float:
        pairs = zip(results, numbers, strict=True)
        return float(sum(n / total * number for (n, _), number in pairs))

    first = [parts[0].table for _, parts in results]
    value, null, ceiling = (
        mean([float(np.sum([getattr(p, name) for p in parts])) for _, parts in results])
        for name in ("value", "null", "ceiling")
    )
    stats = {
        "null": null,
        "exceeds_ceiling": max(0.0, value - bound),
        "pairs": mean([len(parts) for _, parts in results]),
        "dimensions_x": mean([sum(p.dimensions[0] for p in parts) for _, parts in results]),
        "dimensions_y": mean([sum(p.dimensions[1] for p in parts) for _, parts in results]),
        "chi_square_ratio": mean(
            [float(np.prod([p.table[0] for p in parts])) for _, parts in results]
        ),
        "chi_square_ratio_debiased": mean(
            [float(np.prod([p.debiased_ratio for p in parts])) for _, parts in results]
        ),
        "chi_square": min(
            mean([float(np.prod([1 + p.chi_square for p in parts])) - 1 for _, parts in results]),
            float(total - 1),
        ),
    }
    names = ("cells_x", "cells_y", "cells_xy", "singleton_fraction", "entropy_x", "entropy_y")
    for place, name in enumerate(names, start=1):
        stats[name] = mean([table[place] for table in first])
    return Found(min(value, bound), ceiling=ceiling, stats=stats)


def _chi_square(counted: Counted, n: int) -> float:
    """Return the chi-square of one pair of sides, less its mean over permutations.

    Its mean over all pairings of the same margins is exactly (K - 1)(L - 1) / (n - 1), for K and L
    cells that are not empty (Haldane 1940). It is scaled as for labels: that of X with itself is
    its number of cells, less one. Cells and ratios are means over the members.
    """
    members = counted.ratios.tolist()
    chance = sum((k - 1) * (other - 1) for _, k, other in members) / len(members) / (n - 1)
    most = sum(min(k, other) for _, k, other in members) / len(members) - 1
    if most - chance <= 1e-12:
        return 0.0
    ratio = sum(ratio for ratio, _, _ in members) / len(members)
    return (ratio - 1 - chance) * most / (most - chance)


def _stored_null(
    hashed: HashedPair,
    first_margins: Margins,
    second_margins: Margins,
    n: int,
    pairs: int,
    ks: Integers,
    seed: int,
) -> Matrix:
    """Return the mean over permutations of the same margins, for each occupancy.

    It depends on the margins' counts alone, which for columns without ties are the same for every
    data set and every pair of directions: such nulls are stored, and so may rest on more
    permutations. The more pairs share one, the more it needs, because its error adds up.
    """
    if max(side.dimensions for side in hashed.sides) > 1:
        repeats = 2 * int(np.clip(FRESH // n, 1, 8))
        # Few permutations: other margins take other ones, or all data would share one error. The
        # digests are summed so that swapping the sides changes nothing.
        own = sum(int(digest(side, np.uint64(n))) for side in (first_margins, second_margins))
        return _null(hashed, first_margins, second_margins, n, repeats, ks, seed + own)
    mixed = np.uint64(n)
    for margins in (first_margins, second_margins):
        mixed = np.uint64(digest(margins, mixed))
    key = (seed, *ks.tolist(), hashed.interleaved, hashed.discrete, n, hashed.grids[0].steps)
    repeats = max(min(EFFORT // n, PAIRINGS) // len(hashed.grids), 2 * pairs)
    if n > ONCE:
        repeats = 1
    if hashed.discrete:
        repeats = max(repeats, 20)
    key = (*key, len(hashed.grids), repeats, int(mixed))
    known = _NULLS.get(key)
    if known is None:
        known = _null(hashed, first_margins, second_margins, n, repeats, ks, seed)
        if len(_NULLS) >= KEPT:
            _NULLS.pop(next(iter(_NULLS)), None)
        _NULLS[key] = known
    return known


def _null(
    hashed: HashedPair,
    first_margins: Margins,
    second_margins: Margins,
    n: int,
    repeats: int,
    ks: Integers,
    seed: int,
) -> Matrix:
    if n > ONCE and len(first_margins) % 2 == 0:  # scales at equal ratios within an octave still
        first_margins, second_margins = first_margins[::2], second_margins[::2]
    coarser, drawn = _thinned(hashed, n)
    steps = max(hashed.grids[0].steps - coarser, 1)
    depths = hashed.steps(hashed.grids[0].steps)
    null: Matrix = shuffled_information(
        first_margins,
        second_margins,
        n,
        np.empty((2, len(first_margins), drawn), hashed.dtype(steps)),
        hashed.bits(steps),
        hashed.low_bits(steps),
        hashed.interleaved,
        depths,
        depths - hashed.steps(steps),
        logarithms(hashed.discrete),
        ks,
        repeats,
        seed,
    )
    # Among labels alone, the mean over permutations is (K_x - 1)(K_y - 1) / 2n.
    return null * drawn / n if hashed.discrete else null


def _thinned(hashed: HashedPair, n: int) -> tuple[int, int]:
    """Return how many steps coarser, and with how many samples, to permute.

    Cells j steps coarser over 4^j times fewer samples (2^j beside labels) are as full, so that the
    mean over permutations is that of all samples, at a bounded cost.
    """
    if hashed.nested == 0:
        return 0, min(n, LABELS_SHUFFLED)
    if n <= SHUFFLED:
        return 0, n
    coarser = int(np.ceil(np.log2(n / SHUFFLED) / hashed.nested))
    return coarser, n >> (hashed.nested * coarser)


def _entropy(counts: Margins) -> float:
    seen = counts[counts > 0]
    n = seen.sum()
    return float(np.log(n) - (seen * np.log(seen)).sum() / n)
