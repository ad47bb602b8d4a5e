"""Kernels of the hashed cells."""
