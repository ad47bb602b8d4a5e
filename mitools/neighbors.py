"""The module `mitools.engines.neighbors.search` under the name it had before."""

from mitools.engines.neighbors.search import *
