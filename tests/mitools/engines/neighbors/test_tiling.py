"""All pairs by blocks of rows: the size of a block changes no count."""

from __future__ import annotations

import numpy as np

from mitools.engines.neighbors import tiling
from mitools.engines.neighbors.search import (
    BruteForce,
    Query,
    Tiles,
)


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


def test_tiles_of_a_few_rows(monkeypatch):
    x, y = data("heavy", 333, (12, 15))
    query = Query(4, 1, "l2")
    expected = BruteForce().counts(x, y, query)
    monkeypatch.setattr(tiling, "TILE_SIZE", 1)
    monkeypatch.setattr(tiling, "TILE_ROWS", 7)
    assert equal(Tiles().counts(x, y, query), expected)
    monkeypatch.setattr(tiling, "LARGEST_TILE", 1)
    assert equal(Tiles().counts(x, y, query), expected)
