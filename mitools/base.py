"""The module `mitools.estimators.base` under the name it had before."""

from mitools.estimators.base import *
