"""The module `robustsplit.report.files` under the name it had before."""

from robustsplit.report.files import *
