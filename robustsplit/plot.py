"""The module `robustsplit.report.figures` under the name it had before."""

from robustsplit.report.figures import *
