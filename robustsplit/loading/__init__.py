"""A user's network: a factory by its address, weights from what the usual tools save."""

from robustsplit.loading.factories import build_model, load_factory
from robustsplit.loading.network import load_network, normalized
from robustsplit.loading.weights import LoadedWeights, load_weights

__all__ = [
    "LoadedWeights",
    "build_model",
    "load_factory",
    "load_network",
    "load_weights",
    "normalized",
]
