"""Many pairings from one table of distances: each is what it would be alone."""

import numpy as np
import pytest
from scipy.special import digamma

from mitools._kernels.neighbors.permuted import all_distances, table_excess
from tests.mitools._kernels.neighbors.naive_counts import counts, distances, samples, strict_radii


@pytest.mark.parametrize("kind", ["smooth", "ties"])
@pytest.mark.parametrize("squared", [False, True])
def test_every_distance_is_there_and_in_order(kind, squared):
    side = samples(kind, 40, 3, 1)[0]
    found = all_distances(side, squared)
    expected = distances(side, squared)
    np.testing.assert_array_equal(found.between, expected)
    np.testing.assert_array_equal(found.ordered, np.sort(expected, axis=1))
    np.testing.assert_array_equal(
        np.take_along_axis(expected, found.nearest, axis=1), found.ordered
    )


@pytest.mark.parametrize("kind", ["smooth", "ties"])
@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("variant", [1, 2])
def test_pairings_are_those_of_permuted_samples(kind, squared, variant):
    x, y = samples(kind, 50, 2, 3)
    rng = np.random.default_rng(0)
    orders = np.array([np.arange(50), *(rng.permutation(50) for _ in range(4))])
    table = digamma(np.arange(51) + 1.0)
    totals = np.full(5, np.nan)
    sides = [all_distances(side, squared) for side in (x, y)]
    table_excess(0, 2, *sides, orders, (3, variant), table, totals)
    assert np.isnan(totals[2:]).all()
    table_excess(2, 5, *sides, orders, (3, variant), table, totals)
    for order, total in zip(orders, totals, strict=True):
        radii = strict_radii(x, y[order], 3, variant, squared)
        within = [counts(side, r, squared) for side, r in zip((x, y[order]), radii, strict=True)]
        assert total == pytest.approx(table[np.array(within)].sum(), rel=1e-12)
