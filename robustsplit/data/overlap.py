"""Inputs that stand in two parts of a data set: accuracies on them measure memory."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping
from itertools import combinations

import numpy as np
from torch import Tensor

__all__ = ["check_disjoint"]

#: Above this share of the smaller part two parts are copies of each other, not two draws.
COPIES = 0.5

#: Fewer shared inputs than this may be chance, in images with few values; they are only told.
FEW = 10

#: Published sets share a few inputs between train and test; above this share it is worth saying.
NOTABLE = 0.01

#: An input is known by so many of its values, evenly spread, and by the sum of all.
VALUES = 1024


def check_disjoint(parts: Mapping[str, Tensor]) -> None:
    """Refuse parts that are copies of each other; warn of parts that share inputs.

    Args:
        parts: The inputs of each part by name, with shape (n, ...).

    Raises:
        ValueError: When more than half of a part's different inputs, and ten or more, stand in
            another part.
    """
    known = {name: _fingerprints(inputs) for name, inputs in parts.items()}
    for one, other in combinations(known, 2):
        shared = len(known[one] & known[other])
        smaller = min((one, other), key=lambda name: len(known[name]))
        fraction = shared / len(known[smaller])
        if fraction <= NOTABLE:
            continue
        said = (
            f"{shared} of the {len(known[smaller])} different inputs of the {smaller} part are in "
            f"the {other if smaller == one else one} part as well"
        )
        if fraction > COPIES and shared >= FEW:
            raise ValueError(
                f"{said}. The parts must be disjoint, or accuracies measure memory: draw them "
                "with robustsplit.data.split(data)."
            )
        warnings.warn(
            f"{said}: accuracies there are flattered. Remove the duplicates before splitting.",
            stacklevel=4,
        )


def _fingerprints(inputs: Tensor) -> set[bytes]:
    """Return a digest of each different input; of large ones, of a sample of their values."""
    rows = inputs.flatten(1).numpy()
    step = max(1, rows.shape[1] // VALUES)
    some = np.ascontiguousarray(rows[:, ::step])
    sums = rows.sum(axis=1, dtype=np.float64)
    return {
        hashlib.blake2b(row.tobytes() + total.tobytes(), digest_size=16).digest()
        for row, total in zip(some, sums, strict=True)
    }
