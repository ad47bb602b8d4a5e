"""A user's own network: a factory by its address, weights from safetensors or a safe `.pt`."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pickle
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from mitools.messages import unknown

__all__ = ["build_model", "load_factory", "load_weights"]

#: Prefixes that wrappers (DataParallel, torch.compile) put before every name.
WRAPPERS = ("module.", "_orig_mod.")
#: Under which names training scripts save the weights inside a checkpoint.
NESTED = ("state_dict", "model_state_dict", "model", "net", "weights")


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

    Raises:
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


def load_weights(model: nn.Module, path: str | Path) -> None:
    """Load weights into `model`; every tensor must fit.

    Args:
        model: Changed in place.
        path: A ``.safetensors`` file, or a ``.pt`` that holds tensors only. A checkpoint with the
            weights under "state_dict" or "model" and names with a wrapper's prefix are understood.

    Raises:
        FileNotFoundError: When there is no such file.
        ValueError: For a file that would run code on loading, and for missing, unexpected or
            misshapen tensors.
    """
    state = _read(Path(path))
    for prefix in WRAPPERS:
        if state and all(key.startswith(prefix) for key in state):
            state = {key.removeprefix(prefix): value for key, value in state.items()}
    own = model.state_dict()
    missing = [key for key in own if key not in state]
    unexpected = [key for key in state if key not in own]
    if missing or unexpected:
        example = (
            unknown("tensor of the model", unexpected[0], missing or own)
            if unexpected
            else unknown("tensor in the file", missing[0], state)
        )
        raise ValueError(
            f"The weights in {path} are not this model's: {len(missing)} of its {len(own)} "
            f"tensors are missing and {len(unexpected)} are unexpected. {example}"
        )
    for key, value in own.items():
        if value.shape != state[key].shape:
            raise ValueError(
                f"{key!r} has shape {tuple(state[key].shape)} in {path} and "
                f"{tuple(value.shape)} in the model. Check the factory's arguments, such as the "
                "number of classes."
            )
    model.load_state_dict(state)


def _read(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise FileNotFoundError(f"No weights file {path}.")
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except SafetensorError as error:
            raise ValueError(f"{path} is damaged or no safetensors file: {error}.") from error
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "global" not in str(error).lower():  # no object was asked for: it is no pickle at all
            raise ValueError(f"{path} is damaged or no file of weights.") from error
        raise ValueError(
            f"{path} is refused: it holds more than tensors, and loading it would run whatever "
            "code is inside. Save the weights alone, where you trust the file: "
            "safetensors.torch.save_file(model.state_dict(), 'weights.safetensors')."
        ) from error
    except (RuntimeError, EOFError, OSError, KeyError, ValueError, IndexError) as error:
        reason = f": {error}" if isinstance(error, RuntimeError | OSError) and str(error) else ""
        raise ValueError(f"{path} is damaged or no file of weights{reason}.") from error
    for name in NESTED:
        if isinstance(content, Mapping) and isinstance(content.get(name), Mapping):
            content = content[name]
    if not isinstance(content, Mapping) or not all(
        isinstance(value, Tensor) for value in content.values()
    ):
        raise ValueError(
            f"{path} holds no state dict (names and tensors). Save model.state_dict()."
        )
    return dict(content)


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
