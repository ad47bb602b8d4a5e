"""The module `mitools.estimators.reduction` under the name it had before."""

from mitools.estimators.reduction import *
