"""Which unit each value of a flattened activation belongs to, and a sketch that keeps units apart.

A unit is what a network can rescale without changing its function: a neuron of a linear layer, a
feature of all tokens, a channel at all positions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["UnitSketch", "unit_axis", "units_of"]


def unit_axis(shape: Sequence[int], channels_last: bool | None) -> int:
    """Return the axis of the units in one input's activation.

    Args:
        shape: Of the activation, without the batch.
        channels_last: Where the layer has its units: on the last axis (`Linear`) or on the first
            (a convolution); None to go by the number of axes, two being (tokens, features).

    Returns:
        The axis, from 0, without the batch.
    """
    if len(shape) < 2:
        return 0
    if channels_last is None:
        channels_last = len(shape) == 2
    return len(shape) - 1 if channels_last else 0


def units_of(shape: Sequence[int], channels_last: bool | None) -> NDArray[np.int64]:
    """Return the unit of each value of a flattened activation.

    Args:
        shape: Of the activation, without the batch.
        channels_last: As for `unit_axis`.

    Returns:
        Numbers from 0, with shape (d,).
    """
    if not shape:
        return np.zeros(1, dtype=np.int64)
    axis = unit_axis(shape, channels_last)
    along = [1] * len(shape)
    along[axis] = shape[axis]
    units = np.arange(shape[axis]).reshape(along)
    return np.broadcast_to(units, shape).flatten()


@dataclass(frozen=True)
class UnitSketch:
    """A random projection of wide layers that never mixes two units, made inside the hook.

    Each value is added, with a random sign, to one of its unit's columns (a count sketch:
    Charikar, Chen and Farach-Colton 2002), in time linear in the layer's width. Inner products
    of units are kept without bias, so that units can still be brought to one scale afterwards.
    A layer of at most `width` values is kept as it is. Signs and columns depend on the seed,
    the layer's name and its shape alone, are drawn on the CPU, and so are the same on every
    device.

    Attributes:
        width: Columns that a wide layer is projected to, at least: each unit has equally many.
        seed: Seed of the projections.
    """

    width: int = 2048
    seed: int = 0

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError(f"`width` must be at least 1, got {self.width}.")

    def bind(self, name: str, channels_last: bool | None = None) -> Callable[[Tensor], Tensor]:
        """Return the projection of the layer `name`.

        Args:
            name: The layer's name.
            channels_last: As for `unit_axis`.

        Returns:
            A callable from (b, ...) to (b, columns).
        """
        kept: dict[str, Tensor] = {}
        expected: list[int] = []

        def project(activation: Tensor) -> Tensor:
            flat = activation.flatten(1)
            if flat.dtype in (torch.float16, torch.bfloat16):
                flat = flat.float()
            if flat.shape[1] <= self.width:
                return flat
            shape = list(activation.shape[1:])
            if not kept:
                columns, signs = self.plan(name, shape, channels_last)
                kept["columns"], kept["signs"] = columns.to(flat.device), signs.to(flat)
                expected[:] = shape
            if shape != expected:
                raise ValueError(
                    f"Layer {name!r} had shape {tuple(expected)} per input before and has "
                    f"{tuple(shape)} now; a sketch needs inputs of one size."
                )
            total = int(kept["columns"].max()) + 1
            sketched = flat.new_zeros(len(flat), total)
            return sketched.index_add_(1, kept["columns"], flat * kept["signs"])

        return project

    def plan(
        self, name: str, shape: Sequence[int], channels_last: bool | None
    ) -> tuple[Tensor, Tensor]:
        """Return the column of each value and its sign, each with shape (d,), on the CPU.

        Args:
            name: The layer's name.
            shape: Of one input's activation.
            channels_last: As for `unit_axis`.

        Returns:
            Columns, those of one unit side by side, and signs.
        """
        digest = sha256(f"{self.seed}/{name}".encode()).digest()
        generator = torch.Generator().manual_seed(
            int.from_bytes(digest[:8], "little", signed=True)
        )
        units = torch.from_numpy(units_of(shape, channels_last))
        each = self.columns_per_unit(int(units.max()) + 1)
        inside = torch.randint(each, units.shape, generator=generator)
        signs = 2.0 * torch.randint(2, units.shape, generator=generator) - 1.0
        return units * each + inside, signs

    def columns_per_unit(self, units: int) -> int:
        """Return how many columns each of so many units gets."""
        return -(-self.width // units)
