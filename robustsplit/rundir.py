"""The module `robustsplit.study.rundir` under the name it had before."""

from robustsplit.study.rundir import *
