"""Distances and strict counts within one side, n x n, in the arithmetic of the kernels."""

import numpy as np


def distances(side, squared):
    """Return all distances within a side: max norm, or squared Euclidean in column order."""
    found = np.zeros((len(side), len(side)))
    for column in side.T:
        gaps = np.abs(column[:, None] - column)
        found = found + gaps * gaps if squared else np.maximum(found, gaps)
    return found


def counts(side, radii, squared):
    """Return how many other rows lie strictly within each row's radius."""
    inside = distances(side, squared) < np.asarray(radii)[:, None]
    np.fill_diagonal(inside, False)
    return inside.sum(axis=1)


def nearest(x, y, k, squared):
    """Return each row's k nearest others in the joint norm, ties going to the lower row."""
    joint = np.maximum(distances(x, squared), distances(y, squared))
    np.fill_diagonal(joint, np.inf)
    return np.argsort(joint, axis=1, kind="stable")[:, :k]


def strict_radii(x, y, k, variant, squared):
    """Return the strict radii of KSG 1 or 2 on each side, with shape (2, n)."""
    in_x, in_y = distances(x, squared), distances(y, squared)
    rows, near = np.arange(len(x))[:, None], nearest(x, y, k, squared)
    if variant == 1:
        return np.tile(np.maximum(in_x, in_y)[rows, near].max(axis=1), (2, 1))
    sides = [side[rows, near].max(axis=1) for side in (in_x, in_y)]
    return np.nextafter(np.array(sides), np.inf)


def samples(kind, n, d_x, d_y, seed=0):
    """Return paired rows: of a smooth law, or of few values, so that distances tie."""
    rng = np.random.default_rng([seed, n, d_x, d_y])
    x, y = rng.normal(size=(n, d_x)), rng.normal(size=(n, d_y))
    y[:, 0] += x[:, 0]
    return (np.round(x), np.round(y)) if kind == "ties" else (x, y)
