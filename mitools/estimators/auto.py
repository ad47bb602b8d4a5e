r"""Mutual information by several estimators, of which held-out evidence picks one.

No estimator is right everywhere: neighbours lose what is spread over many dimensions, correlation
is blind to curves, projections lose what they leave out. All candidates here have one thing in
common: on independent sides they are zero on average, and elsewhere they err downwards. So the
largest is the best, were it not for chance: the largest of several noisy zeros is above zero. A
candidate therefore replaces the first one only if it is higher by 2.5 standard errors of the
difference, which both candidates' shares per sample give,

.. math:: \hat I_c - \hat I_0 > 2.5\, sd_i\big(\iota_c(i) - \iota_0(i)\big) / \sqrt n .
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mitools._arrays import paired_samples
from mitools._preparation import drop_constant, standardized, twin_rows
from mitools.base import Estimate, Matrix, MutualInformationEstimator
from mitools.estimators.canonical import canonical_terms, local_ksg, normal_terms
from mitools.estimators.discrete import PlugIn
from mitools.estimators.gaussian import rank_normal
from mitools.estimators.ksg import KSG
from mitools.estimators.labels import Labels
from mitools.estimators.mixed import Mixed
from mitools.estimators.projections import Whitened, held_out

__all__ = ["Auto", "Candidate", "Explanation"]

#: A candidate may replace the first one if it is this many standard errors of the difference
#: above it.
EVIDENCE = 2.5
#: A side is discrete if each of its rows occurs this often on average.
REPEATS = 10
#: A side is partly discrete if this share of its rows has an equal twin.
TIED = 0.25
#: Nonlinear features are made of at most this many columns; of wider sides, of as many principal
#: components.
WIDTH = 64
#: Squared radii, per column, are cut here, so that a few far points do not decide a direction.
FAR = 4.0
#: Fewest samples for the candidates that halve the data.
HALVES = 100


class Candidate(NamedTuple):
    """One estimate, in nats, beside the first of its table.

    Attributes:
        name: Its name, as in the statistics.
        value: The estimate.
        above: How far it is above the first candidate, in standard errors of the difference.
        picked: Whether its value is the answer.
        sees: What it is for.
    """

    name: str
    value: float
    above: float
    picked: bool
    sees: str


@dataclass(frozen=True)
class Explanation:
    """What `Auto` tried, what it picked, and why; `str` of it is a table.

    Attributes:
        candidates: All of them, the one that had to be beaten first.
        reason: Why the picked one was picked, in a sentence.
    """

    candidates: tuple[Candidate, ...]
    reason: str

    @property
    def picked(self) -> Candidate:
        """The candidate whose value is the answer."""
        return next(candidate for candidate in self.candidates if candidate.picked)

    def __str__(self) -> str:
        lines = [f"  {'candidate':<12}{'nats':>8}{'above first':>13}  sees"]
        lines += [
            f"{'*' if one.picked else ' '} {one.name:<12}{one.value:>8.3f}"
            f"{one.above:>10.1f} se  {one.sees}"
            for one in self.candidates
        ]
        return "\n".join([*lines, self.reason])


@dataclass(frozen=True)
class Auto(MutualInformationEstimator):
    """I(X; Y) by whichever estimator sees most of it, by held-out evidence.

    Use it when nothing is known of the dependence, and for a first look at any data. Discrete
    sides (each row occurring ten times on average) go to `Labels`, or to `PlugIn` if both are;
    partly discrete ones (a quarter of the rows have an equal twin) to `Mixed`. For continuous
    sides the candidates are:

    * ``copula``: the normal copula (`GaussianCopula`), if the data are normal enough along their
      canonical directions. Monotone dependence, any width.
    * ``ksg``: `KSG` on standardised columns. Any shape, few dimensions.
    * ``ranked``: `KSG` on the normal quantiles of each column's ranks. Skew and heavy tails.
    * ``canonical``: canonical directions of the ranks, then neighbours (`Canonical`).
    * ``radial``: the distance of each side from its centre. Common scale, heavy tails, rings.
    * ``squares``: as canonical, of columns, their squares and the log radius. Even dependence.
    * ``swirl``: as canonical, of columns times powers of the radius. Rotation with distance.

    The first trusted one is the answer, unless others are above it by 2.5 standard errors of the
    difference: then that with the highest lower limit is. Each learns on one half of the samples
    what it measures on the other, if it learns at all, so none is above zero on average at
    independence; that the largest of them is taken adds less than 0.01 nats there. `explain` tells
    what was picked and why; the statistics hold every candidate's value (``candidate_ksg``, ...),
    and ``picked_<name>`` of the one picked.

    Source: this library's; the parts are from the sources of `KSG`, `GaussianCopula` and
    `Canonical`. Ceiling: that of the part picked. Cost: about 20 times that of KSG in few
    dimensions, 5 times in many. Permutations repeat the choice, as an honest null must; only what
    concerns one side alone is reused.

    Attributes:
        k: Neighbours, as in `KSG`.
        seed: Seed of the halves.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> angle, radius = rng.uniform(0, 2 * np.pi, 1000), rng.gamma(9.0, size=1000)
        >>> x = np.c_[np.cos(angle), np.sin(angle)] * radius[:, None]
        >>> y = radius + rng.normal(size=1000)  # only the distance from 0 matters
        >>> Auto().explain(x, y).picked.name
        'radial'
    """

    k: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ValueError(f"`k` must be at least 1, got {self.k}.")

    def minimum_samples(self) -> int:
        """Return k + 1, as `KSG`, and at least 6."""
        return max(6, self.k + 1)

    def ceiling(self, n_samples: int) -> float:
        """Return infinity; that of the part picked is `Estimate.ceiling`."""
        return float(np.inf)

    def explain(self, x: Any, y: Any) -> Explanation:
        """Return every candidate's estimate, the one picked, and why.

        Args:
            x: Samples of X, as in `estimate`.
            y: Paired samples of Y.
        """
        x, y = paired_samples(x, y)
        other = self._for_discrete(x, y)
        if other is not None:
            estimate = other._checked(x, y)
            name = type(other).__name__.lower()
            return Explanation(
                (Candidate(name, estimate.value, 0.0, True, "discrete sides"),),
                f"{name}: at least one side is discrete, or partly so (repeated rows).",
            )
        return _choose(self._candidates(_Side(x), _Side(y)), len(x))

    def _estimate(self, x: Matrix, y: Matrix) -> tuple[float, dict[str, float]]:
        other = self._for_discrete(x, y)
        if other is not None:
            estimate: Estimate = other._checked(x, y)
            name = type(other).__name__.lower()
            return estimate.value, {
                **estimate.stats,
                "ceiling": estimate.ceiling,
                f"picked_{name}": 1.0,
            }
        explanation = _choose(self._candidates(_Side(x), _Side(y)), len(x))
        stats = {f"candidate_{one.name}": one.value for one in explanation.candidates}
        picked = explanation.picked
        stats |= {f"picked_{picked.name}": 1.0, "evidence": picked.above}
        if picked.name in ("ksg", "ranked", "radial"):
            stats["ceiling"] = KSG(k=self.k).ceiling(len(x))
        return picked.value, stats

    def _permuted(self, x: Matrix, y: Matrix, permutations: NDArray[np.int64]) -> Matrix:
        """Return the estimates for y re-paired by each row; every one repeats the choice."""
        other = self._for_discrete(x, y)
        if other is not None:
            return other._permuted(x, y, permutations)
        left, right = _Side(x), _Side(y)
        return np.array(
            [
                _choose(self._candidates(left, right.reordered(order)), len(x)).picked.value
                for order in permutations
            ]
        )

    def _for_discrete(self, x: Matrix, y: Matrix) -> MutualInformationEstimator | None:
        """Return the estimator for these sides if one is discrete at least in part."""
        tied = [float(twin_rows(side).mean()) for side in (x, y)]
        discrete = [
            share > TIED and len(np.unique(side, axis=0)) * REPEATS <= len(side)
            for side, share in zip((x, y), tied, strict=True)
        ]
        if all(discrete):
            return PlugIn()
        if any(discrete):
            return _LabelsEitherSide(discrete[0], self.seed)
        return Mixed() if max(tied) > TIED else None

    def _candidates(self, x: _Side, y: _Side) -> Iterator[tuple[str, Matrix, str]]:
        """Yield each candidate's name, its shares per sample (their mean is it), and its use."""
        n, k = x.n_samples, self.k
        if 0 in (x.standard.shape[1], y.standard.shape[1]):
            yield "ksg", np.zeros(n), "a constant side"
            return
        wide = max(x.standard.shape[1], y.standard.shape[1]) > 1
        if n >= HALVES:
            halves = held_out(x.linear, y.linear, self.seed)
            _, trusted, terms = normal_terms(halves, x.data, y.data, self.seed)
            if trusted:
                yield "copula", terms, "monotone dependence, any width"
        yield "ksg", local_ksg(x.standard, y.standard, k), "any shape, few dimensions"
        yield "ranked", local_ksg(x.ranked, y.ranked, k), "the same, skew and heavy tails"
        if not wide:
            return
        yield "radial", local_ksg(x.radius, y.radius, k), "distance from the centre"
        if n < HALVES:
            return
        yield "canonical", canonical_terms(halves, n, k, 4)[0], "canonical directions"
        for name, use in (("squares", "even dependence"), ("swirl", "turns with the radius")):
            views = getattr(x, name), getattr(y, name)
            for pairs in (1, 2):
                terms = np.empty(n)
                for half in held_out(*views, self.seed, pairs):
                    terms[half.rows] = local_ksg(half.u, half.v, k)
                yield f"{name}_{pairs}", terms, f"{use}, {pairs} pair{'s' * (pairs > 1)}"


