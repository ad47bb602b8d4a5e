"""The automatic choice: right candidate, right value, and nothing made of nothing."""

import warnings

import numpy as np
import pytest

from mitools import EDGE, KSG, mutual_information
from mitools.distributions import Circular, Gaussian
from mitools.estimators.auto import Auto, _choose, _Side
from mitools.estimators.base import MutualInformationEstimator
from mitools.estimators.discrete import PlugIn
from mitools.estimators.labels import Labels
from mitools.estimators.mixed import Mixed


def shared_scale(n, width, rng):
    """Normal columns on either side, all divided by one random scale (Student-t, no angle)."""
    scale = np.sqrt(rng.chisquare(2, size=(n, 1)) / 2)
    return rng.normal(size=(n, width)) / scale, rng.normal(size=(n, width)) / scale


@pytest.mark.parametrize(
    ("truth", "n", "tolerance"),
    [
        (Gaussian((0.5,)), 1000, 0.06),
        (Gaussian((0.9,)), 1000, 0.08),
        (Circular(0.25), 1000, 0.1),
        (Gaussian((0.8, 0.6), width=5, rotated=True), 1000, 0.1),
        (Gaussian((0.8, 0.6), width=50, rotated=True), 1000, 0.12),
    ],
    ids=lambda item: str(item)[:40],
)
def test_the_estimate_is_near_the_truth(truth, n, tolerance):
    # four deviations over seeds, with the bias measured over eight
    assert abs(Auto().estimate(*truth.sample(n, seed=0)).value - truth.mutual_information) < (
        tolerance
    )


@pytest.mark.parametrize("width", [1, 5, 50])
@pytest.mark.parametrize("margins", ["normal", "cauchy"])
def test_zero_at_independence(width, margins):
    # over 60 seeds at n = 1000: |mean| at most 0.010, deviation 0.006 (1 column) to 0.02 (50)
    rng = np.random.default_rng(width)
    draw = rng.standard_normal if margins == "normal" else rng.standard_cauchy
    repeats = 6 if width == 50 else 12
    values = [
        Auto().estimate(draw((500, width)), draw((500, width))).value for _ in range(repeats)
    ]
    assert abs(np.mean(values)) <= 0.02 + 4 * 0.03 / np.sqrt(repeats)


@pytest.mark.slow
@pytest.mark.parametrize("width", [1, 5, 50, 512])
def test_mean_at_independence_within_two_hundredths(width):
    rng = np.random.default_rng(1000 + width)
    values = [
        Auto().estimate(rng.normal(size=(1000, width)), rng.normal(size=(1000, width))).value
        for _ in range(20)
    ]
    assert abs(np.mean(values)) <= 0.02


def test_the_largest_candidate_would_not_be_zero():
    """The negative control: without the evidence, the same candidates see what is not there."""
    rng = np.random.default_rng(0)
    largest = [
        max(
            one.value
            for one in Auto()
            .explain(rng.normal(size=(500, 3)), rng.normal(size=(500, 3)))
            .candidates
        )
        for _ in range(12)
    ]
    assert np.mean(largest) > 0.02


def test_it_says_what_it_picked_and_why():
    rng = np.random.default_rng(0)
    explanation = Auto().explain(*shared_scale(1000, 3, rng))
    assert explanation.picked.name in ("radial", "squares_1", "squares_2")
    assert explanation.reason.startswith(explanation.picked.name)
    assert sum(one.picked for one in explanation.candidates) == 1
    table = str(explanation)
    assert all(one.name in table for one in explanation.candidates)
    assert "* " + explanation.picked.name in table


def test_the_statistics_are_the_candidates():
    x, y = Gaussian((0.9, 0.0)).sample(400, seed=0)
    estimate, explanation = Auto().estimate(x, y), Auto().explain(x, y)
    for one in explanation.candidates:
        assert estimate.stats[f"candidate_{one.name}"] == one.value
    assert estimate.stats[f"picked_{explanation.picked.name}"] == 1
    assert estimate.value == explanation.picked.value
    assert abs(estimate.stats["candidate_ksg"] - KSG().estimate(x, y).value) < 1e-12


def test_it_sees_a_shared_scale_that_neighbours_hardly_do():
    x, y = shared_scale(1000, 3, np.random.default_rng(1))
    truth = 0.2909  # bivariate chi-square mixture, two degrees of freedom, three columns a side
    assert abs(Auto().estimate(x, y).value - truth) < 0.1
    assert KSG().estimate(x, y).value < truth - 0.1


def test_labels_and_codes_go_to_their_estimators():
    rng = np.random.default_rng(0)
    label = rng.integers(3, size=600)
    x = rng.normal(size=(600, 2)) + label[:, None]
    by_label = Labels().estimate(x, label)
    for pair in ((x, label), (label, x)):
        estimate = Auto().estimate(*pair)
        assert estimate.value == by_label.value
        assert estimate.ceiling == by_label.ceiling
        assert estimate.stats["picked_labels"] == 1
    other = rng.integers(2, size=600)
    candidates = Auto().explain(other, label).candidates
    assert [one.name for one in candidates] == ["mixed", "table"]
    table = PlugIn(correction="miller_madow").estimate(other, label).value
    assert [one.value for one in candidates] == pytest.approx([table, table], abs=1e-3)


