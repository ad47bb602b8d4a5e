"""The paper's readings of rho: which value of T trials is meant, and where each comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["VIEWS", "RhoView", "least_of_converged"]

RhoView = Literal["min_converged", "best_trial", "min", "max", "mean", "sd"]

#: The readings of the paper's "rho", and where each comes from.
VIEWS: Mapping[str, str] = {
    "min_converged": "least value over the trials that converged (supplementary material)",
    "best_trial": "value of the trial with the highest accuracy (section 3.2, prose)",
    "min": "least value over all trials (Algorithm 1, box)",
    "max": "largest value over all trials",
    "mean": "mean over all trials",
    "sd": "standard deviation over all trials (n - 1)",
}


def least_of_converged(
    values: NDArray[np.float64], converged: Sequence[bool] | NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Return the trial that the paper's rho of each pair is taken from; the first of equals.

    Args:
        values: I_{j,t}, with shape (trials, pairs).
        converged: Whether each trial converged; at least one did.

    Returns:
        Indices of trials, with shape (pairs,).
    """
    counted = np.flatnonzero(converged)
    return counted[values[counted].argmin(axis=0)]
