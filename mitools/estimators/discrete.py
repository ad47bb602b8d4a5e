r"""Mutual information of two discrete variables from their table of counts.

With :math:`N_{ij}` the counts of the joint table and :math:`H(c) = \ln n - \frac1n \sum_i c_i \ln
c_i`,

.. math:: \hat I = \hat H_X + \hat H_Y - \hat H_{XY}.

Miller and Madow's correction adds :math:`(K - 1) / 2n` to each entropy, :math:`K` being its
occupied cells. The chi-square form of the same counts is :math:`\sum N_{ij}^2 / N_i M_j - 1`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from mitools.estimators.base import Found, Matrix, MutualInformationEstimator
from mitools.samples.messages import unknown

__all__ = ["PlugIn", "as_codes", "entropy_of_counts"]

Codes = NDArray[np.int64]

#: The bias corrections of each divergence.
CORRECTIONS = {"shannon": ("none", "miller_madow", "chance"), "chi-square": ("none", "chance")}


@dataclass(frozen=True, repr=False)
class PlugIn(MutualInformationEstimator):
    """The plug-in estimate for discrete data: each distinct row of a side is one symbol.

    Use it when both sides take few values against n: labels, counts, cells. On continuous data
    every row is its own symbol and the answer is ln n, its ceiling, whatever the dependence
    (``singleton_fraction`` near 1 and `Estimate.saturated` say so): use `KSG` or `Labels`.

    The plain estimate is too high by about (K_X - 1)(K_Y - 1) / 2n when most cells are occupied.
    The Miller-Madow correction takes that off to first order, and may come out slightly negative.
    With few samples a cell take "chance": the exact mean over pairings of the same margins is
    subtracted, so that independent sides give 0 on average, and the rest is scaled so that
    I(X; X) = H(X), as adjusted mutual information is (Vinh et al. 2010, eq. 3 and theorem 3).

    ``divergence="chi-square"`` is the general mutual information E[g(ratio)] with g(t) = t^2 - 1,
    over the product of the margins: sum N_ij^2 / (N_i M_j) - 1, which is Pearson's chi-square
    statistic divided by n. Its bias is near (K_X - 1)(K_Y - 1) / n; the correction "chance"
    subtracts (K_X - 1)(K_Y - 1) / (n - 1), its exact mean over pairings of the same margins. It
    has no unit (`unit` is "chi2"). One more is the mean ratio of the joint distribution to the
    product, and I <= ln(1 + chi-square).

    Source: Miller, "Note on the bias of information estimates" (1955) for the correction;
    Cover and Thomas, "Elements of Information Theory", eq. (2.45) for I = H_X + H_Y - H_XY;
    Noshad, Zeng and Hero, "Scalable mutual information estimation using dependence graphs" (2019),
    eq. 9 for the general form; Haldane, "The mean and variance of chi-square, when used as a test
    of homogeneity, when expectations are small" (Biometrika 1940) for its mean.
    Ceiling: min(H_X, H_Y) of the sample, at most ln n; of chi-square, min(K_X, K_Y) - 1. Cost:
    sorting, O(n log n) time and O(n) memory.

    Attributes:
        correction: "none" for the plug-in; "miller_madow" (not of chi-square) for the first-order
            bias correction; "chance" for the exact one at independence.
        divergence: "shannon" for nats, or "chi-square".

    Example:
        >>> import numpy as np
        >>> x = np.repeat([0, 1, 2, 3], 25)
        >>> round(PlugIn().estimate(x, x % 2).bits, 6)
        1.0
    """

    correction: Literal["none", "miller_madow", "chance"] = "none"
    divergence: Literal["shannon", "chi-square"] = "shannon"

    def __post_init__(self) -> None:
        if self.divergence not in CORRECTIONS:
            raise ValueError(unknown("divergence", self.divergence, CORRECTIONS))
        known = CORRECTIONS[self.divergence]
        if self.correction not in known:
            raise ValueError(
                f"`correction` must be {' or '.join(map(repr, known))} with divergence "
                f"{self.divergence!r}, got {self.correction!r}."
            )

    @property
    def unit(self) -> str:
        """Nats, or "chi2" for ``divergence="chi-square"``: no logarithm, and so no unit."""
        return "nats" if self.divergence == "shannon" else "chi2"

    @property
    def takes_labels(self) -> bool:
        """Each distinct row is one symbol."""
        return True

    def ceiling(self, n_samples: int) -> float:
        """Return ln n, or n - 1 of chi-square, which every sample's own ceiling is below."""
        if self.divergence == "chi-square":
            return float(n_samples - 1)
        return float(np.log(n_samples)) + self._added(n_samples, n_samples)

    def _side(self, rows: Matrix) -> _Symbols:
        codes = as_codes(rows)
        counts = np.bincount(codes)
        return _Symbols(codes, counts, self._entropy(counts))

    def _pair(self, x: _Symbols, y: _Symbols) -> Found:
        counts_xy = _joint_counts(x.codes, y.codes)
        h_xy = self._entropy(counts_xy)
        stats = {
            "entropy_x": x.entropy,
            "entropy_y": y.entropy,
            "entropy_xy": h_xy,
            "cells_x": float(len(x.counts)),
            "cells_y": float(len(y.counts)),
            "cells_xy": float(len(counts_xy)),
            "singleton_fraction": float((counts_xy == 1).sum() / len(x.codes)),
        }
        if self.divergence == "chi-square":
            ceiling = min(stats["cells_x"], stats["cells_y"]) - 1
            return Found(self._chi_square(x, y), ceiling, stats=stats)
        value, entropy = _information(x.entropy, y.entropy, h_xy), min(x.entropy, y.entropy)
        if self.correction == "chance":
            stats["null"] = null = _mean_over_pairings(x.counts, y.counts)
            room = entropy - null
            value = (value - null) * (entropy / room) if room > 1e-12 else 0.0
        return Found(value, entropy=entropy, stats=stats)

    def _chi_square(self, x: _Symbols, y: _Symbols) -> float:
        n, (k, other) = len(x.codes), (len(x.counts) - 1, len(y.counts) - 1)
        pairs, joint = np.unique(x.codes * (other + 1) + y.codes, return_counts=True)
        # Ratios of whole numbers, so that a copy is worth exactly its number of values less one.
        expected = x.counts[pairs // (other + 1)] * y.counts[pairs % (other + 1)]
        ratio = float((joint * joint / expected).sum())
        return ratio - 1 - (k * other / (n - 1) if self.correction == "chance" else 0.0)

    def _entropy(self, counts: NDArray[np.int64]) -> float:
        return entropy_of_counts(counts) + self._added(len(counts), int(counts.sum()))

    def _added(self, n_cells: int, n_samples: int) -> float:
        return (n_cells - 1) / (2 * n_samples) if self.correction == "miller_madow" else 0.0


@dataclass(frozen=True, eq=False)
class _Symbols:
    """One side as symbols: their codes, how often each occurs, and their entropy in nats."""

    codes: Codes
    counts: Codes
    entropy: float

    def reordered(self, order: Codes) -> _Symbols:
        return replace(self, codes=self.codes[order])


def as_codes(rows: Matrix) -> Codes:
    """Return a code from 0 to K - 1 for each row, with shape (n,): equal rows, equal code."""
    if rows.shape[1] == 1:
        return np.unique(rows[:, 0], return_inverse=True)[1].reshape(-1).astype(np.int64)
    codes = as_codes(rows[:, :1])
    for column in rows.T[1:]:  # pairwise, so that memory stays at n whatever the width
        if codes.max(initial=0) == len(rows) - 1:
            break  # every row is already alone
        codes = _combined(codes, as_codes(column[:, None]))
    return codes


def entropy_of_counts(counts: NDArray[np.int64]) -> float:
    """Return the plug-in entropy of a table of counts, in nats.

    The counts are summed in sorted order, so that two tables that hold the same counts have the
    same entropy to the last bit: I(X; X) = H(X) and I(X; f(X)) = H(f(X)) then hold exactly.
    """
    ordered = np.sort(counts[counts > 0]).astype(np.float64)
    n = ordered.sum()
    return float((ordered * (np.log(n) - np.log(ordered))).sum() / n)


def _information(h_x: float, h_y: float, h_xy: float) -> float:
    """H_X + H_Y - H_XY; the larger marginal first, so that a determined side cancels exactly."""
    return min(h_x, h_y) + (max(h_x, h_y) - h_xy)


def _mean_over_pairings(counts_x: Codes, counts_y: Codes) -> float:
    """Return the mean plug-in information over all pairings of sides with these counts, in nats.

    The count of a cell is then hypergeometric; cells with the same margins share a mean.
    """
    n = int(counts_x.sum())
    logs = gammaln(np.arange(n + 1) + 1.0)
    total = 0.0
    sides = (np.unique(counts, return_counts=True) for counts in (counts_x, counts_y))
    (sizes_x, times_x), (sizes_y, times_y) = sides
    for a, times_a in zip(sizes_x.tolist(), times_x.tolist(), strict=True):
        for b, times_b in zip(sizes_y.tolist(), times_y.tolist(), strict=True):
            mean = a * b / n
            # beyond so many deviations a cell is never that full
            far = 12 * np.sqrt(mean) + 40
            low = max(1, a + b - n, int(mean - far))
            cell = np.arange(low, min(a, b, int(mean + far) + 1) + 1)
            log_p = (
                (logs[a] + logs[b] + logs[n - a] + logs[n - b] - logs[n])
                - logs[cell] - logs[a - cell] - logs[b - cell] - logs[n - a - b + cell]
            )  # fmt: skip
            terms = cell / n * np.log(n * cell / (a * b)) * np.exp(log_p)
            total += times_a * times_b * float(terms.sum())
    return total


def _joint_counts(codes_x: Codes, codes_y: Codes) -> NDArray[np.int64]:
    return np.unique(codes_x * (codes_y.max() + 1) + codes_y, return_counts=True)[1]


def _combined(first: Codes, second: Codes) -> Codes:
    pairs = first * (second.max() + 1) + second
    return np.unique(pairs, return_inverse=True)[1].reshape(-1).astype(np.int64)