@dataclass(frozen=True)
class _LabelsEitherSide(MutualInformationEstimator):
    """`Labels` with the discrete side in y."""

    swapped: bool
    seed: int

    def _estimate(self, x: Matrix, y: Matrix) -> tuple[float, dict[str, float]]:
        return Labels(seed=self.seed)._estimate(*((y, x) if self.swapped else (x, y)))

    def ceiling(self, n_samples: int) -> float:
        return Labels().ceiling(n_samples)


class _Side:
    """What the candidates need of one side alone; made when first asked for."""

    def __init__(self, data: Matrix) -> None:
        self.data = data
        self.n_samples = len(data)

    def reordered(self, order: NDArray[np.int64]) -> _Side:
        """Return the same for samples in another order, without making anything again."""
        other = _Side(self.data[order])
        for name in ("standard", "ranked", "radius"):
            other.__dict__[name] = getattr(self, name)[order]
        if self.n_samples >= HALVES and self.standard.shape[1]:
            for name in ("linear", "squares", "swirl"):
                other.__dict__[name] = getattr(self, name).reordered(order)
        return other

    @cached_property
    def standard(self) -> Matrix:
        side = drop_constant(self.data)
        return standardized(side) if side.shape[1] else side

    @cached_property
    def ranked(self) -> Matrix:
        side = drop_constant(self.data)
        return rank_normal(side) if side.shape[1] else side

    @cached_property
    def radius(self) -> Matrix:
        """The log distance from the centre; of a single column, the column itself."""
        if self.ranked.shape[1] <= 1:
            return self.ranked
        return _log_radius(self.ranked)

    @cached_property
    def linear(self) -> Whitened:
        return Whitened.of(self.ranked)

    @cached_property
    def squares(self) -> Whitened:
        columns = _narrow(self.ranked)
        return Whitened.of(
            standardized(np.hstack([columns, columns**2, _log_radius(self.ranked)]))
        )

    @cached_property
    def swirl(self) -> Whitened:
        columns = _narrow(self.standard)
        far = np.minimum((columns**2).mean(axis=1, keepdims=True), FAR)
        return Whitened.of(standardized(np.hstack([columns, columns * far, columns * far**2])))


