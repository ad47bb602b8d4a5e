"""A network made ready: built, its normalisation in front, its weights loaded, all of it told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from robustsplit.loading.factories import build_model
from robustsplit.loading.weights import load_weights
from robustsplit.normalization import NormalizedModel, Numbers

__all__ = ["load_network", "normalized"]


def normalized(model: nn.Module, mean: Numbers = "", std: Numbers = "") -> nn.Module:
    """Return the model behind a normalisation, or as it is when neither `mean` nor `std` is given.

    Args:
        model: Any network.
        mean: See `robustsplit.normalization.normalization`; "" or () for none.
        std: Likewise.

    Returns:
        A `NormalizedModel` that shares the network's weights, or `model` itself.

    Raises:
        ValueError: When only one is given, and for numbers or names that cannot be used.
    """
    given = [value for value in (mean, std) if not (isinstance(value, str | tuple) and not value)]
    if not given:
        return model
    if len(given) == 1 and given[0] is std:
        raise ValueError("`std` is given without `mean`. Give both, or one name as `mean`.")
    return NormalizedModel(model, mean, std if len(given) == 2 else None)


def load_network(
    address: str,
    arguments: Mapping[str, Any] | None = None,
    *,
    weights: str | Path | None = None,
    key: str | None = None,
    prefix: str | None = None,
    mean: Numbers = "",
    std: Numbers = "",
    seed: int = 0,
) -> tuple[nn.Module, list[str]]:
    """Build a network, put its normalisation in front, and load its weights.

    Args:
        address: The factory; see `load_factory`.
        arguments: Of the factory.
        weights: A file; see `load_weights`. None leaves the network as the factory made it.
        key: Where in the file the weights are.
        prefix: What to take off the front of their names.
        mean: Of the images of its training, for images in [0, 1]; or a name, such as "imagenet".
        std: Likewise.
        seed: Of the initial weights.

    Returns:
        The network in eval mode, and sentences that a reader of its results must see.

    Raises:
        ValueError: For `key` or `prefix` without `weights`; as for `load_factory`, `normalized`
            and `load_weights`.
        FileNotFoundError: When there is no such file, of the factory or of the weights.
        ImportError: When there is no such module.
        TypeError: As for `build_model`.
    """
    if weights is None and (key is not None or prefix is not None):
        raise ValueError("`key` and `prefix` say where in a file the weights are; give `weights`.")
    model = normalized(build_model(address, arguments, seed=seed), mean, std)
    if weights is None:
        return model.eval(), ["No weights were given: the network is untrained."]
    return model.eval(), list(load_weights(model, weights, key=key, prefix=prefix).notes)
