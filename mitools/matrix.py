r"""Mutual information of every pair of columns of a table: `information_matrix(data)`.

Columns are put in the order of a hierarchical clustering (average linkage, optimal leaf order)
with the distance :math:`e^{-I}`: for jointly normal columns that is :math:`\sqrt{1 - r^2}`, 1 at
independence and 0 where one determines the other.

A value is the estimate of the two columns, as `mutual_information` gives it. What its p value
comes from depends on the pair. Ranks in random order do not depend on the values that they are the
ranks of, so all pairs of continuous columns have one null in common: that of estimates of ranks
(`mitools.estimators.ranks`). The estimate of each pair's ranks is held against one set of
permutations, `n_permutations` for each pair but 10,000 at most. A continuous column and a label
share theirs with all pairs of that label. Other pairs are permuted one by one: two labels, columns
of which more than a quarter of the rows are tied, all pairs of rows that are not
independent (`blocks`, `groups`), and all pairs for estimators other than `KSG(k=...)` and
`Labels`.

Many pairs are asked at once, so p values are adjusted for their number m (Benjamini and Hochberg
1995): with :math:`p_{(1)} \le \dots \le p_{(m)}`, the adjusted one is :math:`\min_{j \ge i} m
p_{(j)} / j`, the least false discovery rate at which the pair is called dependent. The p value of
B permutations cannot fall below 1 / (1 + B), which the adjustment for m pairs may multiply
by m. So where no permutation reached the value, the tail of the law fitted to them is adjusted,
and elsewhere the larger of the two.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mitools.engines.workers.parallel import n_workers
from mitools.estimators.base import Matrix, MutualInformationEstimator, check_whole
from mitools.estimators.column_pairs import Column, ColumnPairs
from mitools.evidence.doubts import Doubt, alike_columns, headline, likeness, repeated
from mitools.evidence.groups import Groups
from mitools.evidence.null import adjusted_p_values, claims
from mitools.information import as_estimator
from mitools.samples.arrays import as_samples, is_missing
from mitools.samples.kinds import Kind, is_discrete, kind_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

Rows = NDArray[np.int64]

__all__ = ["InformationMatrix", "information_matrix"]

#: Rows of a column whose values occur this often on average are not asked whether they repeat.
REPEATS = 10

#: Largest adjusted p value, the expected share of false ones among the pairs called dependent.
FALSE_SHARE = 0.05

#: Values are written into the heat map up to this many columns.
WRITTEN = 12


@dataclass(frozen=True, eq=False)
class InformationMatrix:
    """Mutual information between columns, in nats, with the evidence for each.

    Attributes:
        names: The columns.
        values: I of each pair, with shape (d, d); NaN on the diagonal.
        rank_values: The estimate of the pair's ranks, which is held against the null that the pair
            shares with others; NaN where a pair has permutations of its own, and its value is.
        null_means: Mean of the null of each pair.
        n_draws: Permutations behind that null.
        p_values: (1 + permutations at least as large) / (1 + permutations).
        fitted_p_values: Tails of the laws fitted to the permutations.
        adjusted_p_values: Both in one, adjusted for the number of pairs: see above.
        dependent: Whether both claim dependence, as `assess` would, and the adjusted one is at
            most 0.05: of the pairs marked, one in twenty is expected to be false, at most.
        order: The columns' places in the order of the clustering.
        estimators: Each pair's estimator, by (row, column), row < column.
        blocks: How the pairs of the nulls kept the order of the rows; None if they did not.
        alike: Pairs whose neighbouring rows are alike on both sides while the p value takes rows
            for independent, with shape (d, d).
        caveats: What makes the rows other than independent of each other, in a few words.
        n_groups: How many groups of rows were permuted as wholes; None without groups.
    """

    names: tuple[str, ...]
    values: Matrix
    rank_values: Matrix
    null_means: Matrix
    n_draws: NDArray[np.int64]
    p_values: Matrix
    fitted_p_values: Matrix
    adjusted_p_values: Matrix
    dependent: NDArray[np.bool_]
    order: NDArray[np.int64]
    estimators: dict[tuple[int, int], MutualInformationEstimator]
    blocks: int | None
    alike: NDArray[np.bool_]
    caveats: tuple[str, ...] = ()
    n_groups: int | None = None

    def __repr__(self) -> str:
        pairs = len(self.estimators)
        found = int(np.triu(self.dependent, 1).sum())
        claim = f"{found} of {pairs} pairs dependent"
        undone = self.caveats if found else ()
        return f"InformationMatrix({len(self.names)} columns, {headline(claim, undone)})"

    def to_frame(self) -> pd.DataFrame:
        """Return the matrix as a data frame, in the order of the clustering; nats."""
        import pandas as pd

        names = [self.names[i] for i in self.order]
        return pd.DataFrame(self.values[np.ix_(self.order, self.order)], names, names)

    def pairs(self) -> pd.DataFrame:
        """Return a data frame with a row for each pair, the largest value first."""
        import pandas as pd

        i, j = np.array(list(self.estimators)).T
        names = np.array(self.names, dtype=object)
        texts = {estimator: str(estimator) for estimator in set(self.estimators.values())}
        columns = {
            "x": names[i],
            "y": names[j],
            "nats": self.values[i, j],
            "null_mean_nats": self.null_means[i, j],
            "p_value": self.p_values[i, j],
            "fitted_p_value": self.fitted_p_values[i, j],
            "adjusted_p_value": self.adjusted_p_values[i, j],
            "dependent": self.dependent[i, j],
            "rows_alike": self.alike[i, j],
            "estimator": [texts[estimator] for estimator in self.estimators.values()],
            "rank_nats": self.rank_values[i, j],
            "n_draws": self.n_draws[i, j],
        }
        return pd.DataFrame(columns).sort_values("nats", ascending=False, ignore_index=True)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the heat map in the order of the clustering; dots mark pairs without a claim.

        Args:
            ax: Where to draw; a new figure when not given.

        Returns:
            The axes.
        """
        d = len(self.names)
        if ax is None:
            from matplotlib.figure import Figure

            side = min(3 + 0.35 * d, 20)
            ax = Figure(figsize=(side + 1, side), layout="constrained").subplots()
        ordered = np.ix_(self.order, self.order)
        values, dependent = self.values[ordered], self.dependent[ordered]
        top = max(float(np.nanmax(values)), 1e-3)
        image = ax.imshow(np.maximum(values, 0.0), cmap="viridis", vmin=0.0, vmax=top)
        names = [self.names[i] for i in self.order]
        ax.set_xticks(range(d), names, rotation=90)
        ax.set_yticks(range(d), names)
        for i, j in zip(*np.nonzero(~np.eye(d, dtype=bool)), strict=True):
            text = f"{values[i, j]:.2f}" if d <= WRITTEN else ""
            colour = "black" if values[i, j] > 0.6 * top else "white"
            ax.text(j, i, text if dependent[i, j] else ".", ha="center", va="center", color=colour)
        figure = ax.get_figure()
        if figure is not None:
            figure.colorbar(image, ax=ax, label="mutual information (nats)")
        claim = f"dots: no dependence claimed, at most {FALSE_SHARE:.0%} of the claims being false"
        ax.set_title(
            "\n".join([claim, *(f"but {caveat}" for caveat in self.caveats)]),
            fontsize="small",
        )
        return ax


