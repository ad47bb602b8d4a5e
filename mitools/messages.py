"""The module `mitools.samples.messages` under the name it had before."""

from mitools.samples.messages import *
