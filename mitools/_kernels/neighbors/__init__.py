"""Kernels of the neighbour searches."""
