"""The module `mitools.samples.tables` under the name it had before."""

from mitools.samples.tables import *
