"""The weight layers of any torch model, in the order in which they run.

A weight layer is a called module that owns a parameter with two or more axes and has no such
module inside: the affine part W h + b of the paper's layers. That is `Conv2d` and `Linear`, and
also a model's own matrix multiplication, an LSTM, or a `MultiheadAttention` (whose `out_proj` is
used but never called). Normalisations are not layers; embeddings are on request. What owns weights
and is not listed is named in a warning.
"""

from __future__ import annotations

import warnings
from typing import Any

import pandas as pd
from torch import nn

from robustsplit.network.models import unwrap
from robustsplit.network.owners import listed
from robustsplit.network.structure import Layer, LayerSelection, Network, Shortcuts
from robustsplit.network.trace import trace

__all__ = [
    "Layer",
    "LayerSelection",
    "Network",
    "Shortcuts",
    "list_layers",
    "unwrap",
    "weight_layers",
]


def weight_layers(
    model: nn.Module,
    example: Any,
    *,
    shortcuts: Shortcuts = "exclude",
    layers: LayerSelection = None,
    embeddings: bool = False,
) -> list[Layer]:
    """List the weight layers in execution order, found by one forward pass.

    What owns weights and cannot be listed is named in a warning: modules that are never called,
    or are given the same for any input; weights that a function multiplies by outside of a module
    of their own.

    Args:
        model: Any torch model; left as it was found.
        example: A batch of inputs (two rows are used), a tuple of arguments, or a dict of
            keywords.
        shortcuts: Whether to list the projections on the shortcuts of residual blocks. They run
            parallel to the layers before them, so "exclude" (ResNet50: 50 layers) is the default;
            "include" (54) counts as the published code of semirobust subnetworks does.
        layers: None for all; names and globs ("features.*"); a position or slice of the full list;
            or a function of `Layer` that returns whether to keep it. An exact name may also be
            that of any other called module, such as a block.
        embeddings: Whether embeddings are layers.

    Returns:
        The layers.

    Raises:
        ValueError: For names that match nothing (with the nearest matches), and for modules that
            the forward pass never called.

    Example:
        >>> import torch
        >>> net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
        >>> [layer.name for layer in weight_layers(net, torch.zeros(2, 3))]
        ['0', '2']
    """
    network = _network(model, example, shortcuts, embeddings)
    return [network.layer(entry) for entry in network.select(layers)]


def list_layers(
    model: nn.Module,
    example: Any,
    *,
    shortcuts: Shortcuts = "exclude",
    layers: LayerSelection = None,
    embeddings: bool = False,
) -> pd.DataFrame:
    """Return the table of weight layers in execution order; the arguments are `weight_layers`'s.

    Args:
        model: See `weight_layers`.
        example: See `weight_layers`.
        shortcuts: See `weight_layers`.
        layers: See `weight_layers`.
        embeddings: See `weight_layers`.

    Returns:
        One row per layer, indexed by position, with columns name, kind, calls, input, output
        (shapes of one sample), dim (values per sample), parameters, connected, note. Printed, it
        ends in the projections on shortcuts that were left out; `attrs["left_out"]` holds them.

    Raises:
        ValueError: As for `weight_layers`.
    """
    network = _network(model, example, shortcuts, embeddings)
    found = [network.layer(entry) for entry in network.select(layers)]
    rows = [
        {
            "name": layer.name,
            "kind": layer.kind,
            "calls": layer.calls,
            "input": " x ".join(map(str, layer.input_shape)),
            "output": " x ".join(map(str, layer.output_shape)),
            "dim": layer.dim,
            "parameters": layer.n_parameters,
            "connected": layer.connected,
            "note": layer.note,
        }
        for layer in found
    ]
    index = pd.Index([layer.position for layer in found], name="position")
    columns = [
        "name",
        "kind",
        "calls",
        "input",
        "output",
        "dim",
        "parameters",
        "connected",
        "note",
    ]
    table = LayerTable(rows, index=index, columns=columns)
    table.attrs["left_out"] = list(network.left_out)
    return table


def _network(model: nn.Module, example: Any, shortcuts: Shortcuts, embeddings: bool) -> Network:
    """Return the traced network, having warned of what is not in its list of layers."""
    network = Network(trace(model, example), shortcuts=shortcuts, embeddings=embeddings)
    for sentence in network.warnings:
        warnings.warn(sentence, stacklevel=3)
    return network


class LayerTable(pd.DataFrame):
    """A data frame that prints whole: its rows and columns are what one came to see."""

    def __repr__(self) -> str:
        left_out = self.attrs.get("left_out")
        if not left_out:
            return self.to_string()
        return (
            f"{self.to_string()}\nLeft out: {len(left_out)} on shortcuts of residual blocks: "
            f'{listed(left_out)}. List them with shortcuts="include".'
        )
