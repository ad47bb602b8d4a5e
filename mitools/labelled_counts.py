"""The module `mitools.engines.cells.labelled` under the name it had before."""

from mitools.engines.cells.labelled import *
