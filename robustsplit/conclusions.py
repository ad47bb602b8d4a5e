"""The module `robustsplit.report.conclusions` under the name it had before."""

from robustsplit.report.conclusions import *
