"""The module `robustsplit.study.experiment` under the name it had before."""

from robustsplit.study.experiment import *
