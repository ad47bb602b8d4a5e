"""Lines over the depth of networks: how they look, where they stand, and the display of rho."""

from robustsplit.drawing.display import RhoDepthComparison, RhoDepthDisplay
from robustsplit.drawing.measures import MEASURES, Measure

__all__ = ["MEASURES", "Measure", "RhoDepthComparison", "RhoDepthDisplay"]
