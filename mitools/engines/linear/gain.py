"""When another estimate may replace the first: not for chance, as the larger of two is biased.

Two noisy estimates of the same number are right on average; the larger of them is not. An estimate
that may only replace another where it is higher by several standard errors of the difference adds
next to nothing at independence.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["EVIDENCE", "EVIDENCE_OF_SPREAD", "certain_gain"]

Number = TypeVar("Number", float, NDArray[np.float64])

#: Standard errors by which another estimate must be higher.
EVIDENCE = 3.0
#: The same where an estimate from all canonical pairs replaces that from the leading ones, and for
#: a pair to count among them: their errors are known, not estimated.
EVIDENCE_OF_SPREAD = 2.5


def certain_gain(gain: Number, error: Number, evidence: float = EVIDENCE) -> Number:
    """Return what is certain of a gain: what is left of it less so many standard errors.

    Args:
        gain: How much higher the other estimate is, in nats; or an array of such.
        error: The standard error of that difference.
        evidence: How many of them are taken off.

    Returns:
        The lower limit of the gain. Above 0, the other estimate may replace the first.
    """
    return gain - evidence * error