def information_matrix(
    data: Any,
    *,
    names: Sequence[str] | None = None,
    estimator: MutualInformationEstimator | None = None,
    n_permutations: int = 100,
    seed: int = 0,
    n_jobs: int | None = None,
    blocks: int | None = None,
    groups: Any = None,
    progress: Callable[[int, int], None] | None = None,
    discrete: Sequence[str | int] = (),
) -> InformationMatrix:
    """Estimate I for every pair of columns, with permutation p values adjusted for their number.

    Args:
        data: A data frame, or an array with shape (n, d). Columns of text, categories or truth
            values are labels, and those of numbers are numbers: rounded, with atoms, or neither.
        names: The columns' names; those of the data frame, or numbers, when not given.
        estimator: One for all pairs. When not given: `KSG` for two columns of numbers, or `Mixed`
            where one of them holds some value twice; `Labels` (its nearest-neighbour part) for a
            label and numbers; `PlugIn`, corrected for chance, for two labels.
        n_permutations: Permutations for each pair. Pairs that share a null put theirs together, up
            to 10,000, and each is held against all of them.
        seed: Seed of the permutations, and of the order of tied values in ranks.
        n_jobs: Workers for the pairs: a number, or -1 for one per processor. They are threads;
            within ``joblib.parallel_config(backend="loky")``, processes. Their number changes no
            bit. None uses none.
        blocks: For rows in the order of time, as in `assess`. None takes rows for independent, and
            warns if neighbours are alike.
        groups: The subject or the trial of each row, as in `assess`.
        progress: Called with the pairs done and the pairs in all.
        discrete: Columns of numbers that are names of classes: by name, or by place from 0 on.

    Returns:
        The matrix.

    Raises:
        TypeError: For columns that hold no numbers, text or truth values.
        ValueError: For fewer than two columns, missing values, or too few samples.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> columns = rng.normal(size=(300, 3))
        >>> columns[:, 2] += columns[:, 0]
        >>> information_matrix(columns)
        InformationMatrix(3 columns, 1 of 3 pairs dependent)
    """
    check_whole("n_permutations", n_permutations, 3)
    check_whole("seed", seed, 0)
    n_workers(n_jobs)
    if estimator is not None and as_estimator(estimator).unit != "nats":
        raise ValueError(f"{estimator} is not in nats: the matrix needs one that is, as KSG().")
    columns, names = _columns(data, names)
    said = _said(discrete, names)
    labels = [_label(column) or name in said for column, name in zip(columns, names, strict=True)]
    columns = [np.asarray(column) for column in columns]
    sides = [_numbers(column, name) for column, name in zip(columns, names, strict=True)]
    kept = None
    if groups is not None:
        kept, rows = Groups.of(groups, len(sides[0]))
        sides = sides if rows is None else [side[rows] for side in sides]
    few = [
        label or is_discrete(len(np.unique(side)), len(side), REPEATS)
        for side, label in zip(sides, labels, strict=True)
    ]
    doubted, alike = _doubts(sides, few, names, blocks is not None or kept is not None)
    for doubt in doubted:
        warnings.warn(doubt.sentence, stacklevel=2)
    table = list(map(Column, names, sides, labels))
    pairs = ColumnPairs.of(table, estimator, seed, blocks, kept)
    found = pairs.answers(n_permutations, seed, n_jobs, progress)
    d, (i, j) = len(names), pairs.pairs.T
    shares = adjusted_p_values(found.p_values, found.fitted_p_values, found.n_draws)
    claimed = claims(found.p_values, found.fitted_p_values, found.n_draws)
    values = _square(d, i, j, found.values)
    return InformationMatrix(
        names=tuple(names),
        values=values,
        rank_values=_square(d, i, j, found.rank_values),
        null_means=_square(d, i, j, found.null_means),
        n_draws=np.nan_to_num(_square(d, i, j, found.n_draws)).astype(np.int64),
        p_values=_square(d, i, j, found.p_values),
        fitted_p_values=_square(d, i, j, found.fitted_p_values),
        adjusted_p_values=_square(d, i, j, shares),
        dependent=_square(d, i, j, (claimed & (shares <= FALSE_SHARE)).astype(float)) == 1,
        order=_clustered(values),
        estimators=dict(zip(map(tuple, pairs.pairs.tolist()), pairs.estimators, strict=True)),
        blocks=blocks,
        alike=alike,
        caveats=tuple(doubt.caveat for doubt in doubted),
        n_groups=None if kept is None else len(kept),
    )


