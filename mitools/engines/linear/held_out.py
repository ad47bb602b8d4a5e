"""Canonical directions learned on one half of the samples and applied to the other.

What is fitted to a pairing finds dependence in noise: with d columns a side and n = 4 d
independent samples, the first canonical correlation is near 1. So only rows that did not choose a
direction are projected onto it. Each side is rotated to its components once, on all samples: that
uses no pairing, so it cannot make independent sides look dependent, and permutations reuse it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from mitools._kernels.cells.projection import project
from mitools.engines.linear.canonical import Pairing, centred, triangle
from mitools.engines.linear.components import Whitened
from mitools.engines.linear.ties import even, pair_signs
from mitools.samples.arrays import Matrix
from mitools.samples.scaling import first_twins

__all__ = ["HeldOut", "HeldOutSide", "held_out", "normal_information", "two_halves"]

Rows = NDArray[np.int64]

#: Canonical pairs projected, at most.
PAIRS = 10
#: Numbers of principal components tried, beside the most allowed: a few suffice for a low-rank
#: signal in wide data, where all of them would drown it.
COMPONENTS = (10, 30, 90)
#: The most allowed is one for so many samples that directions are learned on.
SAMPLES_EACH = 4
#: Pairs count for normality if their correlation is this many standard errors, and no accident.
STRONG = 4.0
#: Standardised projections closer than this in every sample are one and the same.
SAME = 1e-9


def two_halves(n: int, seed: int) -> list[tuple[Rows, Rows]]:
    """Return the rows to learn on and the rows to apply it to, twice.

    Args:
        n: Number of samples.
        seed: Seed of the halves.
    """
    order = np.random.default_rng([seed, n]).permutation(n)
    first, second = order[: n // 2], order[n // 2 :]
    return [(first, second), (second, first)]


class _Lesson(NamedTuple):
    """Rows that directions are learned on, rows that they are applied to, and x's triangle."""

    train: Rows
    test: Rows
    triangle: Matrix


class _Half(NamedTuple):
    """One half's directions for the other, and the lessons within it that choose their number."""

    whole: _Lesson
    within: tuple[_Lesson, _Lesson]


