"""Attacks from other libraries as attacks of ours; the guard does the work."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from robustsplit.attacks.base import CallableAttack, Norm

__all__ = ["from_foolbox"]


def from_foolbox(
    attack: Any, *, eps: float, norm: Norm = "linf", bounds: tuple[float, float] = (0.0, 1.0)
) -> CallableAttack:
    """Return a foolbox attack run inside the guard.

    Args:
        attack: An instance, such as ``foolbox.attacks.LinfPGD()``.
        eps: Radius, in units of the inputs.
        norm: The norm foolbox's attack measures it in.
        bounds: Least and largest value of an input.

    Returns:
        The attack; `perturb` imports foolbox.

    Raises:
        ValueError: For an `eps`, `norm` or `bounds` that cannot be.
    """

    def run(model: nn.Module, inputs: Tensor, labels: Tensor) -> Tensor:
        from foolbox import PyTorchModel

        wrapped = PyTorchModel(model, bounds=bounds, device=inputs.device)
        _, clipped, _ = attack(wrapped, inputs, labels, epsilons=eps)
        return clipped

    title = f"foolbox {type(attack).__name__}"
    return CallableAttack(run, eps=eps, norm=norm, bounds=bounds, title=title)