def _square(d: int, i: Rows, j: Rows, numbers: Matrix) -> Matrix:
    """Return the symmetric matrix of what belongs to each pair (i, j); NaN on the diagonal."""
    square = np.full((d, d), np.nan)
    square[i, j] = square[j, i] = numbers
    return square


def _columns(data: Any, names: Sequence[str] | None) -> tuple[list[Any], list[str]]:
    if hasattr(data, "columns") and hasattr(data, "iloc"):
        data = data.infer_objects()  # numbers that a mixed table held as objects are numbers
        columns = [data.iloc[:, i] for i in range(data.shape[1])]
        known_names = [str(name) for name in data.columns]
    else:
        array = np.asarray(data)
        if array.ndim != 2:
            raise ValueError(f"`data` must be a table, with shape (n, d), got {array.shape}.")
        columns, known_names = list(array.T), [str(i) for i in range(array.shape[1])]
    found = known_names if names is None else [str(name) for name in names]
    if len(found) != len(columns):
        raise ValueError(f"`names` must name {len(columns)} columns, got {len(found)}.")
    if len(columns) < 2:
        raise ValueError(f"A matrix needs at least 2 columns, got {len(columns)}.")
    return columns, found


def _label(column: Any) -> bool:
    """Return whether a column is a label by its type; what is neither is refused later."""
    try:
        return kind_of(column).kind is Kind.LABEL
    except TypeError:
        return True


def _said(discrete: Sequence[str | int], names: Sequence[str]) -> set[str]:
    """Return the names of the columns that are said to be labels."""
    said = {names[one] if isinstance(one, int | np.integer) else one for one in discrete}
    unknown = sorted(said - set(names))
    if unknown:
        raise ValueError(
            f"`discrete` names columns that the table does not have: {unknown}. It has "
            f"{list(names)[:20]}."
        )
    return said


def _numbers(column: NDArray[Any], name: str) -> Matrix:
    """Return a column with shape (n, 1): numbers, or a number for each label."""
    if column.dtype.kind in "OUSTb":
        missing = sum(is_missing(item) for item in column.tolist())
        if missing:
            raise ValueError(f"The column {name!r} has {missing} missing values. Drop those rows.")
        column = np.unique(column.astype(str), return_inverse=True)[1].reshape(-1)
    return as_samples(column, name)


def _doubts(
    sides: Sequence[Matrix], discrete: Sequence[bool], names: Sequence[str], together: bool
) -> tuple[list[Doubt], NDArray[np.bool_]]:
    """Return what is to be said of rows that are not independent, and the pairs with such rows.

    `together` says whether permutations keep neighbouring rows together.
    """
    likes = np.zeros(len(sides)) if together else np.array(list(map(likeness, sides)))
    alike = np.outer(likes > 0, likes > 0) & ~np.eye(len(sides), dtype=bool)
    found = [alike_columns(names, likes.tolist())]
    measured = [side for side, label in zip(sides, discrete, strict=True) if not label]
    if len(measured) > 1:
        half = len(measured) // 2
        found.append(repeated(np.hstack(measured[:half]), np.hstack(measured[half:])))
    return [doubt for doubt in found if doubt is not None], alike


def _clustered(values: Matrix) -> NDArray[np.int64]:
    """Return the columns in an order in which those that share much stand together."""
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    distance = np.exp(-np.maximum(values, 0.0))
    np.fill_diagonal(distance, 0.0)
    tree = linkage(squareform(distance, checks=False), "average", optimal_ordering=True)
    return np.asarray(leaves_list(tree), dtype=np.int64)
