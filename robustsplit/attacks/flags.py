"""Signs that an attack failed, not that a network is robust (Carlini et al. 2019).

Cheap and not exhaustive: no raised flag is no proof; a raised one means that the accuracy under
gradient attacks says little about the network. On an untrained network the second may be raised:
there, the margin is simply the better loss.

Reference: On evaluating adversarial robustness, arXiv:1902.06705.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from robustsplit.attacks.ascent import input_gradient
from robustsplit.attacks.base import Attack, Clean
from robustsplit.attacks.guard import untouched
from robustsplit.attacks.logits import LogitModel
from robustsplit.attacks.losses import cross_entropy
from robustsplit.attacks.pgd import PGD
from robustsplit.network import unwrap

__all__ = ["Flag", "masking_flags"]

#: In percent, and heuristic: the literature names the signs, not the sizes.
MOST_ZERO_GRADIENTS, MOST_GAP, MOST_LEFT = 5.0, 5.0, 1.0


@dataclass(frozen=True)
class Flag:
    """One check: what it measured, in percent, and above which value it is suspicious."""

    name: str
    value: float
    threshold: float

    @property
    def raised(self) -> bool:
        """Whether the value is suspicious."""
        return self.value > self.threshold

    def __str__(self) -> str:
        verdict = "SUSPICIOUS" if self.raised else "fine"
        return f"{self.name}: {self.value:.1f} % (suspicious above {self.threshold} %): {verdict}"


def masking_flags(
    model: nn.Module, inputs: Tensor, labels: Tensor, *, eps: float = 8 / 255, seed: int = 0
) -> tuple[Flag, ...]:
    """Return three signs of gradient masking, each a share of the inputs in percent.

    * zero gradients: rightly classified inputs whose cross-entropy has no gradient at all;
    * margin over cross-entropy: by how much PGD-20 on the margin lowers the accuracy further;
    * accuracy at full range: what is left when eps spans all of [0, 1], the better of both losses.

    Args:
        model: A classifier of inputs in [0, 1]; left as it was.
        inputs: Clean inputs, shape (n, ...); some hundred are enough.
        labels: Their classes, shape (n,).
        eps: Radius of the Linf ball for the second check.
        seed: Of the random starts.

    Returns:
        The three checks, in this order.

    Raises:
        TypeError: As for `Attack.perturb`.
        ValueError: As for `Attack.perturb`, and for a model that is not differentiable.
    """
    module = unwrap(model)
    logits = LogitModel(module, (int(labels.min()), int(labels.max())))

    def right(x: Tensor) -> Tensor:
        with torch.no_grad():
            return logits(x).argmax(dim=1) == labels

    def right_under(attack: Attack) -> Tensor:
        return right(attack.perturb(model, inputs, labels, seed=seed))

    perturbed = Clean().perturb(model, inputs, labels)  # checks the inputs
    with torch.inference_mode(False), torch.enable_grad(), untouched(module):
        zero = input_gradient(logits, perturbed, labels, cross_entropy).flatten(1) == 0
        zero = zero.all(dim=1) & right(inputs)
        by_ce = right_under(PGD(eps, eps / 8, 20))
        by_margin = right_under(PGD(eps, eps / 8, 20, loss="margin"))
        left = right_under(PGD(1.0, 0.1, 20)) & right_under(PGD(1.0, 0.1, 20, loss="margin"))
    gap = by_ce.double().mean() - by_margin.double().mean()
    return (
        Flag("zero gradients", 100 * float(zero.double().mean()), MOST_ZERO_GRADIENTS),
        Flag("margin over cross-entropy", 100 * float(gap), MOST_GAP),
        Flag("accuracy at full range", 100 * float(left.double().mean()), MOST_LEFT),
    )
