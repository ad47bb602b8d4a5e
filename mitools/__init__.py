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
from mitools.estimators.base import Estimate, MutualInformationEstimator
from mitools.estimators.cca import CCA
from mitools.estimators.reduction import PCA, Pooling, RandomProjection, Reduced
from mitools.estimators.registry import parse_estimator
from mitools.evidence.record import Verdict
from mitools.information import mutual_information
from mitools.samples.messages import MissingExtraError

if TYPE_CHECKING:
    from mitools.comparison import Comparison, compare
    from mitools.estimators import *
    from mitools.lags import LaggedInformation, lagged_information
    from mitools.matrix import InformationMatrix, information_matrix

__all__ = [
    "CCA",
    "PCA",
    "Assessment",
    "Comparison",
    "Estimate",
    "InformationMatrix",
    "LaggedInformation",
    "MissingExtraError",
    "MutualInformationEstimator",
    "Pooling",
    "RandomProjection",
    "Reduced",
    "Verdict",
    "__version__",
    "assess",
    "compare",
    "information_matrix",
    "lagged_information",
    "mutual_information",
    "parse_estimator",
]
__all__ += dir(estimators)

try:
    __version__ = version("robustsplit")
except PackageNotFoundError:  # run from a checkout that was never installed
    __version__ = "0.1.0"


#: The file of each name that is imported when first asked for; the estimators are, too.
LATER = {
    "Comparison": "comparison",
    "InformationMatrix": "matrix",
    "LaggedInformation": "lags",
    "compare": "comparison",
    "information_matrix": "matrix",
    "lagged_information": "lags",
}


def __getattr__(name: str) -> Any:
    if name in LATER:
        return getattr(import_module(f"{__name__}.{LATER[name]}"), name)
    if name in __all__:
        return getattr(estimators, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
