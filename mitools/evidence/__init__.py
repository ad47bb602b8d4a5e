"""Numbers about an estimate: its null, its spread, and what they allow to be said of it."""
