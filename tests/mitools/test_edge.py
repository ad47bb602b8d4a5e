"""EDGE against exact identities, its naive twin, closed forms and negative controls."""

import numpy as np
import pytest

from mitools import EDGE, RandomProjection, Reduced
from mitools.engines.cells import correction
from mitools.engines.linear.directions import random_directions
from tests.mitools.naive_edge import chi_square_ratio, plug_in

pytestmark = pytest.mark.filterwarnings("error")


def gaussian(n, r, d, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    return x, r * x + np.sqrt(1 - r * r) * rng.normal(size=(n, d))


def information(r, d=1):
    return -d / 2 * np.log(1 - r * r)


# --- tables ------------------------------------------------------------------------------------


def test_the_chi_square_ratio_is_its_naive_twin():
    rng = np.random.default_rng(0)
    x = rng.integers(5, size=400)
    y = (x + rng.integers(3, size=400)) % 5
    stats = EDGE().estimate(x, y).stats
    assert stats["chi_square_ratio"] == pytest.approx(chi_square_ratio(x, y), abs=1e-12)
    assert stats["chi_square_ratio_debiased"] == pytest.approx(
        chi_square_ratio(x, y) - 16 / 399, abs=1e-12
    )


def test_a_hand_computed_table():
    x = np.repeat([0, 0, 1, 1], [30, 10, 20, 40])
    y = np.repeat([0, 1, 0, 1], [30, 10, 20, 40])
    estimate = EDGE().estimate(x, y)
    expected = (
        0.3 * np.log(0.3 / 0.2) + 0.1 * np.log(0.1 / 0.2)
        + 0.2 * np.log(0.2 / 0.3) + 0.4 * np.log(0.4 / 0.3)
    )  # fmt: skip
    assert plug_in(x, y) == pytest.approx(expected, abs=1e-12)
    # Corrected as adjusted mutual information: (I - E) / (H - E) of the smaller entropy H.
    entropy = -(0.4 * np.log(0.4) + 0.6 * np.log(0.6))
    null = estimate.stats["null"]
    assert 0 < null < 0.02
    assert estimate.value == pytest.approx((expected - null) * entropy / (entropy - null))
    assert estimate.stats["cells_xy"] == 4


# --- exact identities --------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 20])
def test_swapping_the_sides_changes_nothing(d):
    x, y = gaussian(600, 0.7, d, 0)
    assert EDGE().estimate(x, y).value == pytest.approx(EDGE().estimate(y, x).value, abs=1e-9)


@pytest.mark.parametrize("d", [1, 3, 20, 200])
def test_power_of_two_scaling_changes_no_bit(d):
    x, y = gaussian(300, 0.7, d, 0)
    assert EDGE().estimate(x * 2.0**-30, y * 2.0**12).value == EDGE().estimate(x, y).value


def test_increasing_maps_of_a_column_change_no_bit():
    x, y = gaussian(1000, 0.8, 1, 0)
    assert EDGE().estimate(np.exp(x), y**3).value == EDGE().estimate(x, y).value


def test_shifting_changes_nothing():
    x, y = gaussian(1000, 0.8, 2, 0)
    assert EDGE().estimate(x + 8, y - 3).value == pytest.approx(EDGE().estimate(x, y).value)


def test_reordering_the_samples_changes_nothing():
    x, y = gaussian(1000, 0.8, 2, 0)
    order = np.random.default_rng(0).permutation(1000)
    assert EDGE().estimate(x[order], y[order]).value == EDGE().estimate(x, y).value


def test_the_same_seed_gives_the_same_bits_and_another_does_not():
    x, y = gaussian(500, 0.5, 2, 0)
    assert EDGE(seed=3).estimate(x, y).value == EDGE(seed=3).estimate(x, y).value
    assert EDGE(seed=3).estimate(x, y).value != EDGE(seed=4).estimate(x, y).value


def test_remembered_nulls_change_no_bit():
    x, y = gaussian(500, 0.5, 1, 0)
    warm = EDGE().estimate(x, y).value
    correction._NULLS.clear()
    assert EDGE().estimate(x, y).value == warm


def test_inputs_and_global_random_state_are_left_alone():
    x, y = gaussian(300, 0.5, 8, 0)
    kept = x.copy(), y.copy()
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    EDGE().estimate(x, y)
    np.testing.assert_array_equal((x, y), kept)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


@pytest.mark.parametrize("values", [2, 10, 100])
def test_a_discrete_variable_holds_its_entropy_about_itself(values):
    x = np.random.default_rng(values).integers(values, size=1000)
    shares = np.bincount(x) / 1000
    shares = shares[shares > 0]
    estimate = EDGE().estimate(x, x)
    assert estimate.value == pytest.approx(-(shares * np.log(shares)).sum(), abs=1e-9)
    assert estimate.ceiling == pytest.approx(estimate.value)


@pytest.mark.parametrize("d", [1, 5])
def test_constant_sides_give_exactly_zero(d):
    noise = np.random.default_rng(0).normal(size=(200, d))
    assert EDGE().estimate(np.ones((200, d)), noise).value == 0
    assert EDGE().estimate(noise, np.ones((200, d))).value == 0
    assert EDGE().estimate(np.ones((200, d)), np.zeros((200, d))).value == 0


@pytest.mark.parametrize("d", [1, 2, 6, 126])
@pytest.mark.parametrize("projection", ["auto", "none"])
@pytest.mark.parametrize("constants", [1, 5, 200])
def test_constant_columns_change_no_bit(d, projection, constants):
    x, y = gaussian(400, 0.9, d, 0)
    estimator = EDGE(projection=projection)
    padded = np.insert(x, [0] * (constants - 1) + [d], 7.0, axis=1)
    assert estimator.estimate(padded, y).value == estimator.estimate(x, y).value
    assert estimator.estimate(y, padded).value == estimator.estimate(y, x).value
    orders = np.random.default_rng(0).permutation(400)[None]
    shuffled = [estimator.prepare(side, y).permuted(orders) for side in (padded, x)]
    assert shuffled[0] == shuffled[1]
    streamed, plain = (
        estimator.fit_hash(side[:200], y[:200]).update(side, y).finalize() for side in (padded, x)
    )
    assert streamed.value == plain.value


def test_constant_columns_beside_labels_change_no_bit():
    labels = np.random.default_rng(0).integers(4, size=(400, 1))
    x = labels + np.random.default_rng(1).normal(size=(400, 2))
    padded = np.insert(labels, 0, 3, axis=1)
    assert EDGE().estimate(padded, x).value == EDGE().estimate(labels, x).value
    state = EDGE().fit_hash(padded, x).update(padded, x)
    assert state.finalize().value == EDGE().fit_hash(labels, x).update(labels, x).finalize().value
    with pytest.raises(ValueError, match="1 rows hold values that the sample"):
        state.update([[9, 0]], x[:1])


def test_columns_that_are_seldom_not_zero_are_seen():
    # Every 500th row, none of which even strides would have to meet.
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20_000, 5))
    rare = np.zeros(20_000)
    rare[3::200] = 1e4 * rng.normal(size=100)
    directions = random_directions(np.column_stack([x, rare]), 4, 0)
    assert (np.abs(directions[5]) > 0).all()
    projected = directions[5] * rare.std()
    assert np.abs(projected).max() < 5


