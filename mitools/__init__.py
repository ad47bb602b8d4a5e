"""Mutual information that says how far it can be trusted.

`mutual_information(x, y, given=..., estimator=...)` estimates; `assess(...)` adds what the
estimate would have been without dependence, how close it is to its ceiling, its spread, a second
estimator, and a verdict in words. Estimators are values: `KSG(k=4)`, `EDGE()`, `Auto()`,
`Reduced(KSG(), PCA(4))`. Nats throughout.

Importing this needs numpy, scipy and numba, and nothing else.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from mitools import estimators
from mitools.assessment import Assessment, assess
from mitools.base import Estimate, MutualInformationEstimator
from mitools.cca import CCA
from mitools.estimators import EDGE, KSG
from mitools.information import mutual_information
from mitools.messages import MissingExtraError
from mitools.reduction import PCA, Pooling, RandomProjection, Reduced
from mitools.registry import parse_estimator
from mitools.verdict import Verdict

if TYPE_CHECKING:
    from mitools.comparison import Comparison, compare
    from mitools.estimators import (
        MINE,
        SMILE,
        Auto,
        Canonical,
        ConditionalKSG,
        Gaussian,
        GaussianCopula,
        Geometric,
        InfoNCE,
        Labels,
        Learned,
        Mixed,
        NoisyBounds,
        PlugIn,
        Sliced,
        conditional_independence_test,
        conditional_mutual_information,
    )
    from mitools.matrix import InformationMatrix, information_matrix

__all__ = [
    "CCA",
    "EDGE",
    "KSG",
    "MINE",
    "PCA",
    "SMILE",
    "Assessment",
    "Auto",
    "Canonical",
    "Comparison",
    "ConditionalKSG",
    "Estimate",
    "Gaussian",
    "GaussianCopula",
    "Geometric",
    "InfoNCE",
    "InformationMatrix",
    "Labels",
    "Learned",
    "MissingExtraError",
    "Mixed",
    "MutualInformationEstimator",
    "NoisyBounds",
    "PlugIn",
    "Pooling",
    "RandomProjection",
    "Reduced",
    "Sliced",
    "Verdict",
    "__version__",
    "assess",
    "compare",
    "conditional_independence_test",
    "conditional_mutual_information",
    "information_matrix",
    "mutual_information",
    "parse_estimator",
]

try:
    __version__ = version("robustsplit")
except PackageNotFoundError:  # run from a checkout that was never installed
    __version__ = "0.1.0"


#: The file of each name that is imported when first asked for; all further estimators are, too.
LATER = {
    "Comparison": "comparison",
    "InformationMatrix": "matrix",
    "compare": "comparison",
    "information_matrix": "matrix",
}


def __getattr__(name: str) -> Any:
    if name in LATER:
        return getattr(import_module(f"{__name__}.{LATER[name]}"), name)
    if name in estimators.__all__:
        return getattr(estimators, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
