"""Canonical pairs on held-out halves, by the path that they had: see `mitools.linear.held_out`."""

from mitools.linear.components import Whitened
from mitools.linear.held_out import HeldOut, held_out, normal_information

__all__ = ["HeldOut", "Whitened", "held_out", "normal_information"]
