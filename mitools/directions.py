"""The module `mitools.engines.linear.directions` under the name it had before."""

from mitools.engines.linear.directions import *
