"""The module `robustsplit.study.config` under the name it had before."""

from robustsplit.study.config import *
