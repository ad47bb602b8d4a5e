"""EDGE against exact identities, its naive twin, closed forms and negative controls."""

import numpy as np
import pytest

from mitools import (
    EDGE,
    parse_estimator,
)
from tests.mitools._kernels.cells.naive_edge import plug_in

pytestmark = pytest.mark.filterwarnings("error")


def gaussian(n, r, d, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    return x, r * x + np.sqrt(1 - r * r) * rng.normal(size=(n, d))


def information(r, d=1):
    return -d / 2 * np.log(1 - r * r)


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


@pytest.mark.parametrize("width", [1, 5, 50, 512])
def test_independent_data_give_zero_at_every_width(width):
    # One seed's sd is 0.02 to 0.03 at each width, so the mean of 10 has 0.01.
    values = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(2, 1000, width))
        values.append(EDGE().estimate(x, y).value)
    assert abs(np.mean(values)) < 0.03


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


def test_more_dimensions_see_more_classes():
    rng = np.random.default_rng(0)
    labels = rng.integers(10, size=1500)
    features = rng.normal(size=(10, 20))[labels] + rng.normal(size=(1500, 20))
    few, many = (EDGE(dimensions=r).estimate(labels, features) for r in (2, 6))
    assert few.value + 0.3 < many.value < np.log(10)
    assert few.value == EDGE().estimate(labels, features).value  # log2(1500) / 4 is 2.6


@pytest.mark.parametrize("d", [1, 2, 3])
def test_no_value_exceeds_the_ceiling(d):
    x, _ = gaussian(1000, 0, d, 0)
    estimate = EDGE().estimate(x, x)
    assert estimate.value <= estimate.ceiling <= EDGE().ceiling(1000)
    assert estimate.saturated


def test_mixtures_of_atoms_and_densities():
    # y is exactly 0 where x < 0: I = ln 2. The correction takes a little too much, because the
    # atom's half has no bias to take away: -0.11 at this n.
    rng = np.random.default_rng(0)
    x = rng.normal(size=4000)
    y = np.where(x < 0, 0.0, rng.random(4000) + 1)
    assert EDGE().estimate(x, y).value == pytest.approx(np.log(2), abs=0.15)


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


def test_settings_as_values_of_before_are_read_and_others_refused():
    former = {**EDGE(members=4).to_dict(), "divergence": "shannon"}
    assert EDGE.from_dict(former) == EDGE(members=4)
    with pytest.raises(TypeError, match="no setting 'divergence' any more"):
        EDGE.from_dict({**former, "divergence": "chi-square"})


def test_the_setting_that_is_gone_is_named_with_what_replaces_it():
    message = r'no setting \'divergence\' any more.*stats\["chi_square"\].*PlugIn\('
    with pytest.raises(TypeError, match=message):
        EDGE(divergence="chi-square")
    with pytest.raises(ValueError, match=message):
        parse_estimator("edge:divergence=chi-square,seed=2")
    with pytest.raises(TypeError, match="unexpected keyword argument 'divergances'"):
        EDGE(divergances=2)
