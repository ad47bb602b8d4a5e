"""The module `mitools.engines.cells.pair` under the name it had before."""

from mitools.engines.cells.pair import *
