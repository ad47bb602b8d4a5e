"""Other packages that estimate mutual information, as functions of x and y to nats.

`peers()` has those that are installed; ``pip install -e ".[bench]"`` installs them all, at the
versions against which these calls were checked. Each is called with its defaults but for k = 4
neighbours where it takes a number, on data as they are. None is for samples that it does not take:
several columns, or, for the copula, as many columns as a sixth of the samples.
"""

from collections.abc import Callable
from importlib.util import find_spec

import numpy as np

K = 4


def peers() -> dict[str, Callable]:
    """Return the installed peers by name."""
    return {name: peer for name, (module, peer) in KNOWN.items() if find_spec(module)}


def scikit_learn(x, y):
    """scikit-learn: KSG, one column a side."""
    from sklearn.feature_selection import mutual_info_regression

    if not narrow(x, y):
        return None
    return mutual_info_regression(x, y[:, 0], n_neighbors=K, random_state=0)[0]


def ennemi(x, y):
    """ennemi: KSG, one column a side."""
    from ennemi import estimate_mi

    return estimate_mi(y[:, 0], x[:, 0], k=K).squeeze() if narrow(x, y) else None


def npeet(x, y):
    """NPEET, in its maintained form: KSG."""
    from npeet_plus import mi

    return mi(x, y, k=K, base=np.e)


def infomeasure(x, y):
    """infomeasure: KSG."""
    from infomeasure import mutual_information

    return mutual_information(x, y, approach="ksg", k=K, base="e")


def infopy(x, y):
    """infopy: KSG."""
    from infopy.estimators import CCMIEstimator

    return CCMIEstimator(n_neighbors=K).estimate(x, y)


def dit(x, y):
    """dit: KSG's total correlation of two blocks, in bits."""
    from dit.inference.knn_estimators import total_correlation_ksg

    columns = np.arange(x.shape[1] + y.shape[1])
    blocks = [columns[: x.shape[1]].tolist(), columns[x.shape[1] :].tolist()]
    return total_correlation_ksg(np.hstack([x, y]), blocks, k=K) * np.log(2)


def frites(x, y):
    """frites: the Gaussian copula, in bits."""
    from frites.core import gcmi_nd_cc

    wide = x.shape[1] + y.shape[1] > len(x) // 6
    return None if wide else float(gcmi_nd_cc(x.T, y.T, mvaxis=0)) * np.log(2)


def narrow(x, y):
    """Return whether there is one column a side."""
    return x.shape[1] == y.shape[1] == 1


#: The module of each peer, and its function.
KNOWN: dict[str, tuple[str, Callable]] = {
    "scikit-learn": ("sklearn", scikit_learn),
    "ennemi": ("ennemi", ennemi),
    "NPEET": ("npeet_plus", npeet),
    "infomeasure": ("infomeasure", infomeasure),
    "infopy": ("infopy", infopy),
    "dit": ("dit", dit),
    "GCMI (frites)": ("frites", frites),
}
