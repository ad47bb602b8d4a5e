"""Pairs of sides of several kinds, and whether two searches count them alike."""

import numpy as np


def data(kind, n, dimensions, seed=0):
    rng = np.random.default_rng([seed, n, *dimensions])
    x, y = (rng.standard_normal((n, d)) for d in dimensions)
    if kind == "dependent":
        y[:, 0] = x[:, 0] + 1e-3 * y[:, 0]
    if kind == "heavy":
        x, y = x / rng.standard_normal((n, 1)), y / rng.standard_normal((n, 1))
    if kind == "lattice":
        x, y = np.round(x), np.round(y)
    if kind == "relu":
        x, y = np.maximum(x, 0), np.maximum(y, 0)
    if kind == "far":
        x, y = x + 1e6, y * 1e-3
    return x, y


def equal(counts, expected):
    return all(np.array_equal(found, right) for found, right in zip(counts, expected, strict=True))
