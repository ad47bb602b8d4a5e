"""The module `mitools.engines.cells.sides` under the name it had before."""

from mitools.engines.cells.sides import *
