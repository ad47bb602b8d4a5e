"""EDGE's engine: sides as hashed coordinates, pairs of them counted, and counts that add up."""
