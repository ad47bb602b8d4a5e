r"""The fast gradient sign method (Goodfellow, Shlens and Szegedy 2015, arXiv:1412.6572).

.. math:: x' = \Pi_{[l, u]}\bigl(x + \varepsilon\, \mathrm{sign}\, \nabla_x L(f(x), y)\bigr)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from robustsplit.attacks.ascent import Ball, ascend
from robustsplit.attacks.base import Attack, Norm
from robustsplit.attacks.losses import cross_entropy

__all__ = ["FGSM"]


@dataclass(frozen=True)
class FGSM(Attack):
    """One step of length `eps` along the sign of the gradient, from the input itself.

    Exact for linear classifiers; on others a weak attack, to be read beside PGD, never alone.

    Attributes:
        eps: Radius of the Linf ball, in units of the inputs.
        bounds: Least and largest value of an input.
    """

    name: ClassVar[str] = "fgsm"
    norm: ClassVar[Norm] = "linf"  # type: ignore[misc]

    eps: float = 8 / 255
    bounds: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        self._check_budget()

    def _perturb(
        self, model: nn.Module, inputs: Tensor, labels: Tensor, generator: torch.Generator
    ) -> Tensor:
        ball = Ball(inputs, self.eps, self.norm, self.bounds)
        return ascend(
            model, inputs, labels, ball=ball, step_size=self.eps, steps=1, loss=cross_entropy
        )
