r"""Bounds of I(X; Y) from a matrix of scores: `info_nce`, `donsker_varadhan`, `smile`.

Entry (i, j) of the scores is the critic's :math:`f(x_i, y_j)`: pairs are on the diagonal, and all
:math:`n^2` entries are draws of the product of the empirical margins. With them on both sides,

.. math:: \frac1n \sum_i f_{ii} - \ln \frac1{n^2} \sum_{ij} e^{f_{ij}}
   \le \frac1n \sum_i \Big( f_{ii} - \ln \frac1n \sum_j e^{f_{ij}} \Big) \le \ln n,

by Jensen's inequality, and the expectation of the middle is at most I(X; Y) for a critic that has
not seen the pairs. So are both bounds; were the diagonal left out of the sum, the first would be
too high on average by the noise in its logarithm, and have no ceiling.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import softplus

__all__ = ["averaged_gradient", "donsker_varadhan", "info_nce", "jensen_shannon", "smile"]

#: Weight of the newest batch in the moving average of MINE's partition function.
NEWEST = 0.1


def info_nce(scores: Tensor) -> Tensor:
    """Return the InfoNCE bound, the mean of both directions, for scores with shape (n, n).

    Args:
        scores: The critic's scores; pairs on the diagonal.

    Returns:
        A scalar, at most ln n. Van den Oord et al. (2018), section 2.3, has one direction (the
        other side of a pair among n of them); the mean of both treats the sides alike.
    """
    normalisers = (scores.logsumexp(dim=1) + scores.logsumexp(dim=0)) / 2
    return (scores.diagonal() - normalisers).mean() + math.log(len(scores))


def donsker_varadhan(scores: Tensor) -> Tensor:
    """Return the bound of Donsker and Varadhan over all n^2 pairs; a scalar, at most ln n.

    Belghazi et al. (2018), Definition 3.1, whose margins are the empirical ones, too.
    """
    return scores.diagonal().mean() - _log_mean_exp(scores.flatten())


def smile(scores: Tensor, clip: float) -> Tensor:
    """Return `donsker_varadhan` with ratios clipped to [e^-clip, e^clip] in the sum.

    Song and Ermon (2020), section 5. It is no bound: clipping makes the sum smaller.

    Args:
        scores: The critic's scores, with shape (n, n); pairs on the diagonal.
        clip: The largest logarithm of a ratio.
    """
    return scores.diagonal().mean() - _log_mean_exp(scores.flatten().clamp(-clip, clip))


def jensen_shannon(scores: Tensor) -> Tensor:
    """Return the bound of the Jensen-Shannon divergence by which SMILE trains.

    Nowozin et al. (2016), pairs against all others. Its best critic is ln p(x, y) / p(x) p(y).
    """
    pairs = scores.diagonal()
    others = (softplus(scores).sum() - softplus(pairs).sum()) / (len(scores) * (len(scores) - 1))
    return -softplus(-pairs).mean() - others


def averaged_gradient() -> Callable[[Tensor], Tensor]:
    r"""Return MINE's objective: the gradient of the bound with an averaged denominator.

    .. math:: E[\nabla f] - E[e^f \nabla f] / \bar Z

    with :math:`\bar Z` the moving average of the batches' mean of :math:`e^f` over other pairs,
    instead of the batch's own, whose inverse is biased (Belghazi et al. 2018, section 3.2). Each
    call of this function starts a new average; the value that it returns is not the bound.
    """
    average: Tensor | None = None

    def objective(scores: Tensor) -> Tensor:
        nonlocal average
        n = len(scores)
        others = scores.masked_fill(
            torch.eye(n, dtype=torch.bool, device=scores.device), -math.inf
        )
        log_z = others.flatten().logsumexp(dim=0) - math.log(n * (n - 1))
        newest = log_z.detach()
        if average is None:
            average = newest
        average = torch.logaddexp(average + math.log1p(-NEWEST), newest + math.log(NEWEST))
        return scores.diagonal().mean() - torch.exp(log_z - average)

    return objective


def _log_mean_exp(values: Tensor) -> Tensor:
    return values.logsumexp(dim=0) - math.log(len(values))
