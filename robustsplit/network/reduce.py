"""What a hook does to an activation before keeping it: flatten, average, or project at random.

A reduction is any callable from (b, ...) to (b, d). One that needs to know its layer has a method
`bind(name)` that returns such a callable.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

import torch
from torch import Tensor

from robustsplit.network.channels import UnitSketch, unit_axis

__all__ = ["Reduction", "Sketch", "bound"]

Reduction = Literal["flatten", "gap"] | Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Sketch:
    """A fixed Gaussian projection of each layer to `width` columns, made inside the hook.

    A hash-based estimator such as EDGE only ever looks at random projections of its input, about
    log2(n / 10) of them, so projecting first costs it nothing and bounds memory: VGG16 at 224 x
    224 keeps 48 bytes per image and layer in place of up to 13 MB. Nearest-neighbour estimates do
    change.

    The matrix of a layer has entries N(0, 1 / dim). It depends only on the seed, the layer's name
    and its width, is drawn on the CPU (so that every device uses the same one), and takes 4 * dim
    * width bytes while the capture lives. A layer of at most `width` values is kept as it is.

    Attributes:
        width: Number of columns.
        seed: Seed of the projections.
    """

    width: int = 12
    seed: int = 0

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError(f"`width` must be at least 1, got {self.width}.")

    def bind(self, name: str) -> Callable[[Tensor], Tensor]:
        """Return the projection of the layer `name`."""
        matrix: Tensor | None = None

        def project(activation: Tensor) -> Tensor:
            nonlocal matrix
            flat = activation.flatten(1)
            if flat.dtype in (torch.float16, torch.bfloat16):
                flat = flat.float()
            if flat.shape[1] <= self.width:
                return flat
            if matrix is None:
                matrix = self.matrix(name, flat.shape[1]).to(flat.device, flat.dtype)
            if matrix.shape[0] != flat.shape[1]:
                raise ValueError(
                    f"Layer {name!r} had {matrix.shape[0]} values per sample before and has "
                    f"{flat.shape[1]} now; a sketch needs inputs of one size."
                )
            return flat @ matrix

        return project

    def matrix(self, name: str, dim: int) -> Tensor:
        """Return the projection of one layer.

        Args:
            name: The layer's name.
            dim: Number of values per sample.

        Returns:
            Entries N(0, 1 / dim), with shape (dim, width), on the CPU.
        """
        digest = sha256(f"{self.seed}/{name}".encode()).digest()
        generator = torch.Generator().manual_seed(
            int.from_bytes(digest[:8], "little", signed=True)
        )
        return torch.randn(dim, self.width, generator=generator) / dim**0.5


def bound(
    reduction: Reduction | None, name: str, channels_last: bool | None
) -> Callable[[Tensor], Tensor]:
    """Return what the hook of layer `name` applies.

    Args:
        reduction: None or "flatten", "gap", or a callable.
        name: The layer's name.
        channels_last: Where the channels are, for "gap": on the last axis (what a `Linear` makes
            or takes) or on the second (a convolution); None to go by the number of axes.

    Returns:
        A callable from (b, ...) to (b, d).

    Raises:
        ValueError: For any other `reduction`.
    """
    if reduction is None or reduction == "flatten":
        return lambda activation: activation.flatten(1)
    if reduction == "gap":
        return lambda activation: _average(activation, channels_last)
    if isinstance(reduction, UnitSketch):
        return reduction.bind(name, channels_last)
    if hasattr(reduction, "bind"):
        return reduction.bind(name)
    if callable(reduction):
        return reduction
    raise ValueError(f"`reduce` must be None, 'flatten', 'gap' or a callable, got {reduction!r}.")


def _average(activation: Tensor, channels_last: bool | None) -> Tensor:
    """Average over positions (global average pooling), keeping channels."""
    if activation.ndim <= 2:
        return activation.flatten(1)
    kept = 1 + unit_axis(activation.shape[1:], channels_last)
    return activation.mean(dim=[axis for axis in range(1, activation.ndim) if axis != kept])
