"""The released codes' kernels against their naive twins."""

import numpy as np
import pytest

from mitools._kernels.released import clipped_information, mean_neighbor_distances, row_codes
from tests.mitools._kernels.cells.naive_edge import clipped_bits


def test_the_clipped_sum_is_its_naive_twin():
    rng = np.random.default_rng(0)
    x = rng.integers(9, size=200)
    y = (x * rng.integers(1, 3, size=200)) % 9
    joint = np.sort(x * 9 + y)
    counts = np.bincount(x, minlength=9), np.bincount(y, minlength=9)
    for lower, upper in ((0.001, 10.0), (0.5, 1.0)):
        value, cells, alone = clipped_information(joint, *counts, 200, lower, upper)
        assert value == pytest.approx(clipped_bits(x, y, lower, upper), abs=1e-12)
        sizes = np.unique(joint, return_counts=True)[1]
        assert (cells, alone) == (len(sizes), (sizes == 1).sum())


@pytest.mark.parametrize("k", [1, 2, 17, 40])
def test_neighbour_distances_are_their_naive_twin(k):
    rng = np.random.default_rng(k)
    values = np.sort(np.concatenate([rng.normal(size=30), rng.integers(3, size=10)]))
    probes = rng.choice(values, 50)
    expected = [np.sort(np.abs(values - probe))[k - 1] for probe in probes]
    assert mean_neighbor_distances(values, probes, k) == pytest.approx(
        np.mean(expected), abs=1e-12
    )


def test_row_codes_tell_rows_apart():
    rows = np.array(np.meshgrid(np.arange(-20, 20), np.arange(40), np.arange(5))).reshape(3, -1).T
    assert len(np.unique(row_codes(rows.astype(float)))) == len(rows)
    assert len(np.unique(row_codes(np.ones((5, 3))))) == 1
