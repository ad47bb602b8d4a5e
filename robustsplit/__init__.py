"""Does the half adversarial robustness represent the whole? Asked of any torch model.

`connectivity(model, data)` measures how strongly each layer depends on the one before it, given
the label, with its null and its ceiling. `learn_rho(regular, robust, split, data, ...)` is the
paper's Algorithm 1. `robustsplit.attacks`, `robustsplit.network` and `robustsplit.training` hold
the parts.

Names are loaded when first used: torch takes seconds to import, and the records of a finished
study can be read without it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mitools import __version__
from mitools.messages import require, unknown

if TYPE_CHECKING:
    from robustsplit.analysis import connectivity, learn_rho
    from robustsplit.attacks import (
        CW,
        FGSM,
        IFGSM,
        PGD,
        Attack,
        AutoAttack,
        as_attack,
        paper_attack,
    )
    from robustsplit.data import DataSplits, ImageData, as_image_data, digits
    from robustsplit.experiment import Experiment
    from robustsplit.network import Split, capture, list_layers, weight_layers
    from robustsplit.plot import RhoDepthDisplay
    from robustsplit.results import PairRecord, Profile, RhoResult, Trial
    from robustsplit.training import Recipe, accuracy, fit

__all__ = [
    "CW",
    "FGSM",
    "IFGSM",
    "PGD",
    "Attack",
    "AutoAttack",
    "DataSplits",
    "Experiment",
    "ImageData",
    "PairRecord",
    "Profile",
    "Recipe",
    "RhoDepthDisplay",
    "RhoResult",
    "Split",
    "Trial",
    "__version__",
    "accuracy",
    "as_attack",
    "as_image_data",
    "capture",
    "connectivity",
    "digits",
    "fit",
    "learn_rho",
    "list_layers",
    "paper_attack",
    "weight_layers",
]

_HOMES = {
    "analysis": ("connectivity", "learn_rho"),
    "attacks": ("CW", "FGSM", "IFGSM", "PGD", "Attack", "AutoAttack", "as_attack", "paper_attack"),
    "data": ("DataSplits", "ImageData", "as_image_data", "digits"),
    "experiment": ("Experiment",),
    "network": ("Split", "capture", "list_layers", "weight_layers"),
    "plot": ("RhoDepthDisplay",),
    "results": ("PairRecord", "Profile", "RhoResult", "Trial"),
    "training": ("Recipe", "accuracy", "fit"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}
_WITHOUT_TORCH = {"plot", "results"}


def __getattr__(name: str) -> Any:
    home = name if name in _HOMES else _HOME.get(name)
    if home is None:
        raise AttributeError(f"robustsplit: {unknown('attribute', name, __all__)}")
    if home not in _WITHOUT_TORCH:
        require("torch", extra="torch", purpose=f"robustsplit.{name}")
    module = import_module(f"robustsplit.{home}")
    return module if name == home else getattr(module, name)


def __dir__() -> list[str]:
    return sorted(__all__)
