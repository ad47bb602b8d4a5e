"""What a capture returns: the activations of a network's layers, and what is known of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mitools.samples.messages import unknown
from robustsplit.network.channels import units_of
from robustsplit.network.layers import Layer
from robustsplit.network.pairs import Pair

__all__ = ["Activations", "Point"]

Point = Literal["post", "pre"]


class Activations(Mapping[str, Tensor]):
    """What was captured: layer name -> tensor of shape (n, d), rows in the order of the passes.

    Attributes:
        layers: The layers, in execution order.
        pairs: The consecutive ones, with whether they are connected.
        sources: Per layer, which tensor was read: "output", "input of NAME", or "input 2 of NAME"
            where NAME is given another one first, such as a query or a condition.
        point: "post" or "pre", as asked.
        functions: Per child of a pair, whether it depends on the inputs through its parent alone:
            not so behind a skip connection.
        network_layers: Names of all of the network's layers, captured or not.
        left_out: Names of the projections on residual shortcuts that are not among them.
        missing: Which weights are no layers, one sentence per reason.
        mixing: Why the values of an input depend on the others of its batch; empty if nothing
            shows that they do.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        pairs: Sequence[Pair],
        sources: Mapping[str, str],
        point: Point,
        *,
        functions: Mapping[str, bool] | None = None,
        network_layers: Sequence[str] = (),
        left_out: Sequence[str] = (),
        missing: Sequence[str] = (),
        mixing: str = "",
        answer: Tensor | None = None,
    ) -> None:
        self.layers = tuple(layers)
        self.pairs = tuple(pairs)
        self.sources = dict(sources)
        self.point = point
        self.functions = dict(functions or {})
        self.network_layers, self.left_out = tuple(network_layers), tuple(left_out)
        self.missing = tuple(missing)
        self.mixing = mixing
        self._answer = answer
        self._chunks: dict[str, list[Tensor]] = {layer.name: [] for layer in layers}
        self._shapes: dict[str, tuple[tuple[int, ...], bool | None]] = {}

    @property
    def n_samples(self) -> int:
        """Number of rows captured so far."""
        chunks = next(iter(self._chunks.values()), [])
        return sum(len(chunk) for chunk in chunks)

    def __getitem__(self, name: str) -> Tensor:
        if name not in self._chunks:
            raise KeyError(unknown("captured layer", name, self._chunks))
        chunks = self._chunks[name]
        if not chunks:
            raise RuntimeError(
                "Nothing was captured: call the model inside the `with` block, as `model(x)`; "
                "`model.forward(x)` does not run hooks."
            )
        if len(chunks) > 1:
            chunks[:] = [torch.cat(chunks)]
        return chunks[0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._chunks)

    def __len__(self) -> int:
        return len(self._chunks)

    def __repr__(self) -> str:
        return f"Activations({len(self)} layers, {self.n_samples} samples, point={self.point!r})"

    def numpy(self) -> dict[str, NDArray[Any]]:
        """Return the activations as arrays of shape (n, d)."""
        return {name: np.asarray(self[name].cpu().numpy()) for name in self}

    def units(self, name: str) -> NDArray[np.int64]:
        """Return the unit (neuron, feature, channel) of each value of a layer, flattened.

        Args:
            name: The layer.

        Returns:
            Numbers from 0, with shape (d,), for the activation before any reduction.

        Raises:
            KeyError: For a layer that was not captured.
        """
        if name not in self._shapes:
            raise KeyError(unknown("captured layer", name, self._shapes))
        return units_of(*self._shapes[name])

    def _append(self, rows: Mapping[str, Tensor]) -> None:
        for name, chunk in self._chunks.items():
            chunk.append(rows[name])
