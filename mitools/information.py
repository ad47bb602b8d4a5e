"""The front door: `mutual_information(x, y, given=None, estimator=...)`."""

from __future__ import annotations

from typing import Any

from mitools.estimators.base import Estimate, MutualInformationEstimator
from mitools.estimators.ksg import KSG
from mitools.estimators.sample import Sample

__all__ = ["as_estimator", "mutual_information"]


def mutual_information(
    x: Any,
    y: Any,
    *,
    given: Any = None,
    estimator: MutualInformationEstimator | None = None,
    n_jobs: int | None = None,
) -> Estimate:
    r"""Estimate :math:`I(X; Y)`, or :math:`\sum_z \pi(z)\, I(X; Y \mid Z = z)` for labels `given`.

    Args:
        x: Samples of :math:`X`, with shape :math:`(n, d_x)` or :math:`(n,)`; trailing axes are
            flattened. Lists, data frames and torch tensors on any device are accepted.
        y: Paired samples of :math:`Y`, with shape :math:`(n, d_y)` or :math:`(n,)`.
        given: Discrete labels :math:`z`, with shape :math:`(n,)`; :math:`\pi(z)` are their
            frequencies.
        estimator: How to estimate; `KSG()` when not given. See "How to choose" for KSG against
            EDGE.
        n_jobs: Workers for the labels of `given`: a number, or -1 for one per processor. They are
            threads; within ``joblib.parallel_config(backend="loky")``, processes. Their number
            changes no bit. None uses none.

    Returns:
        The estimate in nats, with its ceiling; with `given`, each label's own estimate in `parts`.

    Raises:
        TypeError: For data that are not numbers.
        ValueError: For empty, unequal, missing or infinite data, or too few samples in all or in a
            label.

    Example:
        >>> import numpy as np
        >>> from mitools import mutual_information, KSG
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=2000)
        >>> y = x + rng.normal(size=2000)  # I = ln(2) / 2 = 0.347 nats
        >>> mutual_information(x, y, estimator=KSG(k=3))
        Estimate(0.342 nats, n=2000, KSG(k=3))
    """
    estimator = as_estimator(estimator)
    return Sample.of(x, y, given, n_jobs=n_jobs).estimate(estimator)


def as_estimator(estimator: MutualInformationEstimator | None) -> MutualInformationEstimator:
    """Return the estimator, `KSG()` for None, or an error for anything else."""
    estimator = KSG() if estimator is None else estimator
    if not isinstance(estimator, MutualInformationEstimator):
        raise TypeError(
            f"`estimator` must be an estimator such as KSG() or EDGE(), got {estimator!r}. "
            "Classes are called first: KSG() rather than KSG."
        )
    return estimator
