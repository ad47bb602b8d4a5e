r"""Projected gradient descent from a random start (Madry et al. 2018, arXiv:1706.06083).

.. math:: x_0' \sim U(B_\varepsilon(x_0)), \qquad
   x \leftarrow \Pi_{[l, u]}\bigl(
   \Pi_{B_\varepsilon(x_0)}(x + \alpha\, s(\nabla_x L(f(x), y)))\bigr)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from robustsplit.attacks.ascent import Ball, ascend, per_input
from robustsplit.attacks.base import Attack, Norm
from robustsplit.attacks.losses import LossName, get_loss, margins

__all__ = ["PGD"]


@dataclass(frozen=True)
class PGD(Attack):
    """Gradient steps inside the ball from a random point of it: the attack to train with.

    For evaluation add ``loss="margin"``: where cross-entropy has no gradient left, the margin has.

    Attributes:
        eps: Radius of the ball, in units of the inputs.
        step_size: Length of each step, in the same units.
        steps: How many; the last iterate is returned.
        random_start: Begin at a uniform point of the ball instead of the input.
        restarts: Runs from new starts; per input, the one with the largest margin is kept, so that
            more restarts never raise the accuracy.
        norm: "linf" (sign of the gradient) or "l2" (its direction).
        loss: "ce", "margin" or "dlr" (3 classes or more).
        bounds: Least and largest value of an input.
    """

    name: ClassVar[str] = "pgd"

    eps: float = 8 / 255
    step_size: float = 1 / 255
    steps: int = 10
    random_start: bool = True
    restarts: int = 1
    norm: Norm = "linf"
    loss: LossName = "ce"
    bounds: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        self._check_budget()
        self._check_positive(step_size=self.step_size, steps=self.steps, restarts=self.restarts)
        get_loss(self.loss)
        if self.restarts > 1 and not self.random_start:
            raise ValueError(
                f"{self.restarts} restarts without a random start would repeat the same run. Set "
                "random_start=True or restarts=1."
            )

    def _perturb(
        self, model: nn.Module, inputs: Tensor, labels: Tensor, generator: torch.Generator
    ) -> Tensor:
        best = self._run(model, inputs, labels, generator)
        if self.restarts == 1:
            return best
        with torch.no_grad():
            best_margin = margins(model(best), labels)
            for _ in range(self.restarts - 1):
                found = self._run(model, inputs, labels, generator)
                margin = margins(model(found), labels)
                better = margin > best_margin
                best = torch.where(per_input(better, best), found, best)
                best_margin = torch.where(better, margin, best_margin)
        return best

    def _run(
        self, model: nn.Module, inputs: Tensor, labels: Tensor, generator: torch.Generator
    ) -> Tensor:
        """Return the last iterate of one run."""
        ball = Ball(inputs, self.eps, self.norm, self.bounds)
        with torch.enable_grad():
            return ascend(
                model,
                ball.random_point(generator) if self.random_start else inputs,
                labels,
                ball=ball,
                step_size=self.step_size,
                steps=self.steps,
                loss=get_loss(self.loss),
            )
