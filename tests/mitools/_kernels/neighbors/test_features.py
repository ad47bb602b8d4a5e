"""One feature a side in one call against a naive twin, as it stands and paired anew."""

import numpy as np
import pytest
from scipy.special import digamma

from mitools._kernels.neighbors.features import block_counts, permuted_excess, rectangle_counts
from mitools._kernels.neighbors.margins import margin
from tests.mitools._kernels.neighbors.naive_counts import counts, samples, strict_radii

WHOLE = {1: block_counts, 2: rectangle_counts}


def expected(x, y, k, variant):
    radii = strict_radii(x, y, k, variant, False)
    return np.array(
        [counts(side, radius, False) for side, radius in zip((x, y), radii, strict=True)]
    )


@pytest.mark.parametrize("kind", ["smooth", "ties"])
@pytest.mark.parametrize("variant", [1, 2])
@pytest.mark.parametrize("k", [1, 4, 9])
@pytest.mark.parametrize("n", [12, 150])
def test_counts_by_place_are_those_of_the_twin(kind, variant, k, n):
    x, y = samples(kind, n, 1, 1)
    margins = margin(x[:, 0]), margin(y[:, 0])
    found = WHOLE[variant](*margins, k)
    by_row = np.array([side[m.place] for side, m in zip(found, margins, strict=True)])
    np.testing.assert_array_equal(by_row, expected(x, y, k, variant))


@pytest.mark.parametrize("variant", [1, 2])
def test_permuted_pairings_add_up_what_each_would_give_afresh(variant):
    x, y = samples("smooth", 80, 1, 1)
    rng = np.random.default_rng(1)
    orders = np.array([np.arange(80), *(rng.permutation(80) for _ in range(3))])
    table = digamma(np.arange(80) + (1 if variant == 1 else 0) + 1e-9)
    totals = np.full(4, np.nan)
    margins = margin(x[:, 0]), margin(y[:, 0])
    permuted_excess(1, 4, *margins, orders, (3, variant), table, totals)
    afresh = [table[expected(x, y[order], 3, variant)].sum() for order in orders]
    np.testing.assert_allclose(totals[1:], afresh[1:], rtol=1e-12)
    assert np.isnan(totals[0])
    permuted_excess(0, 1, *margins, orders, (3, variant), table, totals)
    assert totals[0] == pytest.approx(afresh[0], rel=1e-12)
