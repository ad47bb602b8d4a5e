"""What shuffles take off EDGE's value, and what bounds it."""

import numpy as np
import pytest

from mitools import EDGE
from mitools.engines.cells import correction

pytestmark = pytest.mark.filterwarnings("error")


def gaussian(n, r, d, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    return x, r * x + np.sqrt(1 - r * r) * rng.normal(size=(n, d))


def information(r, d=1):
    return -d / 2 * np.log(1 - r * r)


def test_remembered_nulls_change_no_bit():
    x, y = gaussian(500, 0.5, 1, 0)
    warm = EDGE().estimate(x, y).value
    correction._NULLS.clear()
    assert EDGE().estimate(x, y).value == warm


@pytest.mark.parametrize("d", [2, 3])
def test_few_shuffles_leave_no_error_that_all_data_share(d):
    # The standard error of the mean is 0.005.
    rng = np.random.default_rng(0)
    values = [EDGE().estimate(*rng.normal(size=(2, 1000, d))).value for _ in range(40)]
    assert abs(np.mean(values)) < 0.015


def test_without_the_correction_independent_data_would_not_give_zero():
    # The negative control: what is subtracted is far above the tolerance of the tests above.
    estimate = EDGE().estimate(*gaussian(1000, 0.0, 1, 0))
    assert estimate.stats["null"] > 0.2
    assert estimate.value + estimate.stats["null"] > 0.2


@pytest.mark.parametrize("n", [50, 200, 1000])
@pytest.mark.parametrize("d", [4, 64, 512])
@pytest.mark.parametrize("r", [0.3, 0.9, 1.0])
def test_sums_over_pairs_stay_within_what_n_points_show(n, d, r):
    x, y = gaussian(n, r, d, 0)
    estimate = EDGE().estimate(x, y)
    assert estimate.value <= estimate.ceiling <= np.log(n)
    assert estimate.value < 1.1 * information(min(r, 0.999), d)
    assert estimate.saturated == (r == 1.0 or estimate.value > 0.9 * estimate.ceiling)
    orders = np.array([np.arange(n), np.random.default_rng(0).permutation(n)])
    again, shuffled = EDGE().prepare(x, y).permuted(orders)
    assert again == pytest.approx(estimate.value, abs=1e-12)
    assert shuffled < 0.6


def test_what_the_bound_cut_off_is_kept():
    # 16 canonical pairs hold 13.3 nats, which the sum over pairs finds; 1000 points show 6.9.
    estimate = EDGE().estimate(*gaussian(1000, 0.9, 16, 0))
    assert estimate.value == np.log(1000)
    found = estimate.value + estimate.stats["exceeds_ceiling"]
    assert found == pytest.approx(information(0.9, 16), rel=0.05)


@pytest.mark.parametrize("n", [20_000, 200_000])
@pytest.mark.parametrize("steps", [5, 9, 16])
def test_thinned_shuffles_stand_for_all(n, steps):
    # Independent data are 0 at any depth and n, though the shuffles are of at most 16,384 samples.
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, n))
    value = EDGE(members=3).fit_hash(x, y, steps=steps).update(x, y).finalize().value
    assert abs(value) < 0.02
