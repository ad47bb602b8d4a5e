"""The modules `robustsplit.report.findings` and `.tables` under the name they had before."""

from robustsplit.report.findings import *
from robustsplit.report.tables import *
from robustsplit.results import RhoResult

chosen_pairs = RhoResult.chosen