def test_periodic_data_do_not_beat_with_the_sample_of_rows():
    # Rows come in turn from two populations far apart, over a power of two of rows.
    rng = np.random.default_rng(0)
    n = 1 << 17
    x = rng.normal(size=n) + 100 * (np.arange(n) % 2)
    y = x + rng.normal(size=n)
    # ln 2 of the population, and ln(2) / 2 within each
    assert EDGE().estimate(x, y).value == pytest.approx(1.5 * np.log(2), abs=0.03)


@pytest.mark.parametrize("d", [1, 2, 12])
def test_permuted_reuses_the_cells_and_the_identity_is_the_estimate(d):
    x, y = gaussian(400, 0.6, d, 0)
    rng = np.random.default_rng(0)
    orders = np.array([np.arange(400), *(rng.permutation(400) for _ in range(20))])
    values = EDGE().prepare(x, y).permuted(orders)
    assert values[0] == pytest.approx(EDGE().estimate(x, y).value, abs=1e-12)
    assert values[1:].max() < values[0]


@pytest.mark.parametrize("n", [4, 5, 7, 19])
@pytest.mark.parametrize("d", [1, 5, 40])
def test_few_samples_give_a_finite_number(n, d):
    x, y = gaussian(n, 0.5, d, 0)
    assert np.isfinite(EDGE().estimate(x, y).value)


