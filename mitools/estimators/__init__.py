"""The estimators, one method a file, named so that a reader of its paper finds it."""

from mitools.estimators.edge import EDGE
from mitools.estimators.ksg import KSG

__all__ = ["EDGE", "KSG"]
