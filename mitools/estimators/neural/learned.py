r"""Nearest neighbours in learned coordinates: `Learned` (Gowri et al. 2024).

Two encoders :math:`z_x = e_x(x)` and :math:`z_y = e_y(y)` are trained with four decoders to
predict both sides from either code,

.. math:: \|y - d_{xy}(z_x)\|^2 + \|x - d_{yx}(z_y)\|^2
   + \alpha \big( \|x - d_{xx}(z_x)\|^2 + \|y - d_{yy}(z_y)\|^2 \big),

each the mean over columns. Since :math:`I(z_x; z_y) \le I(x; y)` for any encoders, an estimator
of few dimensions on the codes of pairs that trained nothing is a lower bound, up to its own bias.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mitools.estimators.base import MutualInformationEstimator, check_whole
from mitools.estimators.ksg import KSG
from mitools.estimators.neural.base import Fold, Trained
from mitools.estimators.neural.settings import is_number, takes_training_settings

if TYPE_CHECKING:
    from torch import Tensor

    from mitools.estimators.neural.training import Fitted

__all__ = ["Learned"]


#: What measures the codes by default: their columns are in the units in which they were learned,
#: where a column that predicts little is small.
CODES = KSG(standardize=False)


@takes_training_settings
@dataclass(frozen=True, repr=False, kw_only=True)
class Learned(Trained):
    """I(X; Y) between learned codes of both sides, by nearest neighbours (Gowri et al. 2024).

    Use it for wide data whose dependence lives near a few directions or curved surfaces, where
    neighbours in all columns mean nothing and `Canonical` directions, which are linear, lose part.
    Where the mean of Y does not depend on X and the other way round (a ring, a shared scale), only
    the reconstruction of each side by itself shapes the codes: prefer `InfoNCE` there.

    Codes are learned on the samples outside a fold, less those that say when to stop, and measured
    on the fold. A code loses information and no code makes any, so the value is a lower bound but
    for the bias of `then`, which for nearest neighbours is downwards in more than a few columns.

    Source: G. Gowri, X.-K. Lun, A. M. Klein, P. Yin, "Approximating mutual information of
    high-dimensional variables using learned representations" (NeurIPS 2024). Otherwise than there:
    normal margins, all samples are measured in turn, three sets of samples instead of two, a
    linear path in each network, weight decay, and a weaker reconstruction, which cost less and
    fell less short on wide data.
    Ceiling: that of `then` for a fold: psi(n / folds) - psi(k) for `KSG`.
    Cost: `folds` trainings of six small networks, of about a hundred epochs each: seconds for
    1,000 samples; a permutation trains anew.

    Attributes:
        training: How codes are learned; each setting of `Training` may also be given by itself.
        folds: Parts of the samples; each is measured in turn. Two, as neighbours need many
            samples.
        seed: Seed of folds, weights and batches.
        n_components: Columns of each code.
        then: The estimator of the codes.
        reconstruction: Weight of predicting each side from its own code, alpha (1 in the authors'
            code). More keeps more of a side than predicts the other.

    Example:
        >>> from mitools import KSG, Training
        >>> from mitools.distributions import Gaussian
        >>> truth = Gaussian((0.9,), width=30, rotated=True)  # I = 0.830
        >>> x, y = truth.sample(800, seed=0)
        >>> KSG().estimate(x, y).value < 0.2  # neighbours in 30 columns a side
        True
        >>> quick = Training(epochs=40, learning_rate=0.01, weight_decays=(1.0,))
        >>> bool(0.4 < Learned(n_components=2, training=quick).estimate(x, y).value < 0.83)
        True
    """

    folds: int = 2
    n_components: int = 8
    then: MutualInformationEstimator = CODES
    reconstruction: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_whole("n_components", self.n_components)
        if not isinstance(self.then, MutualInformationEstimator):
            raise TypeError(f"`then` must be an estimator such as KSG(), got {self.then!r}.")
        if not is_number(self.reconstruction) or not 0 <= self.reconstruction < np.inf:
            raise ValueError(
                f"`reconstruction` must be a number of at least 0, got {self.reconstruction!r}."
            )

    def minimum_samples(self) -> int:
        """Return 20 samples a fold, or more if the estimator of the codes needs them."""
        return max(super().minimum_samples(), self.folds * self.then.minimum_samples())

    def ceiling(self, n_samples: int) -> float:
        """Return the ceiling of the estimator of the codes, for a fold."""
        return self.then.ceiling(self._largest_fold(n_samples))

    def _on_fold(self, fold: Fold, generator: np.random.Generator) -> tuple[float, Fitted]:
        import torch
        from torch.nn.functional import mse_loss

        from mitools.estimators.neural.training import Encoder, fit

        how = self.training
        widths = [side.shape[1] for side in fold.training]

        def network(d_in: int, d_out: int) -> Encoder:
            return Encoder((d_in, *how.hidden, d_out), generator, how.device)

        encoders = [network(width, self.n_components) for width in widths]
        crossing = [network(self.n_components, width) for width in reversed(widths)]
        own = [network(self.n_components, width) for width in widths]

        def quality(x: Tensor, y: Tensor) -> Tensor:
            codes = encoders[0](x), encoders[1](y)
            error = mse_loss(crossing[0](codes[0]), y) + mse_loss(crossing[1](codes[1]), x)
            if self.reconstruction:
                itself = mse_loss(own[0](codes[0]), x) + mse_loss(own[1](codes[1]), y)
                error = error + self.reconstruction * itself
            return -error

        networks = [*encoders, *crossing, *(own if self.reconstruction else ())]
        fitted = fit(
            [parameter for network in networks for parameter in network.parameters()],
            quality,
            quality,
            fold.training,
            fold.validation,
            how,
            generator,
        )
        with torch.no_grad():
            codes = [
                np.ascontiguousarray(encoder(side).cpu().numpy(), dtype=np.float64)
                for encoder, side in zip(encoders, fold.test, strict=True)
            ]
        return self.then.prepare(codes[0], codes[1]).found().value, fitted