# --- closed forms ------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1, 5, 50, 512])
def test_independent_data_give_zero_at_every_width(width):
    # One seed's sd is 0.02 to 0.03 at each width, so the mean of 10 has 0.01.
    values = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(2, 1000, width))
        values.append(EDGE().estimate(x, y).value)
    assert abs(np.mean(values)) < 0.03


@pytest.mark.parametrize("d", [2, 3])
def test_few_shuffles_leave_no_error_that_all_data_share(d):
    # The standard error of the mean is 0.005.
    rng = np.random.default_rng(0)
    values = [EDGE().estimate(*rng.normal(size=(2, 1000, d))).value for _ in range(40)]
    assert abs(np.mean(values)) < 0.015


@pytest.mark.parametrize("r", [0.5, 0.9])
def test_gaussian_pairs(r):
    # Over 8 seeds: mean error below 0.01, sd 0.013.
    values = [EDGE().estimate(*gaussian(5000, r, 1, seed)).value for seed in range(4)]
    np.testing.assert_allclose(values, information(r), atol=0.05)
    assert np.mean(values) == pytest.approx(information(r), abs=0.025)


@pytest.mark.parametrize(("d", "r"), [(5, 0.5), (10, 0.5), (10, 0.9), (50, 0.5)])
def test_wide_gaussians(d, r):
    # Sums over the columns; the data's own sd is 0.04 to 0.1 here.
    values = [EDGE().estimate(*gaussian(5000, r, d, seed)).value for seed in range(3)]
    assert np.mean(values) == pytest.approx(information(r, d), rel=0.08)


@pytest.mark.parametrize("width", [50, 512])
def test_low_rank_signals_in_wide_data_stand_out(width):
    rng = np.random.default_rng(0)
    latent = rng.normal(size=(1000, 3))
    x, y = (
        latent @ rng.normal(size=(3, width)) + 0.3 * rng.normal(size=(1000, width))
        for _ in range(2)
    )
    estimate = EDGE().estimate(x, y)
    assert estimate.value > 3
    assert estimate.stats["pairs"] == pytest.approx(3, abs=1)
    assert EDGE().estimate(x, x).value > 3


def test_labels_and_a_wide_side():
    # Ten well-separated classes in 30 columns: nearly all of ln 10 = 2.30 nats, and never more.
    rng = np.random.default_rng(0)
    labels = rng.integers(10, size=3000)
    features = rng.normal(size=(10, 30))[labels] * 4 + rng.normal(size=(3000, 30))
    estimate = EDGE().estimate(labels, features)
    assert 1.7 < estimate.value <= estimate.ceiling <= np.log(10)
    shuffled = EDGE().estimate(rng.permutation(labels), features)
    assert abs(shuffled.value) < 0.05


def test_random_directions_are_a_reduction():
    message = r"Reduced\(EDGE\(\), RandomProjection\(2\)\)"
    with pytest.raises(ValueError, match=message):
        EDGE(projection="random")
    estimator = Reduced(EDGE(), RandomProjection(2))
    null = [
        estimator.estimate(*np.random.default_rng(s).normal(size=(2, 1000, 300))).value
        for s in range(6)
    ]
    assert abs(np.mean(null)) < 0.05
    x = np.random.default_rng(0).normal(size=(1000, 300))
    assert estimator.estimate(x, x).value > 2


def test_more_dimensions_see_more_classes():
    rng = np.random.default_rng(0)
    labels = rng.integers(10, size=1500)
    features = rng.normal(size=(10, 20))[labels] + rng.normal(size=(1500, 20))
    few, many = (EDGE(dimensions=r).estimate(labels, features) for r in (2, 6))
    assert few.value + 0.3 < many.value < np.log(10)
    assert few.value == EDGE().estimate(labels, features).value  # log2(1500) / 4 is 2.6


def test_without_the_correction_independent_data_would_not_give_zero():
    # The negative control: what is subtracted is far above the tolerance of the tests above.
    estimate = EDGE().estimate(*gaussian(1000, 0.0, 1, 0))
    assert estimate.stats["null"] > 0.2
    assert estimate.value + estimate.stats["null"] > 0.2


