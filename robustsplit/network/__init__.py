"""What a network is: its layers in execution order, their activations, and its two halves."""

from robustsplit.network.capture import Activations, capture, collect
from robustsplit.network.freeze import Freeze, FrozenDriftError
from robustsplit.network.layers import Layer, list_layers, unwrap, weight_layers
from robustsplit.network.pairs import Pair
from robustsplit.network.reduce import Sketch
from robustsplit.network.split import Split

__all__ = [
    "Activations",
    "Freeze",
    "FrozenDriftError",
    "Layer",
    "Pair",
    "Sketch",
    "Split",
    "capture",
    "collect",
    "list_layers",
    "unwrap",
    "weight_layers",
]
