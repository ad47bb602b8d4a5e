"""How far an attack moved each input: what to report for attacks without a budget."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["PerturbationNorms", "perturbation_norms"]


@dataclass(frozen=True)
class PerturbationNorms:
    """Distances between clean and perturbed inputs.

    Attributes:
        linf: Largest change of a coordinate, shape (n,).
        l2: Euclidean distance, shape (n,).
    """

    linf: Tensor
    l2: Tensor

    def summary(self) -> dict[str, float]:
        """Return the mean, median and maximum of each, by names such as ``l2_median``."""
        return {
            f"{name}_{statistic}": float(getattr(values, statistic)())
            for name, values in (("linf", self.linf), ("l2", self.l2))
            for statistic in ("mean", "median", "max")
        }


def perturbation_norms(inputs: Tensor, perturbed: Tensor) -> PerturbationNorms:
    """Return how far each input was moved.

    Args:
        inputs: Clean inputs, shape (n, ...).
        perturbed: Perturbed inputs, same shape.

    Returns:
        The distances, one per input, in units of the inputs.

    Raises:
        ValueError: For different shapes.

    Example:
        >>> perturbation_norms(torch.zeros(1, 2), torch.tensor([[3.0, 4.0]])).l2
        tensor([5.])
    """
    if inputs.shape != perturbed.shape:
        raise ValueError(
            f"Both must have one shape, got {tuple(inputs.shape)} and {tuple(perturbed.shape)}."
        )
    delta = (perturbed - inputs).detach().flatten(1)
    return PerturbationNorms(
        linf=delta.abs().amax(dim=1), l2=torch.linalg.vector_norm(delta, dim=1)
    )