@pytest.mark.parametrize("d", [1, 2, 3])
def test_no_value_exceeds_the_ceiling(d):
    x, _ = gaussian(1000, 0, d, 0)
    estimate = EDGE().estimate(x, x)
    assert estimate.value <= estimate.ceiling <= EDGE().ceiling(1000)
    assert estimate.saturated


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


def test_mixtures_of_atoms_and_densities():
    # y is exactly 0 where x < 0: I = ln 2. The correction takes a little too much, because the
    # atom's half has no bias to take away: -0.11 at this n.
    rng = np.random.default_rng(0)
    x = rng.normal(size=4000)
    y = np.where(x < 0, 0.0, rng.random(4000) + 1)
    assert EDGE().estimate(x, y).value == pytest.approx(np.log(2), abs=0.15)


# --- settings ----------------------------------------------------------------------------------


def test_repr_shows_only_what_was_changed():
    assert repr(EDGE()) == "EDGE()"
    assert repr(EDGE(members=4, seed=2)) == "EDGE(members=4, seed=2)"


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"members": 0}, "`members` must be at least 1, got 0"),
        ({"occupancies": (10, 3)}, "two increasing counts"),
        ({"occupancies": 3}, r"such as \(3, 10\), got 3"),
        ({"occupancies": (3, 10, 20)}, "two increasing counts"),
        ({"occupancies": (2.5, 10)}, "two increasing counts"),
        ({"seed": -1}, "`seed` must be at least 0, got -1"),
        ({"seed": 1.5}, "`seed` must be a whole number, got 1.5"),
        ({"projection": "cannonical"}, "canonical"),
        ({"dimensions": 0}, "`dimensions` must be at least 1"),
        ({"pairs": 0}, "`pairs` must be at least 1"),
    ],
)
def test_bad_settings_say_what_was_expected(settings, text):
    with pytest.raises(ValueError, match=text):
        EDGE(**settings)


def test_too_few_samples_say_how_many_are_needed():
    with pytest.raises(ValueError, match="needs at least 4 samples, got 3"):
        EDGE().estimate([1.0, 2.0, 3.0], [1.0, 2.0, 4.0])


@pytest.mark.parametrize("n", [20_000, 200_000])
@pytest.mark.parametrize("steps", [5, 9, 16])
def test_thinned_shuffles_stand_for_all(n, steps):
    # Independent data are 0 at any depth and n, though the shuffles are of at most 16,384 samples.
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, n))
    value = EDGE(members=3).fit_hash(x, y, steps=steps).update(x, y).finalize().value
    assert abs(value) < 0.02


@pytest.mark.parametrize("exponents", [[-700] * 6, [1000] * 6, [0, 0, 0, -900, 0, 900]])
def test_learned_directions_have_no_unit_however_large_or_small(exponents):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 6))
    y = x + rng.normal(size=(600, 6))
    moved = EDGE().estimate(np.ldexp(x, exponents), y).value
    assert moved == pytest.approx(EDGE().estimate(x, y).value, abs=1e-6)
    orders = np.stack([rng.permutation(600)])
    permuted = EDGE().prepare(np.ldexp(x, exponents), y).permuted(orders)
    assert permuted == pytest.approx(EDGE().prepare(x, y).permuted(orders), abs=1e-6)


def test_data_that_alternate_are_as_good_as_shuffled_ones():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 2000, 6))
    alternating = 20.0 * (np.arange(2000) % 2)
    x[:, 0] += alternating
    y[:, 0] += alternating
    assert EDGE().estimate(x, y).value == pytest.approx(np.log(2), abs=0.1)


def test_curved_copies_of_a_variate_count_once():
    """Wide columns that bend one number: several pairs of directions correlate, one is news."""
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(2000, 1))
    other = 0.9 * hidden + np.sqrt(1 - 0.81) * rng.normal(size=(2000, 1))  # 0.830 nats
    x, y = (
        np.abs(side @ rng.normal(size=(1, 40)) + rng.normal(size=40)) for side in (hidden, other)
    )
    assert 0.6 < EDGE().estimate(x, y).value < 0.9
    independent = np.hstack([hidden, rng.normal(size=(2000, 9))])  # nothing is left out here
    pairs = 0.6 * independent + 0.8 * rng.normal(size=(2000, 10))
    assert EDGE().estimate(independent, pairs).value > 0.8 * 10 * 0.223