def _narrow(columns: Matrix) -> Matrix:
    """Return at most `WIDTH` columns: principal components, if there are more."""
    if columns.shape[1] <= WIDTH:
        return columns
    centred = columns - columns.mean(axis=0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    return standardized(u[:, :WIDTH] * s[:WIDTH])


def _log_radius(columns: Matrix) -> Matrix:
    squared = (columns**2).sum(axis=1, keepdims=True)
    return 0.5 * np.log(squared + np.finfo(float).tiny)


def _choose(candidates: Iterator[tuple[str, Matrix, str]], n_samples: int) -> Explanation:
    """Return the table; picked is the highest lower limit of those clearly above the first."""
    rows: list[Candidate] = []
    first, best, limit = None, 0, 0.0
    for name, terms, sees in candidates:
        value = float(terms.mean())
        if first is None:
            first = terms
        above = value - float(first.mean())
        error = float((terms - first).std()) / np.sqrt(n_samples)
        if above - EVIDENCE * error > limit:
            best, limit = len(rows), above - EVIDENCE * error
        rows.append(Candidate(name, value, above / error if error > 0 else 0.0, False, sees))
    rows[best] = rows[best]._replace(picked=True)
    picked = rows[best]
    if best:
        reason = (
            f"{picked.name}: {picked.above:.1f} standard errors above {rows[0].name}, and the "
            "most that is certain."
        )
    else:
        reason = (
            f"{picked.name}: no other candidate is clearly above it ({EVIDENCE} standard errors)."
        )
    return Explanation(tuple(rows), reason)
