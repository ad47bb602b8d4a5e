"""Mutual information that says how far it can be trusted.

`mutual_information(x, y, given=..., estimator=...)` estimates; `assess(...)` adds what the
estimate would have been without dependence, how close it is to its ceiling, its spread, a second
estimator, and a verdict in words. Estimators are values: `KSG(k=4)`, `EDGE()`,
`Reduced(KSG(), PCA(4))`. Nats throughout.

Importing this needs numpy, scipy and numba, and nothing else.
"""

from importlib.metadata import PackageNotFoundError, version

from mitools.assessment import Assessment, assess
from mitools.base import Estimate, MutualInformationEstimator
from mitools.estimators import EDGE, KSG
from mitools.information import mutual_information
from mitools.messages import MissingExtraError
from mitools.reduction import PCA, RandomProjection, Reduced
from mitools.registry import parse_estimator
from mitools.verdict import Verdict

__all__ = [
    "EDGE",
    "KSG",
    "PCA",
    "Assessment",
    "Estimate",
    "MissingExtraError",
    "MutualInformationEstimator",
    "RandomProjection",
    "Reduced",
    "Verdict",
    "__version__",
    "assess",
    "mutual_information",
    "parse_estimator",
]

try:
    __version__ = version("robustsplit")
except PackageNotFoundError:  # run from a checkout that was never installed
    __version__ = "0.1.0"
