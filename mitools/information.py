"""The front door: `mutual_information(x, y, given=None, estimator=...)`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mitools._arrays import Part, paired_samples, split_by_label
from mitools._parallel import in_parallel, n_workers
from mitools.base import Estimate, MutualInformationEstimator
from mitools.estimators.ksg import KSG

__all__ = ["as_estimator", "estimate_parts", "mutual_information"]


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
    n_workers(n_jobs)
    parts = split_by_label(*paired_samples(x, y, given=given), given)
    return estimate_parts(parts, estimator, n_jobs)


def as_estimator(estimator: MutualInformationEstimator | None) -> MutualInformationEstimator:
    """Return the estimator, `KSG()` for None, or an error for anything else."""
    estimator = KSG() if estimator is None else estimator
    if not isinstance(estimator, MutualInformationEstimator):
        raise TypeError(
            f"`estimator` must be an estimator such as KSG() or EDGE(), got {estimator!r}. "
            "Classes are called first: KSG() rather than KSG."
        )
    return estimator


def estimate_parts(
    parts: Sequence[Part], estimator: MutualInformationEstimator, n_jobs: int | None = None
) -> Estimate:
    """Estimate within each part and combine; a single part without a label is the whole."""
    if parts[0].label is None:
        return estimator._checked(parts[0].x, parts[0].y)

    def estimated(part: Part) -> Estimate:
        where = f" in each label; label {str(part.label)!r} has too few"
        return estimator._checked(part.x, part.y, where=where)

    estimates = in_parallel(estimated, parts, n_jobs)
    labels = [part.label for part in parts]
    return weighted(dict(zip(labels, estimates, strict=True)), estimator)


def weighted(parts: dict[Any, Estimate], estimator: MutualInformationEstimator) -> Estimate:
    """Combine per-label estimates: means of values and ceilings, weighted by label frequency."""
    n_samples = sum(part.n_samples for part in parts.values())
    shares = [part.n_samples / n_samples for part in parts.values()]
    shared = set.intersection(*(set(part.stats) for part in parts.values()))

    def mean(numbers: list[float]) -> float:
        return float(sum(share * number for share, number in zip(shares, numbers, strict=True)))

    return Estimate(
        value=mean([part.value for part in parts.values()]),
        n_samples=n_samples,
        ceiling=mean([part.ceiling for part in parts.values()]),
        estimator=estimator,
        parts=parts,
        stats={key: mean([part.stats[key] for part in parts.values()]) for key in sorted(shared)},
        entropy=mean([part.entropy for part in parts.values()]),
    )
