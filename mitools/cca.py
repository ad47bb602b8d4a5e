"""The module `mitools.estimators.cca` under the name it had before."""

from mitools.estimators.cca import *
