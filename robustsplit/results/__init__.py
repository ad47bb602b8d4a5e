"""What a study finds, as records without torch inside: accuracies, pairs, profiles, trials, rho.

All mutual information is in nats here; reports and figures convert to bits for display.
"""

from robustsplit.readings import RhoView, least_of_converged
from robustsplit.results.accuracies import AccuracyRecord, PairedDifference
from robustsplit.results.precisions import PrecisionRecord
from robustsplit.results.profiles import PairRecord, Profile
from robustsplit.results.rho import EpochRecord, RhoResult, Trial

__all__ = [
    "AccuracyRecord",
    "EpochRecord",
    "PairRecord",
    "PairedDifference",
    "PrecisionRecord",
    "Profile",
    "RhoResult",
    "RhoView",
    "Trial",
    "least_of_converged",
]
