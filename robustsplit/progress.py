"""The module `robustsplit.study.progress` under the name it had before."""

from robustsplit.study.progress import *
