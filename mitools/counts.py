"""The module `mitools.engines.cells.state` under the name it had before."""

from mitools.engines.cells.state import *
