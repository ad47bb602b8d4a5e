"""The module `mitools.engines.cells.pair` under the name it had before, as has its class."""

from mitools.engines.cells.pair import *
from mitools.engines.cells.pair import HashedPair

Block = HashedPair
