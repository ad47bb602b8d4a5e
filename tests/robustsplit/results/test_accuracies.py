"""Counts of correct answers and their intervals."""

import numpy as np
import pytest

from robustsplit.results import AccuracyRecord


@pytest.mark.parametrize(("correct", "n"), [(0, 7), (7, 7), (288, 360), (1, 3)])
def test_the_interval_solves_wilsons_equation(correct, n):
    """Its ends are the p whose score test has z = 1.96: |share - p| = z sqrt(p (1 - p) / n)."""
    for end in AccuracyRecord(correct, n).interval:
        p = end / 100
        distance = abs(correct / n - p)
        assert distance == pytest.approx(1.959964 * np.sqrt(p * (1 - p) / n), abs=1e-6)
    low, high = AccuracyRecord(correct, n).interval
    assert 0 <= low <= 100 * correct / n <= high <= 100 and low < high
