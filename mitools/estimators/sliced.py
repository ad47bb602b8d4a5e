r"""Sliced mutual information: the mean information between random projections of the two sides.

With :math:`\Theta, \Phi` random orthonormal k-frames of each side, independent of each other and
of the data,

.. math:: SI_k(X; Y) = E_{\Theta, \Phi}\, I(\Theta^T X; \Phi^T Y),

estimated as the mean of a base estimator over draws of the frames.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mitools.estimators.base import Found, Matrix, MutualInformationEstimator, Orders
from mitools.estimators.ksg import KSG

__all__ = ["Sliced", "random_frame"]


@dataclass(frozen=True, repr=False)
class Sliced(MutualInformationEstimator):
    """Sliced (k = 1) and k-sliced mutual information over any base estimator.

    Use it to compare the dependence of wide layers or embeddings of equal width: it converges at
    the rate of the base estimator in k + k dimensions, whatever the width, and is 0 exactly at
    independence. **It is not Shannon's mutual information**: it is smaller, falls with the width
    (for Y = X of d normal columns: 0.693 nats at d = 2, 0.307 at 3, 0.059 at 10, 0.001 at 512),
    and may grow under processing, since a map can move information to where slices see it. Never
    compare it across widths, nor with other estimators. The columns are taken as they are:
    standardise them first if their units differ.

    Source: Goldfeld and Greenewald, "Sliced mutual information: a scalable measure of statistical
    dependence" (NeurIPS 2021), Definition 1; frames: Goldfeld, Greenewald, Nuradha and Reeves,
    "k-sliced mutual information" (NeurIPS 2022), Definition 1.
    Ceiling: the base estimator's. Cost: `n_slices` base estimates in k + k dimensions. The error
    over slices is in the statistics (``slice_error``).

    Attributes:
        k: Columns of each frame, at most the width of a side (fewer are used for a narrower one).
        n_slices: Number of pairs of frames.
        base: The estimator for each pair of projections.
        seed: Seed of the frames; the same data and seed give the same frames.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(1000, 3))
        >>> y = x @ np.diag([1.0, -1.0, 1.0])
        >>> bool(abs(Sliced().estimate(x, y).value - (1 - np.log(2))) < 0.1)  # 0.307
        True
    """

    k: int = 1
    n_slices: int = 100
    base: MutualInformationEstimator = field(default_factory=KSG)
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("k", "n_slices"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` must be at least 1, got {getattr(self, name)}.")
        if not isinstance(self.base, MutualInformationEstimator):
            raise TypeError(f"`base` must be an estimator such as KSG(), got {self.base!r}.")

    @property
    def unit(self) -> str:
        """The base estimator's."""
        return self.base.unit

    @property
    def comparable(self) -> bool:
        """It is not: a mean over slices is no bound of I."""
        return False

    def minimum_samples(self) -> int:
        """Return the base estimator's."""
        return self.base.minimum_samples()

    def ceiling(self, n_samples: int) -> float:
        """Return the base estimator's ceiling: a mean over slices cannot exceed it."""
        return self.base.ceiling(n_samples)

    def _pair(self, x: Matrix, y: Matrix) -> Found:
        values = self._per_slice(x, y, None)[0]
        error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
        stats = {
            "slice_deviation": float(values.std()),
            "slice_error": float(error),
            "largest_slice": float(values.max()),
        }
        return Found(float(values.mean()), stats=stats)

    def _permuted(self, prepared: tuple[Matrix, Matrix], orders: Orders) -> Matrix:
        return self._per_slice(*prepared, orders).mean(axis=1)

    def _per_slice(self, x: Matrix, y: Matrix, orders: Orders | None) -> Matrix:
        """Return the base estimate of each slice for each pairing, with shape (B, n_slices)."""
        rng = np.random.default_rng(self.seed)
        values = np.empty((1 if orders is None else len(orders), self.n_slices))
        for number in range(self.n_slices):
            left = x @ random_frame(x.shape[1], self.k, rng)
            right = y @ random_frame(y.shape[1], self.k, rng)
            prepared = self.base.prepare(left, right)
            if orders is None:
                values[0, number] = prepared.found().value
            else:
                values[:, number] = prepared.permuted(orders)
        return values


def random_frame(d: int, k: int, rng: np.random.Generator) -> Matrix:
    """Return min(k, d) orthonormal columns in d dimensions, uniform over all rotations.

    Args:
        d: Rows.
        k: Columns, at most.
        rng: The source.
    """
    q, r = np.linalg.qr(rng.normal(size=(d, min(k, d))))
    return q * np.sign(np.diag(r))  # without the signs, QR is not uniform
