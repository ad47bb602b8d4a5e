"""The input: arrays and tables as matrices, what kind a side is, and scaling."""
