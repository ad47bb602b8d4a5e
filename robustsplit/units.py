"""Units for display: everything is computed and kept in nats."""

from __future__ import annotations

from typing import Literal

import numpy as np

from mitools.samples.messages import unknown

__all__ = ["UNITS", "Unit", "per_nat"]

Unit = Literal["bits", "nats"]
UNITS = ("bits", "nats")


def per_nat(unit: str) -> float:
    """Return what one nat is in `unit`.

    Args:
        unit: "bits" or "nats".

    Returns:
        1 for "nats", 1 / ln 2 = 1.44... for "bits".

    Raises:
        ValueError: For another unit.
    """
    if unit not in UNITS:
        raise ValueError(unknown("unit", unit, UNITS))
    return 1 / float(np.log(2)) if unit == "bits" else 1.0
