"""Suite "independent": nothing to find, in 1 to 512 columns a side; the truth is 0."""

from __future__ import annotations

from mitools.estimators.base import Matrix
from mitools.tasks.mixtures import changed_normal

__all__ = ["TASKS"]


def cubed(x: Matrix) -> Matrix:
    """Give every column heavy tails."""
    return x**3


TASKS = tuple(
    changed_normal(f"independent {d}+{d}, {margins}", [0.0], d, d, change, change)
    for d in (1, 5, 50, 512)
    for margins, change in (("normal", None), ("cubed", cubed))
)
