r"""The released EDGE codes as presets, written from their formulas, faults included.

They exist to reproduce published numbers. For a new measurement use `mitools.EDGE`: these keep
each edge above 0.001 bit and below 10 bits, and their value on independent data grows with the
width.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from mitools._kernels.released import clipped_information, mean_neighbor_distances, row_codes
from mitools.estimators.base import Found, MutualInformationEstimator, Orders, check_whole
from mitools.samples.messages import unknown

__all__ = ["ReleasedEDGE"]

Matrix = NDArray[np.float64]
_Hashes = list[tuple[Matrix, Matrix]]

#: The versions, and the factor each puts on gamma.
VERSIONS = {"4.4.1": 0.4, "4.3.1": 0.9}
#: Columns, on either side, up to which no projection is made.
UNPROJECTED = 6
#: Random points whose neighbours set the bandwidth.
PROBES = 500
#: Each edge's log-ratio is kept at or above this many bits, and at or below `ReleasedEDGE.upper`
#: bits.
FLOOR_BITS = 0.001
#: The members' bandwidths grow from the first to this many times it.
SPAN = 1.1


@dataclass(frozen=True)
class ReleasedEDGE(MutualInformationEstimator):
    r"""EDGE as its released code computes it, in nats: `EDGE.released` or `EDGE.semirobust`.

    When to use it: to reproduce a number published with that code, beside its permutation null. It
    is biased upward everywhere, and above a width of about 20 it does not depend on the pairing at
    all.

    Source: Noshad, Zeng and Hero (2019), "Scalable mutual information estimation using dependence
    graphs", equations 9 and 12; the constants (0.43, 2/3, 0.17, 18, 15, 0.4, ...) are the code's
    and have no source. For each side, with r hashed coordinates of d columns and n samples:

    1. Up to 6 columns on both sides: none. Else r = min(d, floor(log2(n/10))) Gaussian directions,
       :math:`W_{ij} \sim N(0, 1 / (s_i^2 d))`, with s_i = 1 for columns with standard deviation
       below 1e-4.
    2. :math:`k = \lfloor 0.43\, n^{2/3 + 0.17 r/(r+1)} \rfloor`, and e = the mean distance of 500
       random points to their k-th neighbour (counting themselves) in that coordinate, + 1e-4.
       Bandwidth :math:`\epsilon = e \gamma\, 18 r / (1 + \ln d)` (3 r before 4.4), with gamma
       times 0.4 (0.9 in 4.3.1).
    3. Cells :math:`\lfloor (x + b)/\epsilon \rfloor`, with b = (j/L) eps for member j, or 0.1
       U(0,1) eps.
    4. :math:`\frac1n \sum N_{ij} \min(\max(\log_2 \frac{N_{ij} n}{N_i M_j}, 0.001), U)`; the
       median over members with eps times 1 to 1.1.
    5. With `normalize_epsilon`, once more with gamma times :math:`2^{-\sqrt{2I} + 1/(2I)}` (I in
       bits).

    Ceiling: min(U, log2 n) bits. Cost: O(n log n) for sorting each hashed coordinate, then O(L n).

    Attributes:
        version: ``"4.4.1"`` or ``"4.3.1"``.
        members: L, the size of the ensemble.
        normalize_epsilon: Whether a second pass rescales the bandwidth by the first pass's value.
        stochastic: Random shifts in place of a grid of them.
        gamma: The factor on every bandwidth.
        upper: U, the upper clip of each edge, in bits.
        seed: For directions, probes and shifts.
    """

    version: str = "4.4.1"
    members: int = 10
    normalize_epsilon: bool = True
    stochastic: bool = False
    gamma: float = 1.0
    upper: float = 10.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.version not in VERSIONS:
            raise ValueError(unknown("version", self.version, VERSIONS))
        check_whole("members", self.members)
        check_whole("seed", self.seed, 0)
        if not (self.gamma > 0 and self.upper > 0):
            raise ValueError(
                f"`gamma` and `upper` must be positive, got {self.gamma} and {self.upper}."
            )

    def __repr__(self) -> str:
        if replace(self, version="4.4.1", seed=0) == _SEMIROBUST and self.version == "4.4.1":
            return "EDGE.semirobust()" if self.seed == 0 else f"EDGE.semirobust(seed={self.seed})"
        text = f'EDGE.released("{self.version}"'
        for name in ("members", "normalize_epsilon", "stochastic", "gamma", "upper", "seed"):
            if getattr(self, name) != getattr(ReleasedEDGE, name):
                text += f", {name}={getattr(self, name)}"
        return text + ")"

    def ceiling(self, n_samples: int) -> float:
        """Return ln n, or the upper clip of 10 bits above 1024 samples."""
        return float(min(np.log(n_samples), self.upper * np.log(2)))

    def minimum_samples(self) -> int:
        """Return 2; wide sides need 20, which is checked once the width is known."""
        return 2

    def fit_hash(self, *args: Any, **settings: Any) -> NoReturn:
        """Refuse: the bandwidths of the released code follow from all samples at once."""
        raise TypeError(
            f"{self!r} cannot count chunks: its bandwidths follow from all samples at once. Fix "
            "the hash of EDGE() instead, or estimate on a sample of rows in memory."
        )

    def nearby(self) -> Mapping[str, ReleasedEDGE]:
        """Return half and twice the factor on the bandwidths."""
        gammas = (self.gamma / 2, self.gamma * 2)
        return {f"gamma={gamma:g}": replace(self, gamma=gamma) for gamma in gammas}

    def _prepare(self, x: Matrix, y: Matrix) -> _Hashes:
        """Return each side's hashed coordinates, shape (n, r), and bandwidths, shape (r,)."""
        projected = self.version == "4.3.1" or max(x.shape[1], y.shape[1]) > UNPROJECTED
        return [self._hashed(rows, projected, number) for number, rows in enumerate((x, y))]

    def _found(self, prepared: _Hashes) -> Found:
        bits, stats = self._members(prepared, None)
        if self.normalize_epsilon:
            bits, stats = self._members(prepared, None, self._rescaled(bits))
        return Found(bits * float(np.log(2)), stats=stats)

    def _permuted(self, prepared: _Hashes, orders: Orders) -> Matrix:
        values = np.empty(len(orders))
        for b, order in enumerate(orders):
            bits, _ = self._members(prepared, order)
            if self.normalize_epsilon:
                bits, _ = self._members(prepared, order, self._rescaled(bits))
            values[b] = bits * np.log(2)
        return values

    def _rescaled(self, bits: float) -> float:
        """Return the second pass's factor on the bandwidth; the version's own applies again."""
        with np.errstate(over="ignore"):
            factor = np.exp2(-np.sqrt(2 * bits) + 0.5 / bits)
        return float(VERSIONS[self.version] * factor)

    def _hashed(self, rows: Matrix, projected: bool, number: int) -> tuple[Matrix, Matrix]:
        n, d = rows.shape
        r = d
        rng = np.random.default_rng([self.seed, number])
        if projected:
            r = min(d, int(np.floor(np.log2(n / 10))))
            if r < 1:
                raise ValueError(
                    f"{self!r} needs at least 20 samples for data it projects, got {n}: it "
                    "hashes floor(log2(n/10)) directions, and none is left. Pass more samples, or "
                    "merge small labels."
                )
            spread = rows.std(axis=0)
            spread[spread < 1e-4] = 1.0
            directions = rng.normal(size=(d, r)) / (spread[:, None] * np.sqrt(d))
            rows = rows @ directions
        k = max(int(np.floor(0.43 * n ** (2 / 3 + 0.17 * r / (r + 1)))), 1)
        probes = rng.integers(n, size=PROBES)
        ordered = np.sort(rows, axis=0)
        distances = np.array(
            [
                mean_neighbor_distances(np.ascontiguousarray(ordered[:, j]), rows[probes, j], k)
                for j in range(r)
            ]
        )
        widening = 18 * r / (1 + np.log(d)) if self.version == "4.4.1" else 3 * r
        return rows, (distances + 1e-4) * (self.gamma * VERSIONS[self.version] * widening)

    def _members(
        self,
        sides: _Hashes,
        order: NDArray[np.int64] | None,
        scale: float = 1.0,
    ) -> tuple[float, dict[str, float]]:
        """Return the median over the ensemble in bits, and the mean statistics of its members."""
        rng = np.random.default_rng([self.seed, 2])
        values, seen = [], []
        for member, step in enumerate(np.linspace(1, SPAN, self.members)):
            labels = []
            for rows, bandwidths in sides:
                eps = bandwidths * (scale * step)
                if self.stochastic:
                    shift = 0.1 * rng.random(len(eps)) * eps
                else:
                    shift = member / self.members * eps
                _, label, counts = np.unique(
                    row_codes(np.floor((rows + shift) / eps)),
                    return_inverse=True,
                    return_counts=True,
                )
                labels.append((label, counts))
            (x_label, x_counts), (y_label, y_counts) = labels
            joint = x_label * len(y_counts) + (y_label if order is None else y_label[order])
            joint.sort()
            n = len(joint)
            value, cells, alone = clipped_information(
                joint, x_counts, y_counts, n, FLOOR_BITS, self.upper
            )
            values.append(value)
            entropies = [_entropy(counts) for counts in (x_counts, y_counts)]
            seen.append((len(x_counts), len(y_counts), cells, alone / n, *entropies))
        names = ("cells_x", "cells_y", "cells_xy", "singleton_fraction", "entropy_x", "entropy_y")
        stats = dict(zip(names, (float(m) for m in np.mean(seen, axis=0)), strict=True))
        stats["dimensions_x"], stats["dimensions_y"] = (float(len(eps)) for _, eps in sides)
        return float(np.median(values)), stats

    @classmethod
    def released(cls, version: str = "4.4.1") -> ReleasedEDGE:
        """Return the code's default arguments in one of its versions."""
        return cls(version=version)

    @classmethod
    def semirobust(cls) -> ReleasedEDGE:
        """Return the call behind the published rho: 4.4.1, one member, random shifts, one pass."""
        return _SEMIROBUST


_SEMIROBUST = ReleasedEDGE(members=1, normalize_epsilon=False, stochastic=True)


def _entropy(counts: NDArray[np.int64]) -> float:
    """Return the plug-in entropy of counts, in nats."""
    n = counts.sum()
    return float(np.log(n) - (counts * np.log(counts)).sum() / n)
