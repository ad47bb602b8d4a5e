"""Does the half adversarial robustness represent the whole? Asked of any torch model.

`connectivity(model, data)` measures how strongly each layer depends on the one before it, given
the label, with its null and its ceiling. `learn_rho(regular, robust, split, data, ...)` is the
paper's Algorithm 1. `robustsplit.attacks`, `robustsplit.network` and `robustsplit.training` hold
the parts.

Names are loaded when first used: torch takes seconds to import, and the records of a finished
study can be read without it. They are listed once, in ``__init__.pyi``.
"""

from importlib import import_module
from typing import Any

import lazy_loader

from mitools import __version__
from mitools.samples.messages import require, unknown

_load, _, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ += ["__version__"]

#: Modules that are there as attributes without being imported.
_MODULES = ("analysis", "attacks", "data", "experiment", "network", "plot", "results", "training")
_WITHOUT_TORCH = {"Measurement", "PairRecord", "Profile", "Recipe", "RhoDepthDisplay", "RhoResult"}
_WITHOUT_TORCH |= {"Trial", "plot", "results"}


def __getattr__(name: str) -> Any:
    if name not in (*__all__, *_MODULES):
        raise AttributeError(f"robustsplit: {unknown('attribute', name, __all__)}")
    if name not in _WITHOUT_TORCH:
        require("torch", extra="torch", purpose=f"robustsplit.{name}")
    return import_module(f"robustsplit.{name}") if name in _MODULES else _load(name)


def __dir__() -> list[str]:
    return sorted(__all__)
