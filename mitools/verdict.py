"""The modules `record` and `verdict` of `mitools.evidence` under the name they had before."""

from mitools.evidence.record import *
from mitools.evidence.verdict import *
