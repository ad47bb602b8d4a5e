r"""EDGE: mutual information from hashed cells, in time linear in the number of samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mitools.engines.cells.correction import Correction, combined, occupancies_for
from mitools.engines.cells.pair import Counted, HashedPair, Placed
from mitools.engines.cells.sides import Grid, Side
from mitools.engines.cells.state import CountState
from mitools.engines.linear.directions import (
    WIDEST,
    CanonicalDirections,
    mixed_down,
    usable_columns,
)
from mitools.estimators.base import (
    Estimate,
    Found,
    MutualInformationEstimator,
    check_whole,
    has_views,
    narrowed,
)
from mitools.estimators.released import ReleasedEDGE
from mitools.samples.arrays import paired_samples
from mitools.samples.messages import removed, unknown
from mitools.samples.scaling import varying_columns

__all__ = ["EDGE"]

Matrix = NDArray[np.float64]
Rows = NDArray[np.int64]

PROJECTIONS = ("auto", "canonical", "none")
#: Up to this width on both sides, ``projection="auto"`` hashes the columns themselves.
NARROW = 3
#: Each side is halved this often at most: 65 536 cells, which resolve up to 11 nats.
FINEST = 16
#: More halvings of a side would take gigabytes.
DEEPEST = 20
#: A stream's cells are halved this often by default: 4^9 = 262 144 joint cells per member bound
#: its memory.
STREAM_STEPS = 9


_Folds = list[tuple[slice, tuple[HashedPair, ...]]]


class _Hashed(NamedTuple):
    """Both sides as they are hashed, and the hashed pairs of each fold of rows."""

    x: Matrix
    y: Matrix
    folds: _Folds


#: What to do instead of settings that there were.
REMOVED = {
    "divergence": "EDGE is in nats alone. The chi-square form of the same cells is "
    '`EDGE().estimate(x, y).stats["chi_square"]`; for discrete data there is '
    'PlugIn(divergence="chi-square"), with its null.',
}


@removed(**REMOVED)
@dataclass(frozen=True, repr=False)
class EDGE(MutualInformationEstimator):
    r"""Ensemble dependency graph estimator: counts of hashed cells, corrected by permutations.

    When to use it: many samples (it is linear in n), streams and sums over machines (`fit_hash`),
    wide data with a linear core, and quick permutation nulls. KSG is as good or better for a few
    thousand samples in two to five dimensions with curved dependence.

    **Hash.** Each coordinate becomes its quantile u in (0, 1), by its own side's samples alone,
    which makes the estimate invariant to increasing maps of single columns. Member m of the
    ensemble hashes u to :math:`H_1(u) = \lfloor (u + b_m)/\epsilon \rfloor` (Noshad, Zeng and Hero
    2019, section 3) for a chain of nested bandwidths :math:`\epsilon = \epsilon_m, \epsilon_m/2,
    \ldots`; cells are exact, with no second hash. Discrete sides use one cell per distinct row.

    **Count.** With :math:`N_i, M_j, N_{ij}` samples in the cells (their eq. 6-8), a sample adds
    :math:`\psi(N_{ij}) - \psi(N_i) - \psi(M_j) + \psi(n)` at the smallest joint cell that holds at
    least k samples: the bandwidth is chosen sample by sample, as KSG chooses its radius. Digamma
    replaces the logarithm of their eq. 9 because a logarithm of a small count is biased. Two
    discrete sides use eq. 9 with logarithms.

    **Correct.** From each member its mean over permutations is subtracted, which is exactly 0
    on average for independent data of any width. The two `occupancies` k are then combined so that
    a smoothing bias in proportion to :math:`\epsilon^2 \propto k^{2/d}`, d = d_x + d_y, cancels:
    the idea of their eq. 12-14, with two members whose weights stay below 3, because the
    equation's own weights amplify noise. With labels on a side, the correction is scaled as in
    adjusted mutual information (Vinh et al. 2010, eq. 3), so that I(X; X) = H(X) for discrete X.

    **Wide data.** Above three columns, directions come from canonical correlation analysis on one
    half of the samples and are hashed on the other half, in turn; the estimate is the sum over the
    pairs of directions that correlate significantly, but for those that are curved functions of
    stronger ones. For independent data it is still 0 on average. The sum is a lower bound where
    the canonical variates of either side are independent (as for Gaussians), and misses what is
    not linear at all.

    **Labels.** A discrete side beside a wide continuous one is seen along log2(n)/4 discriminant
    directions at most. For many classes use `Labels`: of 100 classes some eleven standard
    deviations apart in 64 dimensions (4.6 nats) EDGE finds 1.5 in 5000 samples.

    **Chi-square.** ``stats["chi_square"]`` is their general mutual information (eq. 9) with
    :math:`g(t) = t^2 - 1`, from the same cells,

    .. math:: \chi^2 = \sum_{ij} \frac{N_{ij}^2}{N_i M_j} - 1 - \frac{(K - 1)(L - 1)}{n - 1},

    with K and L cells on the two sides, at the level where permuted pairs would leave 0.75 samples
    in each joint cell, and scaled so that X with itself has K - 1. What is subtracted is the
    exact mean over pairings (Haldane 1940). One more is the mean ratio of the joint density to the
    product, the U in assumption A2 of Andle, Craig, Nowak and Yasaei Sekeh on layerwise
    information; I <= ln(1 + chi-square) by Jensen's inequality. Over pairs of directions 1 +
    chi-square multiplies. It has no unit, at most n - 1 of it can be seen, and its tails are
    heavy: of r^2/(1 - r^2) for Gaussian pairs, cells hold 0.79 of 0.96 at r = 0.7 and 2.2 of 4.3
    at r = 0.9 for n = 1000. Where dependence is strong it is a lower indication.

    Ceiling: ln n, which no count of n points can exceed; a sum over pairs that would is cut off
    there, and ``stats["exceeds_ceiling"]`` holds the rest. `Estimate.ceiling` is smaller where the
    data's own is: about ln n - 0.8 for 1+1 columns, the smaller entropy for discrete data. Cost:
    O(n log n) for sorting codes, members x 0.04 s per million samples for 1+1 columns; wide data
    add O(n d min(d, 128)). It runs on one thread.

    Attributes:
        members: Size of the ensemble over bandwidths and shifts.
        occupancies: The two k: fewest samples in a cell.
        projection: ``"canonical"`` as above, ``"none"`` to hash all columns, or ``"auto"``: none
            up to 3 columns.
        dimensions: Directions hashed together beside labels; by default log2(n)/4. Six find more
            of ten or more classes in 20 columns (2.0 of 2.3 nats in 1,500 samples, where the
            default finds 1.3), and too much once n is small for that many cells.
        pairs: The most canonical pairs to sum over.
        seed: For shifts, random directions and permutations; the same seed gives the same bits.

    Example:
        >>> import numpy as np
        >>> from mitools import EDGE
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=5000)
        >>> y = x + rng.normal(size=5000)  # I = ln(2) / 2 = 0.347 nats
        >>> abs(EDGE().estimate(x, y).value - 0.347) < 0.05
        True
    """

    members: int = 10
    occupancies: tuple[int, int] = (3, 10)
    projection: str = "auto"
    dimensions: int | None = None
    pairs: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        check_whole("members", self.members)
        given = self.occupancies
        pair = tuple(given) if isinstance(given, tuple | list | np.ndarray) else ()
        whole = all(isinstance(k, int | np.integer) and k is not True for k in pair)
        if len(pair) != 2 or not whole or not 2 <= pair[0] < pair[1]:
            raise ValueError(
                "`occupancies` must be two increasing counts of at least 2, such as (3, 10), got "
                f"{given!r}."
            )
        object.__setattr__(self, "occupancies", tuple(int(k) for k in pair))
        if self.projection == "random":
            raise ValueError(
                'EDGE has no projection="random" any more: canonical directions err less on every '
                "suite of tasks with something to find. For directions that do not depend on the "
                "data take Reduced(EDGE(), RandomProjection(2))."
            )
        if self.projection not in PROJECTIONS:
            raise ValueError(unknown("projection", self.projection, PROJECTIONS))
        if self.dimensions is not None:
            check_whole("dimensions", self.dimensions)
        check_whole("pairs", self.pairs)
        check_whole("seed", self.seed, 0)

    @classmethod
    def released(cls, version: str = "4.4.1") -> ReleasedEDGE:
        """Return the released code ``"4.4.1"`` or ``"4.3.1"`` with its default arguments."""
        return ReleasedEDGE.released(version)

    @classmethod
    def semirobust(cls) -> ReleasedEDGE:
        """Return the exact settings behind the published connectivity rho."""
        return ReleasedEDGE.semirobust()

    def ceiling(self, n_samples: int) -> float:
        """Return ln n: no count of n points shows more.

        `Estimate.ceiling` is the smaller one of the data seen, where theirs is smaller.
        """
        return float(np.log(n_samples))

    def minimum_samples(self) -> int:
        """Return 4: two for the directions, two to hash."""
        return 4

    def fit_hash(self, x: Any, y: Any, *, steps: int | None = None) -> CountState:
        """Fix the hash on a sample, and return a state of counts that is still empty.

        The hash is directions, quantiles, bandwidths and shifts.

        Args:
            x: A sample of X, with shape (n, d_x) or (n,). A few thousand rows do.
            y: The paired sample of Y.
            steps: How often cells are halved. More resolve stronger dependence and take more
                memory: up to 4^steps joint cells a member. By default at most 9.

        Returns:
            A state that has counted nothing yet, not even the sample. Canonical directions are
            learned from the pairs of the sample, so leave the sample out of what you count, or
            make it a small part.

        Raises:
            TypeError: For data that are not numbers.
            ValueError: For bad data, or `steps` out of range.
        """
        x, y = paired_samples(x, y)
        if steps is None:
            steps = min(self._steps(len(x)), STREAM_STEPS)
        check_whole("steps", steps)
        if steps > DEEPEST:
            raise ValueError(f"`steps` must be at most {DEEPEST}, got {steps}.")
        varies_x, varies_y = varying_columns(x), varying_columns(y)
        kept = x[:, varies_x], y[:, varies_y]
        hashed_pairs = (
            replace(hashed, x=hashed.x.widened(x[0], varies_x), y=hashed.y.widened(y[0], varies_y))
            for hashed in self._hashed_pairs(*kept, *kept, steps)
        )
        return CountState.empty(self, tuple(hashed_pairs))

    def from_counts(self, state: CountState) -> Estimate:
        """Return the estimate from counted cells; the same as ``state.finalize()``.

        Args:
            state: The counts.

        Raises:
            ValueError: For fewer samples than the estimator needs.
        """
        n = state.n_samples
        if n < self.minimum_samples():
            raise ValueError(
                f"{self} needs at least {self.minimum_samples()} samples, got {n}. Update the "
                "state with more chunks first."
            )
        parts = []
        for hashed, tables in zip(state.blocks, state.tables, strict=True):
            counted = hashed.recount(tables, n, occupancies_for(hashed, n, self.occupancies))
            correction = self._correction(hashed, counted, n, len(state.blocks))
            parts.append(correction.part(counted, n))
        found = combined([(n, parts)], self.ceiling(n))
        if self._ends_in_entropy(state.blocks):
            found = replace(found, entropy=found.ceiling)
        ceiling = min(self.ceiling(n), found.ceiling)
        return Estimate(found.value, n, ceiling, self, stats=found.stats, entropy=found.entropy)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values, for JSON."""
        return {**asdict(self), "occupancies": list(self.occupancies)}

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> EDGE:
        """Return the estimator with the settings of `to_dict`, of earlier versions as well.

        Raises:
            TypeError: For settings that EDGE does not have.
            ValueError: For values that they cannot have.
        """
        if settings.get("divergence") == "shannon":  # once a setting, and this its default
            settings = {name: value for name, value in settings.items() if name != "divergence"}
        return cls(**{**settings, "occupancies": tuple(settings["occupancies"])})

    def nearby(self) -> Mapping[str, EDGE]:
        """Return half and twice the occupancies: the occupancy of a cell sets its bandwidth."""
        low, high = self.occupancies
        pairs = (((low + 1) // 2, (high + 1) // 2), (2 * low, 2 * high))
        return {f"occupancies={pair}": replace(self, occupancies=pair) for pair in pairs}

    def counterpart(self, discrete: bool, width: int, n_samples: int) -> str:
        """Return "mixed" for discrete sides, "auto" as `KSG` does, and else neighbours."""
        if discrete:
            return narrowed("mixed", width)
        return "auto" if has_views(width, n_samples) else narrowed("ksg", width)

    def _prepare(self, x: Matrix, y: Matrix) -> _Hashed:
        x, y = self._mixed(x, y)
        return _Hashed(x, y, self._folds(x, y))

    def _found(self, prepared: _Hashed) -> Found:
        results = []
        x, y = prepared.x, prepared.y
        for rows, hashed_pairs in prepared.folds:
            n, parts = len(x[rows]), []
            for hashed in hashed_pairs:
                ks = occupancies_for(hashed, n, self.occupancies)
                counted = hashed.counted(x[rows], y[rows], ks)
                correction = self._correction(hashed, counted, n, len(hashed_pairs))
                parts.append(correction.part(counted, n))
            results.append((n, parts))
        found = combined(results, self.ceiling(len(x)))
        if self._ends_in_entropy(hashed_pairs):
            found = replace(found, entropy=found.ceiling)
        return found

    def _permuted(self, prepared: _Hashed, permutations: Rows) -> Matrix:
        """Return the values for y permuted within folds, on the same cells.

        Only the joint counts change. Directions of one fold come from the other, so that permuting
        a fold leaves them as they are.
        """
        values = np.zeros(len(permutations))
        x, y, folds = prepared.x, prepared.y, prepared.folds
        for fold, (rows, hashed_pairs) in enumerate(folds):
            n, orders = len(x[rows]), permutations
            if len(folds) > 1:
                # A permutation of all rows orders the fold's own rows, uniformly among their
                # orders; row i of the fold is row 2 i + fold.
                orders = permutations[permutations % 2 == fold].reshape(-1, n) // 2
            orders = np.ascontiguousarray(orders, dtype=np.int64)
            parts = []
            for hashed in hashed_pairs:
                ks = occupancies_for(hashed, n, self.occupancies)
                placed = hashed.place(x[rows], y[rows])
                correction = self._correction(hashed, placed, n, len(hashed_pairs))
                parts.append(correction.apply(hashed.permuted(placed, orders, ks)))
            values += n / len(x) * np.sum(parts, axis=0)
        return np.minimum(values, self.ceiling(len(x)))

    def _correction(
        self, hashed: HashedPair, seen: Counted | Placed, n: int, pairs: int
    ) -> Correction:
        return Correction(hashed, seen, n, pairs, self.occupancies, self.seed)

    def _mixed(self, x: Matrix, y: Matrix) -> tuple[Matrix, Matrix]:
        """Return both sides in random order, without constant columns, wide ones as mixtures.

        Where no directions are learned, the sides keep their order and their width. Where they
        are, folds are every other row, and the rows of the data may alternate as well: hence the
        random order. Wide sides become random mixtures of their columns.
        """
        (x, spread_x), (y, spread_y) = usable_columns(x), usable_columns(y)
        if not self._learns(x, y):
            return x, y
        order = np.random.default_rng([self.seed, 1]).permutation(len(x))
        x, y = (
            rows
            if rows.shape[1] <= WIDEST or Side.discrete_or_none(rows)
            else mixed_down(rows, self.seed, spread)
            for rows, spread in ((x, spread_x), (y, spread_y))
        )
        return x[order], y[order]

    def _folds(self, x: Matrix, y: Matrix) -> _Folds:
        """Return rows with their hashed pairs: two folds where directions are learned."""
        n = len(x)
        if not self._learns(x, y):
            return [(slice(None), self._hashed_pairs(x, y, x, y, self._steps(n)))]
        folds = []
        for fold in range(2):
            rows, others = slice(fold, None, 2), slice(1 - fold, None, 2)
            hashed_pairs = self._hashed_pairs(
                x[others], y[others], x[rows], y[rows], self._steps((n + 1 - fold) // 2)
            )
            folds.append((rows, hashed_pairs))
        return folds

    def _learns(self, x: Matrix, y: Matrix) -> bool:
        if self.projection == "canonical":
            return True
        return self.projection == "auto" and max(x.shape[1], y.shape[1]) > NARROW

    def _hashed_pairs(
        self, x: Matrix, y: Matrix, hashed_x: Matrix, hashed_y: Matrix, steps: int
    ) -> tuple[HashedPair, ...]:
        """Learn directions from `x` and `y`; return the pairs of `hashed_x` and `hashed_y`."""
        sides = Side.discrete_or_none(hashed_x), Side.discrete_or_none(hashed_y)
        if all(sides) or not self._learns(x, y):
            a, b = (
                side or Side.fit(rows)
                for side, rows in zip(sides, (hashed_x, hashed_y), strict=True)
            )
            return (self._hashed_pair(a, b, steps),)
        found = CanonicalDirections.fit(x, y, self.seed, tuple(side is not None for side in sides))
        if any(sides):
            r = self.dimensions or max(1, int(np.log2(len(hashed_x)) / 4))
            r = max(1, min(r, found.significant))
            a, b = (
                side or Side.fit(rows, directions[:, :r])
                for side, rows, directions in zip(
                    sides, (hashed_x, hashed_y), (found.x, found.y), strict=True
                )
            )
            return (self._hashed_pair(a, b, steps),)
        pairs = max(1, min(found.significant, self.pairs))
        # The noise of shifts averages out over pairs as it does over members.
        members = min(self.members, max(3, 2 * self.members // pairs))
        grids = _grids(self.seed, 1, steps, members)
        return tuple(
            HashedPair(
                Side.fit(hashed_x, found.x[:, j : j + 1]),
                Side.fit(hashed_y, found.y[:, j : j + 1]),
                grids,
            )
            for j in range(pairs)
        )

    def _ends_in_entropy(self, hashed_pairs: tuple[HashedPair, ...]) -> bool:
        """Return whether the ceiling is an entropy, as it is where one side is labels."""
        return any(hashed.x.discrete or hashed.y.discrete for hashed in hashed_pairs)

    def _hashed_pair(self, x: Side, y: Side, steps: int) -> HashedPair:
        grids = _grids(self.seed, max(x.dimensions, y.dimensions), steps, self.members)
        grids = grids[:1] if x.discrete and y.discrete else grids
        return HashedPair(x, y, grids)

    def _steps(self, n: int) -> int:
        """Return how often to halve: until a margin's cells hold under k samples, or `FINEST`."""
        return int(np.clip(np.ceil(np.log2(n / self.occupancies[0])) + 1, 1, FINEST))


@lru_cache(maxsize=64)
def _grids(seed: int, width: int, steps: int, members: int) -> tuple[Grid, ...]:
    """Return the ensemble: scales at equal ratios within an octave, random shifts."""
    rng = np.random.default_rng([seed, 0])
    grids = []
    for member in range(members):
        scale = 2.0 ** (-(member + 0.5) / members)
        shifts = rng.random(width) * (1 - scale)
        order = (np.arange(width) + member) % width
        grids.append(Grid(scale, shifts, order, steps))
    return tuple(grids)


CountState.settings_reader = EDGE.from_dict