@pytest.mark.parametrize(("step", "n"), [(0.1, 500), (0.1, 2000), (0.25, 500), (0.5, 2000)])
def test_rounded_sides_are_no_table_and_no_atoms(step, n):
    """A table of 65 x 65 cells would say 0.88 for 2,000 samples, and 1.50 for 500."""
    x, y = Gaussian((0.8,)).sample(n, seed=0)  # 0.511 nats; 0.476 when rounded to halves
    x, y = (np.round(side / step) for side in (x, y))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        estimate = Auto().estimate(x, y)
    assert 0.4 < estimate.value < 0.6
    orders = np.random.default_rng(0).permuted(np.tile(np.arange(n), (20, 1)), axis=1)
    null = Auto().prepare(x, y).permuted(orders)
    assert abs(null.mean()) < 0.02


@pytest.mark.parametrize("step", [0.5, 1.0])
def test_rounded_sides_of_several_columns_are_no_atoms(step):
    x, y = (np.round(side / step) for side in Gaussian((0.6,) * 3).sample(1500, seed=0))
    assert Auto().explain(x, y).picked.name == "mixed"
    assert 0.35 < Auto().estimate(x, y).value < 0.72  # 0.669 before rounding; tables: 0.9 and 1.5


def test_many_categories_without_an_order_are_not_overestimated():
    rng = np.random.default_rng(0)
    x, y = (np.round(side / 0.1).astype(int) for side in Gaussian((0.8,)).sample(2000, seed=0))
    names = rng.permutation(200)
    x, y = names[x + 100], names[y + 100]
    estimate = Auto().estimate(x, y)
    assert estimate.stats["picked_table"] == 1  # neighbours see no order: 0.2
    assert estimate.value == pytest.approx(EDGE().estimate(x, y).value, abs=0.01)
    assert 0.3 < estimate.value < 0.55


def test_partly_discrete_sides_go_to_mixed():
    rng = np.random.default_rng(0)
    z = rng.normal(size=1000)
    x, y = np.where(z > 0, z, 0.0), z + rng.normal(size=1000)
    assert Auto().estimate(x, y).value == Mixed().estimate(x, y).value
    assert "repeat" in Auto().explain(x, y).reason


@pytest.mark.parametrize("width", [1, 3])
def test_swapping_the_sides_and_repeating_changes_nothing(width):
    x, y = Gaussian((0.8,), width=width).sample(300, seed=0)
    first = Auto().estimate(x, y)
    assert Auto().estimate(x, y) == first
    assert abs(Auto().estimate(y, x).value - first.value) < 1e-9


def test_the_inputs_are_untouched():
    x, y = Gaussian((0.8,), width=3).sample(300, seed=0)
    before = x.copy(), y.copy()
    Auto().estimate(x, y)
    assert (x == before[0]).all()
    assert (y == before[1]).all()


@pytest.mark.parametrize("width", [1, 3, 12])
def test_permutations_repeat_the_choice(width):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(200, width)), rng.normal(size=(200, width))
    orders = np.array([rng.permutation(200) for _ in range(4)])
    reused = Auto().prepare(x, y).permuted(orders)
    left = _Side(x, 0)
    floors = Auto()._floors(left, _Side(y, 0))  # of the pairs at hand, when wide
    assert bool(floors) == (2 * width > 10)
    afresh = [
        _choose(Auto()._candidates(left, _Side(y[order], 0), floors)).picked.value
        for order in orders
    ]
    assert np.abs(reused - afresh).max() < 1e-9
    assert isinstance(Auto(), MutualInformationEstimator)


@pytest.mark.parametrize("n", [6, 20, 99, 100])
def test_few_samples(n):
    x, y = Gaussian((0.9,), width=2).sample(n, seed=0)
    assert np.isfinite(Auto().estimate(x, y).value)


@pytest.mark.parametrize("width", [2, 6, 40])
def test_columns_with_themselves(width):
    """All canonical correlations are 1: LAPACK's partial solver may return no vector then."""
    x = np.random.default_rng(0).normal(size=(300, width))
    found = Auto().estimate(x, x)
    assert found.value > 3
    assert found.value == Auto().estimate(x, x.copy()).value


def test_constant_sides_hold_nothing():
    rng = np.random.default_rng(0)
    assert Auto().estimate(np.ones((300, 2)), rng.normal(size=(300, 2))).value == 0


def test_given_labels_are_conditioned_on():
    rng = np.random.default_rng(0)
    z = rng.integers(2, size=800)
    x = rng.normal(size=800) + 5 * z
    estimate = mutual_information(x, rng.normal(size=800) + 5 * z, given=z, estimator=Auto())
    assert abs(estimate.value) < 0.1
    assert "candidate_ksg" in estimate.stats


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="`k` must be at least 1, got 0"):
        Auto(k=0)
