"""The readings of rho over trials."""

import numpy as np

from robustsplit.readings import VIEWS, least_of_converged
from robustsplit.results import RhoResult
from tests.robustsplit.fakes import result


def test_the_least_is_taken_pair_by_pair_and_the_first_of_equals():
    values = np.array([[0.0, 0.0, 0.0], [3.0, 1.0, 2.0], [2.0, 1.0, 4.0]])
    assert least_of_converged(values, [False, True, True]).tolist() == [2, 1, 1]
    assert least_of_converged(values, [True, True, True]).tolist() == [0, 0, 0]


def test_every_reading_can_be_asked_of_a_result():
    for view in VIEWS:
        assert len(RhoResult.rho(result(), view)) == 2
