"""Numbers about an estimate: its null, its spread, and the verdict that follows from them."""
