"""A user's own network: the factory that builds it, by its address."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from mitools.samples.messages import unknown

__all__ = ["build_model", "load_factory"]


def load_factory(address: str) -> Any:
    """Import ``package.module:factory`` or ``path/to/file.py:factory``.

    Args:
        address: Where the factory is.

    Returns:
        The callable.

    Raises:
        ValueError: For a malformed address, or a name the module lacks (with the nearest).
        FileNotFoundError: When there is no such file.
        ImportError: When there is no such module.
    """
    place, colon, name = address.rpartition(":")
    if not colon or not place or not name:
        raise ValueError(
            "A model is given as package.module:factory or path/to/file.py:factory, got "
            f"{address!r}."
        )
    module = _from_file(Path(place)) if place.endswith(".py") else _from_package(place)
    if not hasattr(module, name):
        names = [key for key, value in vars(module).items() if callable(value) and key[0] != "_"]
        raise ValueError(f"In {place}: " + unknown("factory", name, names))
    factory = getattr(module, name)
    if not callable(factory):
        raise ValueError(
            f"{address} is a {type(factory).__name__}; it must be a function or class that "
            "returns the model."
        )
    return factory


def build_model(
    address: str, arguments: Mapping[str, Any] | None = None, *, seed: int = 0
) -> nn.Module:
    """Call a factory, with torch's generator seeded, and return its untrained model.

    Args:
        address: See `load_factory`.
        arguments: Keyword arguments of the factory.
        seed: Seed of the initial weights; passed on when the factory has an argument `seed`.

    Returns:
        The model, as the factory made it.

    Raises:
        ValueError: As for `load_factory`, like the next two.
        FileNotFoundError: See `load_factory`.
        ImportError: See `load_factory`.
        TypeError: When the factory returns something else, or does not take the arguments.
    """
    factory = load_factory(address)
    given = dict(arguments or {})
    parameters: Mapping[str, inspect.Parameter] = {}
    with suppress(TypeError, ValueError):  # builtins may have no signature
        parameters = inspect.signature(factory).parameters
    if "seed" in parameters:
        given.setdefault("seed", seed)
    if parameters and not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        for key in given:
            if key not in parameters:
                raise TypeError(f"{address}: " + unknown("argument", key, parameters))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = factory(**given)
    if not isinstance(model, nn.Module):
        raise TypeError(
            f"{address} returned {type(model).__name__}; a factory returns a torch.nn.Module."
        )
    return model


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise FileNotFoundError(f"No file {path} with a model factory.")
    spec = importlib.util.spec_from_file_location(f"robustsplit_user_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent.resolve()))  # the file's own neighbours can be imported
    try:
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
    finally:
        sys.path.pop(0)
    return module


def _from_package(name: str) -> ModuleType:
    sys.path.insert(0, str(Path.cwd()))  # as `python -m` does
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not name.startswith(error.name):
            raise
        raise ImportError(
            f"No module {name!r}. Give package.module:factory for an installed package or one in "
            "the current folder, or path/to/file.py:factory."
        ) from error
    finally:
        sys.path.pop(0)
