"""All pairs by blocks of rows: the size of a block changes no count."""

from __future__ import annotations

from mitools.engines.neighbors import tiling
from mitools.engines.neighbors.search import (
    BruteForce,
    Query,
    Tiles,
)
from tests.mitools.engines.neighbors.pairs import data, equal


def test_tiles_of_a_few_rows(monkeypatch):
    x, y = data("heavy", 333, (12, 15))
    query = Query(4, 1, "l2")
    expected = BruteForce().counts(x, y, query)
    monkeypatch.setattr(tiling, "TILE_SIZE", 1)
    monkeypatch.setattr(tiling, "TILE_ROWS", 7)
    assert equal(Tiles().counts(x, y, query), expected)
    monkeypatch.setattr(tiling, "LARGEST_TILE", 1)
    assert equal(Tiles().counts(x, y, query), expected)
