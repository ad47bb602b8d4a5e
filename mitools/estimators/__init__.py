"""The estimators, one method a file, named so that a reader of its paper finds it.

`KSG` and `EDGE` are imported with the package; the others when first asked for, as they take as
long to import as everything else together.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mitools.estimators.edge import EDGE
from mitools.estimators.ksg import KSG

if TYPE_CHECKING:
    from mitools.estimators.auto import Auto
    from mitools.estimators.canonical import Canonical
    from mitools.estimators.conditional import (
        ConditionalKSG,
        conditional_independence_test,
        conditional_mutual_information,
    )
    from mitools.estimators.discrete import PlugIn
    from mitools.estimators.gaussian import Gaussian, GaussianCopula
    from mitools.estimators.geometric import Geometric
    from mitools.estimators.labels import Labels
    from mitools.estimators.mixed import Mixed
    from mitools.estimators.neural.critics import MINE, SMILE, InfoNCE
    from mitools.estimators.neural.learned import Learned
    from mitools.estimators.noisy import NoisyBounds
    from mitools.estimators.sliced import Sliced

__all__ = [
    "EDGE",
    "KSG",
    "MINE",
    "SMILE",
    "Auto",
    "Canonical",
    "ConditionalKSG",
    "Gaussian",
    "GaussianCopula",
    "Geometric",
    "InfoNCE",
    "Labels",
    "Learned",
    "Mixed",
    "NoisyBounds",
    "PlugIn",
    "Sliced",
    "conditional_independence_test",
    "conditional_mutual_information",
]

#: The file of each name that is imported when first asked for.
LATER = {
    "MINE": "neural.critics",
    "SMILE": "neural.critics",
    "Auto": "auto",
    "Canonical": "canonical",
    "ConditionalKSG": "conditional",
    "Gaussian": "gaussian",
    "GaussianCopula": "gaussian",
    "Geometric": "geometric",
    "InfoNCE": "neural.critics",
    "Labels": "labels",
    "Learned": "neural.learned",
    "Mixed": "mixed",
    "NoisyBounds": "noisy",
    "PlugIn": "discrete",
    "Sliced": "sliced",
    "conditional_independence_test": "conditional",
    "conditional_mutual_information": "conditional",
}


def __getattr__(name: str) -> Any:
    if name not in LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{LATER[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
