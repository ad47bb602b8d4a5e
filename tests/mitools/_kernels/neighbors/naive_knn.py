"""KSG by the book, in numpy, with n x n distances: the twin the kernels must equal."""

from __future__ import annotations

import numpy as np
from scipy.special import digamma


def side_distances(side, metric):
    gaps = np.abs(side[:, None, :] - side[None, :, :])
    return gaps.max(axis=2) if metric == "max" else np.sqrt((gaps**2).sum(axis=2))


def neighbor_counts(x, y, k, variant, metric):
    """Return the counts of Kraskov et al. (2004): strict within one radius, or up to two radii."""
    in_x, in_y = side_distances(x, metric), side_distances(y, metric)
    joint = np.maximum(in_x, in_y)
    np.fill_diagonal(joint, np.inf)
    n_x, n_y = [], []
    for i in range(len(x)):
        nearest = np.argsort(joint[i], kind="stable")[:k]
        others = np.arange(len(x)) != i
        if variant == 1:
            radius = joint[i, nearest[-1]]
            n_x.append(((in_x[i] < radius) & others).sum())
            n_y.append(((in_y[i] < radius) & others).sum())
        else:
            n_x.append(((in_x[i] <= in_x[i, nearest].max()) & others).sum())
            n_y.append(((in_y[i] <= in_y[i, nearest].max()) & others).sum())
    return np.array(n_x), np.array(n_y)


def ksg(x, y, k, variant, metric):
    """Return equations 8 and 9, in nats."""
    n_x, n_y = neighbor_counts(x, y, k, variant, metric)
    if variant == 1:
        return digamma(k) + digamma(len(x)) - np.mean(digamma(n_x + 1) + digamma(n_y + 1))
    return digamma(k) - 1 / k + digamma(len(x)) - np.mean(digamma(n_x) + digamma(n_y))
