"""The module `robustsplit.study.threads` under the name it had before."""

from robustsplit.study.threads import *
