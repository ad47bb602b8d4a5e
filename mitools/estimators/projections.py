"""Canonical directions learned on one half of the samples and applied to the other.

Each side is whitened once, on all samples: that uses no pairing, so it cannot make independent
sides look dependent, and permutations reuse it. Only the directions depend on the pairing; they
come from one half, and only the other half is projected.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh, solve_triangular
from scipy.special import ndtri
from scipy.stats import rankdata

from mitools.base import Matrix

__all__ = ["HeldOut", "Whitened", "held_out", "normal_information"]

#: Canonical pairs projected, at most.
PAIRS = 10
#: Numbers of principal components tried, beside the most allowed: a few suffice for a low-rank
#: signal in wide data, where all of them would drown it.
COMPONENTS = (10, 30, 90)
#: Pairs count for normality if their correlation is this many standard errors, and no accident.
STRONG = 4.0
#: Components are shrunk as if this share of the mean variance were noise.
RIDGE = 1e-3
#: Principal components with this share of the largest variance or less are rounding.
RANK = 1e-10
#: With more components than this many times the pairs, only the leading pairs are worked out; not
#: if the last of them is so small that its square is rounding, relative to that of the first.
FEW, SMALL = 3, 1e-8


@dataclass(frozen=True, eq=False)
class Whitened:
    """Principal components of one side with about unit variance, the largest first.

    Attributes:
        scores: The components, with shape (n, p).
    """

    scores: Matrix
    _factors: dict[tuple[int, bytes], Matrix] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, side: Matrix) -> Whitened:
        """Whiten `side`, shape (n, d): at most min(n - 1, d) components."""
        centred = side - side.mean(axis=0)
        n, d = centred.shape
        tall = n >= d
        values, vectors = np.linalg.eigh(
            (centred.T @ centred if tall else centred @ centred.T) / n
        )
        kept = np.flatnonzero(values > RANK * values[-1])[::-1]
        values, vectors = values[kept], vectors[:, kept]
        scale = np.sqrt(values + RIDGE * values.sum() / min(n, d))
        if tall:
            return cls(centred @ (vectors / scale))
        return cls(vectors * (np.sqrt(n * values) / scale))

    @property
    def kurtosis(self) -> float:
        """Mean fourth power of the length over its value for normal data (Mardia 1970): 1 if so.

        Far above 1 where one component is a function of others, or all share a scale; far below
        for clusters.
        """
        scores = self.scores[:, : max(1, len(self.scores) // 4)]
        squared = (scores**2 / (scores**2).mean(axis=0)).sum(axis=1)
        p = scores.shape[1]
        return float((squared**2).mean() / (p * (p + 2)))

    def factor(self, rows: NDArray[np.int64], size: int) -> Matrix:
        """Return R of the QR decomposition of some rows, centred, of the first components.

        Kept, as permutations ask for the same rows of the side that is not re-paired.
        """
        key = size, rows.tobytes()
        if key not in self._factors:
            self._factors[key] = np.asarray(
                np.linalg.qr(_centred(self.scores[rows, :size]), mode="r")
            )
        return self._factors[key]

    def reordered(self, order: NDArray[np.int64]) -> Whitened:
        """Return the same components for samples in another order."""
        return Whitened(self.scores[order])


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

    rows: NDArray[np.int64]
    u: Matrix
    v: Matrix
    correlations: Matrix
    normality: float


def held_out(x: Whitened, y: Whitened, seed: int, pairs: int = PAIRS) -> list[HeldOut]:
    """Return two halves of the samples, each in canonical directions of the other one.

    Args:
        x: One side.
        y: The other side.
        seed: Seed of the halves.
        pairs: Most pairs.
    """
    n = len(x.scores)
    order = np.random.default_rng([seed, n]).permutation(n)
    first, second = order[: n // 2], order[n // 2 :]
    return [_held_out(x, y, *halves, pairs) for halves in ((first, second), (second, first))]


def normal_information(correlations: Matrix, n_samples: int) -> float:
    """Return the information of independent normal pairs less its bias, in nats."""
    r = np.clip(correlations, 0, 1 - 1e-12)
    return float((-0.5 * np.log1p(-(r**2)) - 0.5 / n_samples).sum())


def _held_out(
    x: Whitened, y: Whitened, train: NDArray[np.int64], test: NDArray[np.int64], pairs: int
) -> HeldOut:
    size = _size(x, y, train, pairs)
    u, v = _projected(x, y, _basis(x, y, train, size), test, size, pairs)
    correlations = (u * v).mean(axis=0)
    strong = correlations > STRONG / np.sqrt(len(test))
    normality = 1.0
    if strong.any():
        ranked = (_normal(u[:, strong]) * _normal(v[:, strong])).mean(axis=0)
        as_found = normal_information(correlations[strong], len(test))
        normality = normal_information(ranked, len(test)) / as_found
    return HeldOut(test, u, v, correlations, normality)


def _size(x: Whitened, y: Whitened, train: NDArray[np.int64], pairs: int) -> int:
    """Return the number of components whose directions predict best within the training half."""
    widest = max(x.scores.shape[1], y.scores.shape[1])
    most = max(1, min(widest, len(train) // 4))
    sizes = sorted({min(size, most) for size in (*COMPONENTS, most)})
    if len(sizes) == 1:
        return sizes[0]
    worth = np.zeros(len(sizes))
    for inner, test in ((train[::2], train[1::2]), (train[1::2], train[::2])):
        basis = _basis(x, y, inner, most)
        for which, size in enumerate(sizes):
            u, v = _projected(x, y, basis, test, size, pairs)
            worth[which] += normal_information((u * v).mean(axis=0), len(u))
    return sizes[int(np.argmax(worth))]


class _Basis(NamedTuple):
    """Triangles that whiten the components on some samples, and their correlations then.

    The upper left corner is that of fewer components.
    """

    r_x: Matrix
    r_y: Matrix
    correlations: Matrix


def _basis(x: Whitened, y: Whitened, train: NDArray[np.int64], size: int) -> _Basis:
    r_x = x.factor(train, size)
    q_y, r_y = np.linalg.qr(_centred(y.scores[train, :size]))
    shared = _centred(x.scores[train, :size]).T @ q_y
    return _Basis(r_x, r_y, solve_triangular(r_x, shared, trans="T", check_finite=False))


def _projected(
    x: Whitened, y: Whitened, basis: _Basis, test: NDArray[np.int64], size: int, pairs: int
) -> tuple[Matrix, Matrix]:
    """Return both sides' projections onto the canonical directions of `size` components."""
    to_u, to_v = _leading(basis.correlations[:size, :size], pairs)
    left = np.linalg.solve(basis.r_x[:size, :size], to_u)
    right = np.linalg.solve(basis.r_y[:size, :size], to_v)
    return _standard(x.scores[test, :size] @ left), _standard(y.scores[test, :size] @ right)


def _leading(block: Matrix, pairs: int) -> tuple[Matrix, Matrix]:
    """Return the leading singular vectors of both sides, as columns."""
    if min(block.shape) > FEW * pairs:  # then most of a full decomposition would be thrown away
        last = len(block) - 1
        values, u = eigh(
            block @ block.T, subset_by_index=[last + 1 - pairs, last], check_finite=False
        )
        if values[0] > SMALL * values[-1]:
            return u[:, ::-1], (block.T @ u / np.sqrt(values))[:, ::-1]
    u, _, v = np.linalg.svd(block, full_matrices=False)
    return u[:, :pairs], v[:pairs].T


def _centred(columns: Matrix) -> Matrix:
    return columns - columns.mean(axis=0)


def _standard(columns: Matrix) -> Matrix:
    centred = _centred(columns)
    spread = np.sqrt((centred**2).mean(axis=0))
    return centred / np.where(spread > 0, spread, 1.0)


def _normal(columns: Matrix) -> Matrix:
    return _standard(np.asarray(ndtri(rankdata(columns, axis=0) / (len(columns) + 1))))
