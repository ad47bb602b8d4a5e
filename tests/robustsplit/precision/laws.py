"""Layers whose capacity or information at a precision is known."""

import numpy as np


def labels(per_class, classes=10):
    return np.repeat(np.arange(classes), per_class)


def normal_layer(rng, spectrum, n):
    """Return n rows of a normal law with these eigenvalues, rotated."""
    d = len(spectrum)
    rotation = np.linalg.qr(rng.normal(size=(d, d)))[0]
    return (rng.normal(size=(n, d)) * np.sqrt(spectrum)) @ rotation.T


def capacity_of(spectrum, tau):
    """Return 1/2 sum log(1 + share / tau^2)."""
    spectrum = np.asarray(spectrum, dtype=float)
    return 0.5 * np.log1p(spectrum / spectrum.sum() / tau**2).sum()
