r"""Rows that belong together: a subject, a trial, a family. They are permuted as whole groups.

Rows of one group are alike, so n rows of G groups tell less than n independent rows do, and a
permutation of single rows calls independent sides dependent. Groups are exchangeable where rows
are not: at independence, the rows of Y of one group may be given to another group of the same
size, row by row (Winkler et al., "Multi-level block permutation", NeuroImage 2015). Such a test is
exact.

Groups of nearly equal size form a class; the last rows of the larger ones are left out, so that
all of a class have the same size. A group that no other is like stays where it is. Where too much
would stay, or where groups are so few that they have hardly any other arrangement, the data are
refused.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mitools.samples.arrays import as_labels

__all__ = ["FEWEST_ARRANGEMENTS", "Groups"]

Codes = NDArray[np.int64]

#: Groups are alike if the smaller one has at least this share of the rows of the larger one.
LIKE = 0.9

#: At most this share of the rows may stay where it is.
STAYING = 0.25

#: Fewer arrangements than this cannot reach a p value of 0.01.
FEWEST_ARRANGEMENTS = 100

#: A subset of the groups has at least so many.
FEWEST_IN_SUBSET = 2

#: Arrangements are not counted beyond this logarithm.
MANY = 36.0


@dataclass(frozen=True, eq=False)
class Groups:
    """The groups of rows, and which of them may take each other's place.

    Attributes:
        codes: The group of each row, from 0 on, with shape (n,).
        parts: The part of each row, such as its label, from 0 on, with shape (n,). A row moves
            within its part only, and one permutation of the groups serves all parts.
        classes: The groups that may take each other's place. All of a class have the same number
            of rows in each part.
    """

    codes: Codes
    parts: Codes
    classes: tuple[Codes, ...]

    @classmethod
    def of(
        cls, groups: Any, n_samples: int, parts: Codes | None = None
    ) -> tuple[Groups, Codes | None]:
        """Return the groups, and the rows that they have, in ascending order.

        Args:
            groups: The group of each row: numbers or names, with shape (n,).
            n_samples: How many rows there are.
            parts: The part of each row; a single part when not given.

        Returns:
            The groups, of the rows that are kept, and those rows; None where all are kept. A
            warning says how many are left out.

        Raises:
            TypeError: For groups that are no labels.
            ValueError: For a wrong length or missing groups, for too few groups, or for sizes so
                different that too few rows could be exchanged.
        """
        codes = as_labels(groups, n_samples, "groups")[1]
        parts = np.zeros(n_samples, np.int64) if parts is None else parts
        sizes = _sizes(codes, parts)
        classes = _classes(sizes)
        _check(classes, sizes)
        least = np.empty_like(sizes)
        for members in classes:
            least[members] = sizes[members].min(axis=0)
        rows = np.flatnonzero(_places(codes, parts) < least[codes, parts])
        if len(rows) == n_samples:
            return cls(codes, parts, classes), None
        warnings.warn(
            f"`groups`: {n_samples - len(rows)} of {n_samples} rows are left out, the last ones "
            "of larger groups, so that groups of like size can take each other's place.",
            stacklevel=4,
        )
        return cls(codes[rows], parts[rows], classes), rows

    def __len__(self) -> int:
        return sum(map(len, self.classes))

    def permutations(self, count: int, generator: np.random.Generator) -> Codes:
        """Return random permutations of the groups, with shape (count, groups).

        Args:
            count: How many.
            generator: The source.
        """
        found = np.tile(np.arange(len(self)), (count, 1))
        for members in self.classes:
            found[:, members] = generator.permuted(np.tile(members, (count, 1)), axis=1)
        return found

    def orders(self, permutations: Codes, part: int = 0) -> Codes:
        """Return the orders of the rows of a part in which its groups have changed places.

        Args:
            permutations: Permutations of the groups, with shape (count, groups).
            part: The part.

        Returns:
            The orders, with shape (count, rows of the part): each group's rows are those of the
            group that takes its place, row by row.
        """
        codes = self.codes[self.parts == part]
        by_group = np.argsort(codes, kind="stable")
        starts = np.searchsorted(codes[by_group], np.arange(len(self) + 1))
        place = np.empty(len(self), np.int64)
        found = np.empty((len(permutations), len(codes)), np.int64)
        for members in self.classes:
            size = starts[members[0] + 1] - starts[members[0]]
            rows = by_group[starts[members][:, None] + np.arange(size)]  # (members, size)
            place[members] = np.arange(len(members))
            taken = rows[place[permutations[:, members]]]  # (count, members, size)
            found[:, rows.ravel()] = taken.reshape(len(found), -1)
        return found

    def subsets(self, divisor: int, generator: np.random.Generator) -> Codes:
        """Return the subset of each row, 0 to divisor - 1, after dealing whole groups at random.

        Groups are dealt class by class, so that each subset has its share of every size and every
        label.

        Args:
            divisor: How many subsets.
            generator: The source.
        """
        dealt = np.concatenate([generator.permutation(members) for members in self.classes])
        subset = np.empty(len(self), np.int64)
        subset[dealt] = np.arange(len(self)) % divisor
        return subset[self.codes]

    def divisible(self, divisor: int) -> bool:
        """Return whether each of so many subsets would have two groups or more."""
        return len(self) // divisor >= FEWEST_IN_SUBSET


def _sizes(codes: Codes, parts: Codes) -> Codes:
    """Return the rows of each group in each part, with shape (groups, parts)."""
    n_groups, n_parts = int(codes.max()) + 1, int(parts.max()) + 1
    cells = np.bincount(codes * n_parts + parts, minlength=n_groups * n_parts)
    return cells.reshape(n_groups, n_parts).astype(np.int64)


def _places(codes: Codes, parts: Codes) -> Codes:
    """Return the place of each row among those of its group in its part, from 0 on."""
    cells = codes * (int(parts.max()) + 1) + parts
    order = np.argsort(cells, kind="stable")
    starts = np.searchsorted(cells[order], cells[order])
    places = np.empty(len(codes), np.int64)
    places[order] = np.arange(len(codes)) - starts
    return places


def _classes(sizes: Codes) -> tuple[Codes, ...]:
    """Return the groups of like size in every part, the smaller ones first."""
    found: list[list[int]] = []
    for group in np.lexsort([sizes.sum(axis=1), *(sizes.T > 0)]):
        if found and _alike(sizes[found[-1]], sizes[group]):
            found[-1].append(int(group))
        else:
            found.append([int(group)])
    return tuple(np.array(members) for members in found)


def _alike(members: Codes, own: Codes) -> bool:
    least = np.minimum(members.min(axis=0), own)
    most = np.maximum(members.max(axis=0), own)
    return bool((least >= LIKE * most).all())


def _check(classes: tuple[Codes, ...], sizes: Codes) -> None:
    """Raise a ValueError for groups that leave too few arrangements, or too many rows."""
    totals = sizes.sum(axis=1)
    alone = [members[0] for members in classes if len(members) == 1]
    staying = float(totals[alone].sum() / totals.sum())
    logarithm = sum(math.lgamma(len(members) + 1) for members in classes)
    ways = round(math.exp(min(logarithm, MANY)))
    if staying <= STAYING and ways >= FEWEST_ARRANGEMENTS:
        return
    within = " in each label" if sizes.shape[1] > 1 else ""
    equal = bool((sizes == sizes[0]).all())
    rows = f"of {totals[0]} rows each" if equal else f"of {totals.min()} to {totals.max()} rows"
    if staying > STAYING:
        problem = (
            f"{staying:.0%} of the rows are in groups that no other is like in size{within}, and "
            "would stay where they are"
        )
    else:
        problem = (
            f"groups of like size{within} can be arranged in {ways} ways, so that no p value "
            f"could fall below {1 / ways:.2g}"
        )
    remedy = (
        "Pass more groups: trials instead of subjects, if trials are independent of each other."
        if equal
        else f"Keep the same number of rows of each group{within}, and drop smaller groups."
    )
    raise ValueError(
        f"`groups` has {len(sizes)} groups {rows}; {problem}. Whole groups of like size are "
        f"permuted, and {FEWEST_ARRANGEMENTS} arrangements are needed, as of 5 groups of one "
        f"size. {remedy}"
    )
