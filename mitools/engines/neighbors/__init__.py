"""Nearest neighbours: searches, the path for one column a side, tiles, and neighbours that tie."""
