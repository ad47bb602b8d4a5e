r"""Mutual information along canonical directions: learned on one half, measured on the other.

Each column is replaced by the normal quantiles of its ranks. Canonical correlation analysis on one
half of the samples gives pairs of directions; on the other half, :math:`u_j, v_j` are the
projections and :math:`w_j = (u_j, v_j)`. The leading pairs are measured without assuming anything
of their distribution, through an exact identity (three times the chain rule for entropies),

.. math:: I(U; V) = \sum_j \Big[ I(u_j; v_j) + I(w_j; w_{<j}) - I(u_j; u_{<j})
          - I(v_j; v_{<j}) \Big],

in which a nearest-neighbour estimate of each term is nearly unbiased where the pairs are nearly
independent of each other, as canonical pairs of normal data are: one estimate in twice as many
dimensions would be far too low. What the pairs after them add is taken as normal,
:math:`-\tfrac12 \ln(1 - r_j^2)`.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mitools.engines.linear.components import Whitened
from mitools.engines.linear.gain import EVIDENCE_OF_SPREAD, certain_gain
from mitools.engines.linear.held_out import HeldOut, HeldOutSide, held_out, normal_information
from mitools.estimators.base import Found, Matrix, MutualInformationEstimator, check_whole
from mitools.estimators.gaussian import _components, _linear_information, rank_normal
from mitools.estimators.ksg import KSG
from mitools.samples.scaling import drop_constant

__all__ = ["Canonical", "Ranks", "canonical_terms", "local_ksg", "normal_terms"]

#: A pair whose projections share more than this with those before it, on one side (nats), is left
#: out: the terms of the identity are then large, biased, and do not cancel (x = (u, u^2), say).
REDUNDANT = 0.5
#: The same for a pair taken as normal, for which no term makes up.
REDUNDANT_NORMAL = 0.1
#: The normal answer is trusted while the canonical projections, made exactly normal, keep this
#: share of it: clusters have large canonical correlations and little information.
NORMAL = 0.9
#: It also takes sides whose components have a fourth moment of length this close to normal data's:
#: components that are functions of each other would be counted again and again.
KURTOSIS = 0.15


@dataclass(frozen=True, repr=False)
class Canonical(MutualInformationEstimator):
    """I(X; Y) seen along canonical directions: nearest neighbours for few pairs, normal for many.

    Use it for wide data with dependence that is at least partly monotone or linear: embeddings of
    a few signals in hundreds of columns, many weakly correlated columns, normal data of any width
    under any change of the columns. What correlates with nothing stays unseen (Y = X^2): in a few
    dimensions use `KSG`, and if in doubt `Auto`.

    The value is that of the leading pairs, found and measured on different halves, unless the
    normal copula's (`GaussianCopula`) is higher by 2.5 standard errors and the projections are
    close to normal: then the dependence is spread over more pairs than half of the data can find.
    Up to an infinite sample, the first is a lower bound of I(X; Y), as a projection loses
    information.

    Source: Hotelling (1936) for canonical correlations; Kraskov et al. (2004), eq. (8), for each
    term; the chain rule is Cover and Thomas, Theorem 2.5.2. The combination is this library's.
    Ceiling: none, as pairs add up. Cost: O(n d^2 + d^3), and about a dozen nearest-neighbour
    estimates in at most eight dimensions on n / 2 samples.

    Attributes:
        k: Neighbours, as in `KSG`.
        leading: Most pairs measured by nearest neighbours.
        seed: Seed of the halves.

    Example:
        >>> from mitools.distributions import Gaussian
        >>> truth = Gaussian((0.8, 0.6), width=20, rotated=True)  # I = 0.734
        >>> x, y = truth.sample(2000, seed=0)
        >>> bool(abs(Canonical().estimate(x, y).value - truth.mutual_information) < 0.1)
        True
    """

    k: int = 4
    leading: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("k", "leading"):
            check_whole(name, getattr(self, name))

    def minimum_samples(self) -> int:
        """Return 40, or more for large k: ten points in each half of a half."""
        return max(40, 4 * (self.k + 1))

    def ceiling(self, n_samples: int) -> float:
        """Return infinity: the pairs' information adds up without a bound of its own."""
        return float(np.inf)

    def _prepare(self, x: Matrix, y: Matrix) -> tuple[_Learning, Ranks]:
        left = Ranks.of(x)
        return _Learning(left, HeldOutSide.of(left.white, self.seed)), Ranks.of(y)

    def _pair(self, x: _Learning, y: Ranks) -> Found:
        """Return the estimate; directions are sought for each pairing anew."""
        left, side = x
        if 0 in (left.white.scores.shape[1], y.white.scores.shape[1]):
            return Found(0.0, stats={"pairs": 0.0})
        n = len(left.white.scores)
        halves = held_out(side, y.white, self.seed)
        terms, pairs = canonical_terms(halves, n, self.k, self.leading)
        value = float(terms.mean())
        copula, trusted, local = normal_terms(halves, left, y, self.seed)
        stats = {"pairs": pairs, "leading_pairs": value}
        stats |= {"copula": copula, "copula_trusted": float(trusted)}
        error = float((terms - local).std()) / np.sqrt(n)
        if trusted and certain_gain(copula - value, error, EVIDENCE_OF_SPREAD) > 0:
            value = copula
        return Found(value, stats=stats)


