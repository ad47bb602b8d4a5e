r"""Lower bounds of I(X; Y) from a trained critic: `InfoNCE`, `MINE` and `SMILE`.

The critic scores a pair by the inner product of two networks, :math:`f(x, y) = g(x) \cdot h(y) /
\sqrt{32}`, so that all pairs of a batch are scored by one matrix product. It is trained to tell
pairs from permuted samples; its best form is :math:`\ln p(x, y) / p(x) p(y)`, up to what the
bound leaves free. Before training it is 0 everywhere, where the bounds are 0; these weights stay
unless others do better on the validation pairs.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mitools.estimators.neural.base import Fold, Trained
from mitools.estimators.neural.settings import BLOCK, is_number, takes_training_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from mitools.estimators.neural.training import Fitted

__all__ = ["MINE", "SMILE", "InfoNCE"]

#: Outputs of each side's network.
EMBEDDING = 32


@dataclass(frozen=True, repr=False, kw_only=True)
class Critic(Trained):
    """Settings of an estimator that reports a bound of a trained critic's scores."""

    def ceiling(self, n_samples: int) -> float:
        """Return ln of the pairs measured together: those of a fold, or about 2,048 of them."""
        fold = self._largest_fold(n_samples)
        blocks = -(-fold // BLOCK)
        return math.log(-(-fold // blocks))

    def _on_fold(self, fold: Fold, generator: np.random.Generator) -> tuple[float, Fitted]:
        import torch

        from mitools.estimators.neural.training import Encoder, fit, mean_over_blocks

        how = self.training
        g, h = (
            Encoder((side.shape[1], *how.hidden, EMBEDDING), generator, how.device, zero=zero)
            for side, zero in zip(fold.training, (False, True), strict=True)
        )

        def of_scores(bound: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
            return lambda x, y: bound(g(x) @ h(y).T / math.sqrt(EMBEDDING))

        fitted = fit(
            [*g.parameters(), *h.parameters()],
            of_scores(self._objective()),
            of_scores(self._progress),
            fold.training,
            fold.validation,
            how,
            generator,
        )
        with torch.no_grad():
            return mean_over_blocks(of_scores(self._bound), fold.test), fitted

    @abstractmethod
    def _objective(self) -> Callable[[Tensor], Tensor]:
        """Return what a training step raises, as a function of a batch's scores."""

    @abstractmethod
    def _progress(self, scores: Tensor) -> Tensor:
        """Return what has to rise on the validation pairs."""

    @abstractmethod
    def _bound(self, scores: Tensor) -> Tensor:
        """Return the value, for the scores of pairs held out from training and validation."""


@takes_training_settings
@dataclass(frozen=True, repr=False, kw_only=True)
class InfoNCE(Critic):
    r"""The contrastive lower bound of I(X; Y) (van den Oord, Li and Vinyals 2018), held out.

    Use it for wide or curved dependence in which neighbours and canonical directions see little,
    with a thousand samples or more, and where a lower bound is what is wanted. It is the steadiest
    of the three critics, and the first to try. In a few dimensions `KSG` is closer, at a hundredth
    of the cost. With n pairs scored against each other,

    .. math:: \frac1n \sum_i \ln \frac{e^{f(x_i, y_i)}}{\frac1n \sum_j e^{f(x_i, y_j)}}

    (the mean of this and of the same with the sides exchanged): its expectation is at most
    I(X; Y) for pairs that did not train the critic. The null of independent data is 0 or slightly
    below.

    Source: A. van den Oord, Y. Li, O. Vinyals, "Representation learning with contrastive
    predictive coding" (2018), section 2.3; B. Poole et al., "On variational bounds of mutual
    information" (ICML 2019), section 2.3.
    Ceiling: ln n of the pairs measured together, a third of the samples by default and at most
    about 2,048; the bound falls short well before.
    Cost: `folds` trainings, each of a few hundred epochs: seconds for 1,000 samples, a minute for
    10,000. A permutation trains anew, so `assess` with 19 permutations and 10 halves costs some
    thirty estimates.

    Attributes:
        training: How the critic is trained; each setting of `Training` may also be given by
            itself.
        folds: Parts of the samples; each is measured in turn by a critic of the others.
        seed: Seed of folds, weights and batches.

    Example:
        >>> from mitools import Training
        >>> from mitools.distributions import Gaussian
        >>> x, y = Gaussian((0.8,)).sample(600, seed=0)  # I = 0.511
        >>> quick = Training(epochs=40, learning_rate=3e-3, weight_decays=(0.5,))
        >>> bool(0.3 < InfoNCE(training=quick).estimate(x, y).value < 0.6)
        True
    """

    def _objective(self) -> Callable[[Tensor], Tensor]:
        from mitools.estimators.neural.bounds import info_nce

        return info_nce

    def _progress(self, scores: Tensor) -> Tensor:
        return self._bound(scores)

    def _bound(self, scores: Tensor) -> Tensor:
        from mitools.estimators.neural.bounds import info_nce

        return info_nce(scores)


@takes_training_settings
@dataclass(frozen=True, repr=False, kw_only=True)
class MINE(Critic):
    r"""The bound of Donsker and Varadhan by a trained critic (Belghazi et al. 2018), held out.

    Use it to compare with published values of MINE; `InfoNCE` of the same critic is never below
    this bound, and varies less. The value is

    .. math:: \frac1n \sum_i f(x_i, y_i) - \ln \frac1{n^2} \sum_{ij} e^{f(x_i, y_j)}

    over pairs that trained nothing, with the pairs themselves in the sum: so its expectation is
    at most I(X; Y). (Left out, the noise of the sum makes the bound too high on average.) The
    training gradient has its denominator averaged over batches, as in the paper.

    Source: M. I. Belghazi et al., "Mutual information neural estimation" (ICML 2018), Definition
    3.1 for the bound and section 3.2 for the gradient; Donsker and Varadhan (1983).
    Ceiling: ln n of the pairs measured together, as for `InfoNCE`. No bound of this kind can be
    trusted above ln n: McAllester and Stratos, "Formal limitations on the measurement of mutual
    information" (AISTATS 2020), section 3.
    Cost: as for `InfoNCE`; a permutation trains anew.

    Attributes:
        training: How the critic is trained; each setting of `Training` may also be given by
            itself.
        folds: Parts of the samples; each is measured in turn by a critic of the others.
        seed: Seed of folds, weights and batches.

    Example:
        >>> from mitools import Training
        >>> from mitools.distributions import Gaussian
        >>> x, y = Gaussian((0.8,)).sample(600, seed=0)  # I = 0.511
        >>> quick = Training(epochs=40, learning_rate=3e-3, weight_decays=(0.5,))
        >>> bool(0.3 < MINE(training=quick).estimate(x, y).value < 0.6)
        True
    """

    def _objective(self) -> Callable[[Tensor], Tensor]:
        from mitools.estimators.neural.bounds import averaged_gradient

        return averaged_gradient()

    def _progress(self, scores: Tensor) -> Tensor:
        return self._bound(scores)

    def _bound(self, scores: Tensor) -> Tensor:
        from mitools.estimators.neural.bounds import donsker_varadhan

        return donsker_varadhan(scores)


@takes_training_settings
@dataclass(frozen=True, repr=False, kw_only=True)
class SMILE(Critic):
    r"""MINE's bound with clipped ratios (Song and Ermon 2020), trained by Jensen and Shannon's.

    Use it where I(X; Y) is large, above about half of ln n, and an estimate of less variance
    than a bound's is worth more than the bound: with ratios clipped to
    :math:`[e^{-\tau}, e^{\tau}]` in the sum,

    .. math:: \frac1n \sum_i f(x_i, y_i)
        - \ln \frac1{n^2} \sum_{ij} \min(\max(e^{f(x_i, y_j)}, e^{-\tau}), e^{\tau}),

    **it is no lower bound**: what the clip takes from the sum is added to the value. Infinite
    `clip` gives `MINE`'s bound of this critic. Training and its end follow the bound of the
    Jensen-Shannon divergence, which fixes the scale of f.

    Source: J. Song, S. Ermon, "Understanding the limitations of variational mutual information
    estimators" (ICLR 2020), section 5.
    Ceiling: none of its own for a finite clip, ln n as for `MINE` for an infinite one; n samples
    cannot show more than about ln n with confidence (McAllester and Stratos 2020), whatever the
    value.
    Cost: as for `InfoNCE`; a permutation trains anew.

    Attributes:
        training: How the critic is trained; each setting of `Training` may also be given by
            itself.
        folds: Parts of the samples; each is measured in turn by a critic of the others.
        seed: Seed of folds, weights and batches.
        clip: The largest logarithm of a ratio in the sum, tau.

    Example:
        >>> from mitools import Training
        >>> from mitools.distributions import Gaussian
        >>> x, y = Gaussian((0.8,)).sample(600, seed=0)  # I = 0.511
        >>> quick = Training(epochs=40, learning_rate=3e-3, weight_decays=(0.5,))
        >>> bool(0.3 < SMILE(training=quick).estimate(x, y).value < 0.6)
        True
    """

    clip: float = 5.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not is_number(self.clip):
            raise ValueError(f"`clip` must be a number, got {self.clip!r}.")
        if not self.clip > 0:
            raise ValueError(
                f"`clip` must be above 0 (5 is usual, inf clips nothing), got {self.clip}."
            )

    def ceiling(self, n_samples: int) -> float:
        """Return infinity, or ln of the pairs measured together if nothing is clipped."""
        return super().ceiling(n_samples) if self.clip == math.inf else math.inf

    def _objective(self) -> Callable[[Tensor], Tensor]:
        from mitools.estimators.neural.bounds import jensen_shannon

        return jensen_shannon

    def _progress(self, scores: Tensor) -> Tensor:
        from mitools.estimators.neural.bounds import jensen_shannon

        return jensen_shannon(scores)

    def _bound(self, scores: Tensor) -> Tensor:
        from mitools.estimators.neural.bounds import smile

        return smile(scores, self.clip)