@dataclass(frozen=True, eq=False)
class HeldOutSide:
    """One side with everything that its halves need before the other side is known.

    Attributes:
        scores: Its components with about unit variance, the largest first, with shape (n, p).
        ridge: Variance added to each component, as a half may lack what the whole has.
        repeats: Whether some row occurs twice.
        halves: Both halves.
    """

    scores: Matrix
    ridge: float
    repeats: bool
    halves: tuple[_Half, ...]

    @classmethod
    def of(cls, side: Whitened, seed: int, ridge: float = 0.0) -> HeldOutSide:
        """Prepare one side.

        Args:
            side: Its components.
            seed: Seed of the halves.
            ridge: As above.

        Returns:
            The side, with what each half gives.
        """
        halves = []
        for train, test in two_halves(len(side.scores), seed):
            size = _most(len(train))

            def lesson(fit: Rows, check: Rows, size: int = size) -> _Lesson:
                return _Lesson(fit, check, triangle(centred(side.scores[fit, :size]), ridge))

            even, odd = train[::2], train[1::2]
            halves.append(_Half(lesson(train, test), (lesson(even, odd), lesson(odd, even))))
        return cls(side.scores, ridge, first_twins(side.scores) is not None, tuple(halves))

    def paired(self, y: Whitened, pairs: int) -> list[tuple[Rows, Matrix, Matrix]]:
        """Return each half's rows along the canonical directions that the other half chose.

        How many components the directions may use is chosen within the half that learns them.

        Args:
            y: The components of the other side.
            pairs: Most pairs of directions.

        Returns:
            For each half its rows, with shape (m,), and the projections of x and of y,
            standardised, with shape (m, r), the strongest pair first.
        """
        repeats = first_twins(y.scores) is not None
        found = []
        for half in self.halves:
            widest = max(self.scores.shape[1], y.scores.shape[1])
            most = max(1, min(widest, _most(len(half.whole.train))))
            sizes = sorted({min(size, most) for size in (*COMPONENTS, most)})
            if len(sizes) > 1:
                worth = np.zeros(len(sizes))
                for lesson in half.within:
                    tried = self._projected(lesson, y.scores, repeats, sizes, pairs)
                    worth += [normal_information((u * v).mean(axis=0), len(u)) for u, v in tried]
                sizes = [sizes[int(np.argmax(worth >= worth.max() - SAME))]]
            u, v = self._projected(half.whole, y.scores, repeats, sizes, pairs)[0]
            found.append((half.whole.test, u, v))
        return found

    def _projected(
        self, lesson: _Lesson, y: Matrix, repeats: bool, sizes: list[int], pairs: int
    ) -> list[tuple[Matrix, Matrix]]:
        """Return the test rows' projections for each number of components."""
        most, (train, test, r_x) = sizes[-1], lesson
        left, right = (centred(scores[train, :most]) for scores in (self.scores, y))
        pairing = Pairing.of(left, r_x[:most, :most], right, self.ridge)
        found = []
        for size in sizes:
            to_u, to_v = pairing.directions(size, pairs)
            u = _standard(project(self.scores[test, :size], to_u))
            v = _standard(project(y[test, :size], to_v))
            u, v = even(u) if self.repeats else u, even(v) if repeats else v
            # where one side determines the other, neighbours must not depend on the rounding
            same = (np.abs(u - v) < SAME).all(axis=0)
            signs = pair_signs(u, v)
            found.append((u * signs, np.where(same, u, v) * signs))
        return found


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Canonical pairs on the half of the samples that did not choose them.

    Attributes:
        rows: The samples, with shape (m,).
        u: Projections of x, standardised, with shape (m, r); the strongest pair first.
        v: Projections of y, likewise.
        correlations: Correlation of each pair on these samples, with shape (r,); chance makes it
            negative as often as not.
        normality: How much of the pairs' information as normal data is left once each projection
            is made normal by its ranks; 1 for normal data, and where there is none.
    """

    rows: Rows
    u: Matrix
    v: Matrix
    correlations: Matrix
    normality: float

    @classmethod
    def of(cls, rows: Rows, u: Matrix, v: Matrix) -> HeldOut:
        """Describe the projections of one half."""
        correlations = (u * v).mean(axis=0)
        strong = correlations > STRONG / np.sqrt(len(rows))
        normality = 1.0
        if strong.any():
            ranked = (_normal(u[:, strong]) * _normal(v[:, strong])).mean(axis=0)
            as_found = normal_information(correlations[strong], len(rows))
            normality = normal_information(ranked, len(rows)) / as_found
        return cls(rows, u, v, correlations, normality)


def held_out(
    x: Whitened | HeldOutSide, y: Whitened, seed: int, pairs: int = PAIRS
) -> list[HeldOut]:
    """Return two halves of the samples, each in canonical directions of the other one.

    Args:
        x: One side; prepared already, where it meets many pairings of the other.
        y: The other side.
        seed: Seed of the halves; that of a side prepared already is its own.
        pairs: Most pairs.
    """
    side = x if isinstance(x, HeldOutSide) else HeldOutSide.of(x, seed)
    return [HeldOut.of(*half) for half in side.paired(y, pairs)]


def normal_information(correlations: Matrix, n_samples: int) -> float:
    """Return the information of independent normal pairs less its bias, in nats.

    Args:
        correlations: Correlation of each pair; negative ones are chance, and count as 0.
        n_samples: How many samples they are taken from.
    """
    r = np.clip(correlations, 0, 1 - 1e-12)
    return float((-0.5 * np.log1p(-(r**2)) - 0.5 / n_samples).sum())


def _most(n_train: int) -> int:
    """Return how many components a side may have, for so many samples to learn on."""
    return max(1, n_train // SAMPLES_EACH)


def _standard(columns: Matrix) -> Matrix:
    columns = centred(columns)
    spread = np.sqrt((columns**2).mean(axis=0))
    return columns / np.where(spread > 0, spread, 1.0)


def _normal(columns: Matrix) -> Matrix:
    from scipy.stats import rankdata  # here: it is slow to import

    return _standard(np.asarray(ndtri(rankdata(columns, axis=0) / (len(columns) + 1))))
