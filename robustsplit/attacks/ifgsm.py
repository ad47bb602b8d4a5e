r"""The iterated fast gradient sign method (Kurakin et al. 2017, arXiv:1607.02533, section 2.2).

.. math::
   x \leftarrow \Pi_{[l, u]}\bigl(x_0 + \Pi_{\varepsilon}(
   x + \alpha\,\mathrm{sign}\,\nabla_x L(f(x), y) - x_0)\bigr)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from robustsplit.attacks.ascent import Ball, ascend
from robustsplit.attacks.base import Attack, Norm
from robustsplit.attacks.losses import cross_entropy

__all__ = ["IFGSM"]


@dataclass(frozen=True)
class IFGSM(Attack):
    """Sign-gradient steps from the input itself, inside the Linf ball: PGD without a random start.

    Deterministic, so that two runs, and two libraries, can be compared bit for bit.

    Attributes:
        eps: Radius of the Linf ball, in units of the inputs.
        step_size: Length of each step, in the same units.
        steps: How many; the last iterate is returned.
        bounds: Least and largest value of an input.
    """

    name: ClassVar[str] = "ifgsm"
    norm: ClassVar[Norm] = "linf"  # type: ignore[misc]

    eps: float = 8 / 255
    step_size: float = 1 / 255
    steps: int = 10
    bounds: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        self._check_budget()
        self._check_positive(step_size=self.step_size, steps=self.steps)

    def _perturb(
        self, model: nn.Module, inputs: Tensor, labels: Tensor, generator: torch.Generator
    ) -> Tensor:
        return ascend(
            model,
            inputs,
            labels,
            ball=Ball(inputs, self.eps, self.norm, self.bounds),
            step_size=self.step_size,
            steps=self.steps,
            loss=cross_entropy,
        )