class _Learning(NamedTuple):
    """The side whose halves stay where they are when the other side is permuted."""

    ranks: Ranks
    halves: HeldOutSide


@dataclass(frozen=True, eq=False)
class Ranks:
    """What is needed of one side: its ranks as normal quantiles, in two kinds of components.

    Attributes:
        normal: Normal quantiles of the ranks of each column that varies, with shape (n, d).
        white: Their whitened components.
        components: Their components as the copula's estimate takes them.
        kurtosis: That of the whitened components.
    """

    normal: Matrix
    white: Whitened
    components: Matrix
    kurtosis: float

    @classmethod
    def of(cls, side: Matrix) -> Ranks:
        """Rank and whiten one side, shape (n, d)."""
        side = drop_constant(side)
        if side.shape[1] == 0:
            return cls(side, Whitened(side), side, 1.0)
        normal = rank_normal(side)
        white = Whitened.of(normal)
        return cls(normal, white, _components(normal), white.kurtosis)

    def reordered(self, order: NDArray[np.int64]) -> Ranks:
        """Return the same for samples in another order, without any of the work."""
        return replace(
            self,
            normal=self.normal[order],
            white=self.white.reordered(order),
            components=self.components[order],
        )


def canonical_terms(
    halves: list[HeldOut], n_samples: int, k: int, leading: int
) -> tuple[Matrix, float]:
    """Return pointwise contributions to the canonical pairs' information, and the pairs used.

    Args:
        halves: Both held-out halves, of `n_samples` in all.
        n_samples: Number of samples.
        k: Neighbours.
        leading: Most pairs measured by nearest neighbours; those after them are taken as normal.

    Returns:
        Terms in nats with shape (n_samples,), whose mean is the estimate, and the mean number of
        pairs measured.
    """
    terms, used = np.empty(n_samples), []
    for half in halves:
        m = len(half.rows)
        strong = np.flatnonzero(half.correlations > EVIDENCE_OF_SPREAD / np.sqrt(m))
        strong = strong if len(strong) else np.array([0])
        first, rest = strong[:leading], strong[leading:]
        chained, count = _chain(half.u[:, first], half.v[:, first], k)
        if half.normality >= NORMAL:
            new = [
                j
                for j in rest
                if all(
                    local_ksg(side[:, [j]], side[:, first], k).mean() < REDUNDANT_NORMAL
                    for side in (half.u, half.v)
                )
            ]
            chained += normal_information(half.correlations[new], m)
        terms[half.rows] = chained
        used.append(count)
    return terms, float(np.mean(used))


def normal_terms(
    halves: list[HeldOut], x: Ranks, y: Ranks, seed: int
) -> tuple[float, bool, Matrix]:
    """Return the normal copula's information, whether to trust it, and pointwise contributions.

    It is trusted where both sides, and the held-out projections, are normal enough for their
    correlations to mean information. The contributions are those of the held-out pairs, shifted to
    the copula's mean.

    Args:
        halves: Both held-out halves.
        x: The ranks of X.
        y: The ranks of Y.
        seed: Seed of the halves that the copula's estimate uses.

    Returns:
        The information in nats, whether it is trusted, and the contributions, with shape (n,).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of linearly determined pairs: then it is not trusted
        copula = _linear_information(x.components, y.components, seed)
    value = copula.value
    trusted = (
        all(abs(side.kurtosis - 1) <= KURTOSIS for side in (x, y))
        and all(half.normality >= NORMAL for half in halves)
        and not copula.stats.get("determined_pairs")
    )
    local = np.empty(len(x.normal))
    for half in halves:
        r = np.clip(half.correlations, 0, 0.9999)
        ratio = r * half.u * half.v - r**2 * (half.u**2 + half.v**2) / 2
        local[half.rows] = (ratio / (1 - r**2)).sum(axis=1)
    return value, trusted, local - local.mean() + value


def local_ksg(x: Matrix, y: Matrix, k: int = 4) -> Matrix:
    """Return the pointwise contributions to the KSG estimate, in nats, with shape (n,).

    By variant 1 of `KSG`, without its warnings.

    Args:
        x: Samples of X, with shape (n, d_x).
        y: Paired samples of Y, with shape (n, d_y).
        k: Number of neighbours.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ties in projections are not ties in the data
        return KSG(k=k).contributions(x, y)


def _chain(u: Matrix, v: Matrix, k: int) -> tuple[Matrix, int]:
    """Return pointwise contributions to I(U; V) by the identity, and the pairs measured."""
    total, kept = local_ksg(u[:, :1], v[:, :1], k), [0]
    for j in range(1, u.shape[1]):
        before_u, before_v = u[:, kept], v[:, kept]
        shared_u = local_ksg(u[:, [j]], before_u, k)
        shared_v = local_ksg(v[:, [j]], before_v, k)
        if max(shared_u.mean(), shared_v.mean()) > REDUNDANT:
            continue
        pair = local_ksg(u[:, [j]], v[:, [j]], k)
        joint = local_ksg(np.c_[u[:, j], v[:, j]], np.hstack([before_u, before_v]), k)
        total += pair + joint - shared_u - shared_v
        kept.append(j)
    return total, len(kept)
