"""What a layer keeps of the one before at a stated precision: capacity, bracket, linear part."""

from robustsplit.precision.bracket import Bracket, bracket
from robustsplit.precision.capacity import Capacity, capacity
from robustsplit.precision.linear import LinearInformation, linear_information
from robustsplit.precision.within import WithinClasses

__all__ = [
    "Bracket",
    "Capacity",
    "LinearInformation",
    "WithinClasses",
    "bracket",
    "capacity",
    "linear_information",
]
