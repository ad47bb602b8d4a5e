"""Linear algebra of one and of two sides: all decompositions that estimates rest on.

`components` are the principal components of one side, `canonical` the directions of a pair,
`held_out` both on rows that did not choose them, `gain` says when a gain is more than chance,
and `ties` settles what rounding would.
"""
