"""The module `mitools.estimators.registry` under the name it had before."""

from mitools.estimators.registry import *
