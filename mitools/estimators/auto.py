r"""Mutual information by several estimators, of which held-out evidence picks one.

No estimator is right everywhere: neighbours lose what is spread over many dimensions, correlation
is blind to curves, projections lose what they leave out. All candidates here have one thing in
common: on independent sides they are zero on average, and elsewhere they err downwards. But for
chance, the largest would be the best; yet the largest of several noisy zeros is above zero. A
candidate therefore replaces the first one only if it is higher by three standard errors of the
difference, which the pointwise contributions of both candidates give,

.. math:: \hat I_c - \hat I_0 > 3\, sd_i\big(\iota_c(i) - \iota_0(i)\big) / \sqrt n ,

where the candidate's own :math:`sd_i(\iota_c(i))` counts if it is larger.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mitools.engines.linear.components import Whitened
from mitools.engines.linear.gain import EVIDENCE, certain_gain
from mitools.engines.linear.held_out import HeldOutSide, held_out, two_halves
from mitools.estimators.base import (
    Found,
    Matrix,
    MutualInformationEstimator,
    Orders,
    Prepared,
    check_whole,
)
from mitools.estimators.canonical import Ranks, canonical_terms, local_ksg, normal_terms
from mitools.estimators.ksg import KSG
from mitools.estimators.router import Repeated, for_repeated
from mitools.samples.arrays import paired_samples
from mitools.samples.scaling import drop_constant, standardized

__all__ = ["Auto", "Candidate", "Explanation"]

#: Nonlinear features are made of at most this many columns; of wider sides, of as many principal
#: components.
WIDTH = 64
#: Squared radii, per column, are cut here, so that a few far points do not decide a direction.
FAR = 4.0
#: Above this many joint columns a few points are neighbours of very many.
HUBS = 10
#: Most columns a side that are chosen one by one.
COLUMNS = 3
#: Permutations and samples that show how much that matters.
NULL, NULL_SAMPLES = 10, 1000
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


@dataclass(frozen=True, repr=False)
class Auto(MutualInformationEstimator):
    """I(X; Y) by whichever estimator sees most of it, by held-out evidence.

    Use it when nothing is known of the dependence, and for a first look at any data. Where a
    quarter of the rows of a side have an equal twin, every reading of it that is open is tried:
    numbers, rounded or with atoms (`Mixed`); the names of classes (`Labels`); two sides of such
    (`PlugIn`, corrected for chance). The first is the answer, unless another is clearly above it.
    For continuous sides the candidates are:

    * ``copula``: the normal copula (`GaussianCopula`), if the data are normal enough along their
      canonical directions. Monotone dependence, any width.
    * ``ksg``: `KSG` on standardised columns. Any shape, few dimensions.
    * ``ranked``: `KSG` on the normal quantiles of each column's ranks. Skew and heavy tails.
    * ``canonical``: canonical directions of the ranks, then neighbours (`Canonical`).
    * ``columns``: the one to three columns a side that share most on the other half of the samples
      (up to ten columns in all). Columns without a part in it.
    * ``radial``: the distance of each side from its centre. Common scale, heavy tails, rings.
    * ``squares``: as canonical, of columns, their squares and the log radius. Even dependence.
    * ``swirl``: as canonical, of columns times powers of the radius. Rotation with distance.

    The first trusted one is the answer, unless others are above it by three standard errors of the
    difference: then that with the highest lower limit is. Each learns on one half of the samples
    what it measures on the other, if it learns at all, so none is above zero on average at
    independence; that one of several is taken adds about 0.005 nats there (n = 1000). `explain`
    tells what was picked and why; the statistics hold every candidate's value
    (``candidate_ksg``, ...), and ``picked_<name>`` of the one picked.

    Source: this library's; the parts are from the sources of `KSG`, `GaussianCopula` and
    `Canonical`. Ceiling: that of the part picked. Cost: about 10 times that of KSG in few
    dimensions, 30 times in many. Permutations repeat the choice, as an honest null must; only what
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
        >>> Auto().explain(x, y).picked.name in ("radial", "squares_1", "squares_2")
        True
    """

    k: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        check_whole("k", self.k)

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
        return self._explained(self._prepare(x, y))

    def counterpart(self, discrete: bool, width: int, n_samples: int) -> str:
        """Return "edge": the candidates use neighbours or correlations, and never cells."""
        return "edge"

    def _prepare(self, x: Matrix, y: Matrix) -> _Sides | _Repeated:
        repeated = for_repeated(x, y, self.k, self.seed)
        if repeated is not None:
            return _Repeated(repeated, repeated.prepare(x, y))
        left, right = _Side(x, self.seed), _Side(y, self.seed)
        return _Sides(left, right, self._floors(left, right))

    def _explained(self, prepared: _Sides | _Repeated) -> Explanation:
        if isinstance(prepared, _Sides):
            return _choose(self._candidates(*prepared))
        name, _, values = prepared.estimator.picked(prepared.pair.sides)
        return Explanation(
            tuple(
                Candidate(each, value, 0.0, each == name, "rows that repeat")
                for each, value in values.items()
            ),
            f"{name}: rows repeat, so that at least one side is discrete, or partly so.",
        )

    def _found(self, prepared: _Sides | _Repeated) -> Found:
        if isinstance(prepared, _Repeated):
            name, found, values = prepared.estimator.picked(prepared.pair.sides)
            stats = {f"candidate_{each}": value for each, value in values.items()}
            return replace(found, stats={**found.stats, **stats, f"picked_{name}": 1.0})
        explanation = self._explained(prepared)
        picked = explanation.picked
        stats = {f"candidate_{one.name}": one.value for one in explanation.candidates}
        stats |= {f"picked_{picked.name}": 1.0, "above_first": picked.above}
        neighbors = picked.name in ("ksg", "ranked", "radial")
        ceiling = KSG(k=self.k).ceiling(prepared.x.n_samples) if neighbors else np.inf
        return Found(picked.value, ceiling, stats=stats)

    def _permuted(self, prepared: _Sides | _Repeated, orders: Orders) -> Matrix:
        """Return the values for y permuted by each row; every one repeats the choice."""
        if isinstance(prepared, _Repeated):
            return prepared.pair.permuted(orders)
        x, y, floors = prepared
        permuted = (self._candidates(x, y.reordered(order), floors) for order in orders)
        return np.array([_choose(candidates).picked.value for candidates in permuted])

    def _floors(self, x: _Side, y: _Side) -> dict[str, float]:
        """Return the least standard errors of the neighbour estimates on the data as they are.

        In wide data a few points are neighbours of very many, and the contributions of all samples
        vary together: their spread no longer shows the error, but that of permutations does.
        Nothing here depends on the pairing.
        """
        n, width = x.n_samples, x.standard.shape[1] + y.standard.shape[1]
        if width <= HUBS or 0 in (x.standard.shape[1], y.standard.shape[1]):
            return {}
        rng = np.random.default_rng(self.seed)
        rows = rng.permutation(n)[:NULL_SAMPLES]
        orders = rng.permuted(np.tile(np.arange(len(rows)), (NULL, 1)), axis=1)
        floors = {}
        for name, left, right in (
            ("ksg", x.standard, y.standard),
            ("ranked", x.ranks.normal, y.ranks.normal),
        ):
            null = KSG(k=self.k).prepare(left[rows], right[rows]).permuted(orders)
            floors[name] = float(null.std(ddof=1)) * np.sqrt(len(rows) / n)
        return floors

    def _candidates(self, x: _Side, y: _Side, floors: dict[str, float]) -> Iterator[_Row]:
        """Yield the candidates, the one to beat first."""
        n, k = x.n_samples, self.k
        ksg = _Row("ksg", local_ksg(x.standard, y.standard, k), "any shape, few dimensions")
        if 0 in (x.standard.shape[1], y.standard.shape[1]):
            yield ksg._replace(sees="a constant side")
            return
        ksg = ksg._replace(floor=floors.get("ksg", 0.0))
        narrow = x.standard.shape[1] + y.standard.shape[1] <= HUBS
        first = []
        if n >= HALVES:
            halves = held_out(x.halves_of_ranks, y.ranks.white, self.seed)
            _, trusted, terms = normal_terms(halves, x.ranks, y.ranks, self.seed)
            if trusted:
                first.append(_Row("copula", terms, "monotone dependence, any width"))
            if x.standard.shape[1] + y.standard.shape[1] > 2:
                terms = canonical_terms(halves, n, k, 4)[0]
                first.append(_Row("canonical", terms, "canonical directions"))
        # beside a copula that is not to be trusted, neighbours are the safe choice if they are few
        first.insert(0 if narrow and not (first and first[0].name == "copula") else 1, ksg)
        yield from first
        ranked = local_ksg(x.ranks.normal, y.ranks.normal, k)
        yield _Row("ranked", ranked, "any shape, skew and heavy tails", floors.get("ranked", 0.0))
        if x.standard.shape[1] + y.standard.shape[1] == 2:
            return
        yield _Row("radial", local_ksg(x.radius, y.radius, k), "distance from the centre")
        if n < HALVES:
            return
        if narrow:
            terms = _few_columns(x.ranks.normal, y.ranks.normal, k, self.seed)
            yield _Row("columns", terms, "few of the columns")
        for name, sees, left, right in (
            ("squares", "even dependence", x.halves_of_squares, y.squares),
            ("swirl", "turns with the radius", x.halves_of_swirl, y.swirl),
        ):
            halves = held_out(left, right, self.seed, 2)
            for pairs in range(1, 1 + halves[0].u.shape[1]):
                terms = np.empty(n)
                for half in halves:
                    terms[half.rows] = local_ksg(half.u[:, :pairs], half.v[:, :pairs], k)
                yield _Row(f"{name}_{pairs}", terms, f"{sees}, {pairs} pair{'s' * (pairs > 1)}")


class _Row(NamedTuple):
    """A candidate before the choice: its pointwise contributions, and the least error of it."""

    name: str
    terms: Matrix
    sees: str
    floor: float = 0.0


class _Repeated(NamedTuple):
    """Sides of which one repeats its rows: what takes them, and them made ready."""

    estimator: Repeated
    pair: Prepared


class _Sides(NamedTuple):
    """Both sides, and the least standard errors of the neighbour estimates on them."""

    x: _Side
    y: _Side
    floors: dict[str, float]


class _Side:
    """What the candidates need of one side alone; made when first asked for."""

    def __init__(self, data: Matrix, seed: int) -> None:
        self.data = data
        self.seed = seed
        self.n_samples = len(data)

    def reordered(self, order: NDArray[np.int64]) -> _Side:
        """Return the same for samples in another order, without making anything again."""
        other = _Side(self.data[order], self.seed)
        for name in ("standard", "radius"):
            other.__dict__[name] = getattr(self, name)[order]
        for name in ("ranks", "squares", "swirl"):
            other.__dict__[name] = getattr(self, name).reordered(order)
        return other

    @cached_property
    def standard(self) -> Matrix:
        side = drop_constant(self.data)
        return standardized(side) if side.shape[1] else side

    @cached_property
    def ranks(self) -> Ranks:
        return Ranks.of(self.data)

    @cached_property
    def halves_of_ranks(self) -> HeldOutSide:
        return HeldOutSide.of(self.ranks.white, self.seed)

    @cached_property
    def halves_of_squares(self) -> HeldOutSide:
        return HeldOutSide.of(self.squares, self.seed)

    @cached_property
    def halves_of_swirl(self) -> HeldOutSide:
        return HeldOutSide.of(self.swirl, self.seed)

    @cached_property
    def radius(self) -> Matrix:
        """The log distance from the centre; of a single column, the column itself."""
        normal = self.ranks.normal
        return normal if normal.shape[1] <= 1 else _log_radius(normal)

    @cached_property
    def squares(self) -> Whitened:
        """Columns, their squares and the log radius."""
        normal = self.ranks.normal
        if normal.shape[1] == 0:
            return Whitened(normal)
        columns = _narrow(normal, self.ranks.white)
        return Whitened.of(standardized(np.hstack([columns, columns**2, _log_radius(normal)])))

    @cached_property
    def swirl(self) -> Whitened:
        """Columns, and columns times powers of the squared radius."""
        if self.standard.shape[1] == 0:
            return Whitened(self.standard)
        wide = self.standard.shape[1] > WIDTH
        columns = _narrow(self.standard, Whitened.of(self.standard) if wide else None)
        far = np.minimum((columns**2).mean(axis=1, keepdims=True), FAR)
        return Whitened.of(standardized(np.hstack([columns, columns * far, columns * far**2])))


def _few_columns(x: Matrix, y: Matrix, k: int, seed: int) -> Matrix:
    """Return pointwise contributions to the information of columns chosen on the other half."""
    n = len(x)
    terms = np.empty(n)
    for train, test in two_halves(n, seed):
        left, right = _chosen_columns(x[train], y[train], k)
        terms[test] = local_ksg(x[test][:, left], y[test][:, right], k)
    return terms


def _chosen_columns(x: Matrix, y: Matrix, k: int) -> tuple[list[int], list[int]]:
    """Return the best pair of columns, then those that add to it by two standard errors."""
    pairs = [([i], [j]) for i in range(x.shape[1]) for j in range(y.shape[1])]
    shares = [local_ksg(x[:, left], y[:, right], k) for left, right in pairs]
    best = int(np.argmax([share.mean() for share in shares]))
    chosen, share = pairs[best], shares[best]
    while True:
        larger = [([*chosen[0], i], chosen[1]) for i in range(x.shape[1]) if i not in chosen[0]]
        larger += [(chosen[0], [*chosen[1], j]) for j in range(y.shape[1]) if j not in chosen[1]]
        larger = [each for each in larger if max(map(len, each)) <= COLUMNS]
        if not larger:
            return chosen
        shares = [local_ksg(x[:, left], y[:, right], k) for left, right in larger]
        best = int(np.argmax([each.mean() for each in shares]))
        gain = shares[best] - share
        if gain.mean() < 2 * gain.std() / np.sqrt(len(gain)):
            return chosen
        chosen, share = larger[best], shares[best]


def _narrow(columns: Matrix, white: Whitened | None) -> Matrix:
    """Return at most `WIDTH` columns: leading components, if there are more."""
    if columns.shape[1] <= WIDTH or white is None:
        return columns
    return standardized(white.scores[:, :WIDTH])


def _log_radius(columns: Matrix) -> Matrix:
    squared = (columns**2).sum(axis=1, keepdims=True)
    return 0.5 * np.log(squared + np.finfo(float).tiny)


def _choose(candidates: Iterator[_Row]) -> Explanation:
    """Return the table; picked is the highest lower limit of those clearly above the first."""
    rows = list(candidates)
    first, table, best, limit = rows[0], [], 0, 0.0
    for place, row in enumerate(rows):
        above = float(row.terms.mean() - first.terms.mean())
        # The copula is not the mean of its contributions, and these vary too little to show its
        # error: the candidate's own spread is the least that counts.
        spread = max(float((row.terms - first.terms).std()), float(row.terms.std()))
        error = max(spread / np.sqrt(len(row.terms)), row.floor, first.floor) if place else 0.0
        certain = certain_gain(above, error)
        if certain > limit:
            best, limit = place, certain
        errors = above / error if error > 0 else 0.0
        table.append(Candidate(row.name, float(row.terms.mean()), errors, False, row.sees))
    picked = table[best] = table[best]._replace(picked=True)
    if best:
        reason = (
            f"{picked.name}: {picked.above:.1f} standard errors above {first.name}, and the "
            "highest lower limit of all."
        )
    else:
        reason = f"{picked.name}: no other is {EVIDENCE:g} standard errors above it."
    return Explanation(tuple(table), reason)
