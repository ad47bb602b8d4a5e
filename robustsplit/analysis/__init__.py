"""What is asked of a network: how its layers depend on each other, and Algorithm 1."""

from robustsplit.analysis.algorithm1 import learn_rho
from robustsplit.analysis.connectivity import connectivity

__all__ = ["connectivity", "learn_rho"]
