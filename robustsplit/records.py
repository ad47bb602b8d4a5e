"""The module `robustsplit.report.rho_csv`, and results as JSON, under the names of before."""

import dataclasses

from robustsplit.report.rho_csv import *
from robustsplit.results import RhoResult

result_to_dict, result_from_dict = dataclasses.asdict, RhoResult.from_dict
