"""The chi-square form of mutual information: closed forms, exact identities, and its unit."""

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from mitools import (
    EDGE,
    KSG,
    PCA,
    PlugIn,
    Reduced,
    Sliced,
    Verdict,
    assess,
    mutual_information,
    parse_estimator,
)
from mitools.counts import CountState
from mitools.streaming import ArrayChunks, stream_information
from tests.mitools.naive_edge import chi_square_ratio

CELLS = EDGE(divergence="chi-square")
TABLE = PlugIn(divergence="chi-square")


def gaussian(n, r, d, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    return x, r * x + np.sqrt(1 - r * r) * rng.normal(size=(n, d))


def truth(r, d=1):
    """E[p(x, y) / p(x) p(y)] - 1 of d independent pairs of correlation r."""
    return (1 - r * r) ** -d - 1


def symbols(n, k, seed):
    rng = np.random.default_rng(seed)
    x = rng.integers(k, size=n)
    return x, (x + rng.integers(3, size=n)) % k


# --- tables ------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [2, 5, 40])
def test_a_table_is_its_naive_twin_and_the_statistic_of_scipy(k):
    x, y = symbols(500, k, 0)
    value = TABLE.estimate(x, y).value
    assert value == pytest.approx(chi_square_ratio(x, y) - 1, abs=1e-12)
    table = np.zeros((k, k))
    np.add.at(table, (x, y), 1)
    assert value == pytest.approx(chi2_contingency(table, correction=False).statistic / 500)


@pytest.mark.parametrize("flips", [1, 10])
def test_a_noisy_copy_of_a_fair_coin(flips):
    # 1 + chi-square = 2 ((1 - p)^2 + p^2) for a coin turned over with probability p
    x = np.repeat([0, 1], 100)
    y = np.where(np.arange(200) % 100 < flips, 1 - x, x)
    p = flips / 100
    assert TABLE.estimate(x, y).value == pytest.approx(2 * ((1 - p) ** 2 + p * p) - 1, abs=1e-14)


def test_a_copy_is_worth_its_values_less_one_to_the_last_bit():
    x, _ = symbols(300, 7, 1)
    assert TABLE.estimate(x, x).value == 6 == TABLE.estimate(x, x).ceiling
    assert CELLS.estimate(x, x).value == pytest.approx(6, abs=1e-12)
    assert CELLS.estimate(x, x).ceiling == 6
    assert CELLS.estimate(x, x % 2).ceiling == 1


def test_chance_is_the_exact_mean_over_all_pairings():
    # Over the 720 orders of six samples, not over some of them.
    from itertools import permutations

    x, y = np.array([0, 0, 1, 1, 2, 2.0]), np.array([0, 0, 0, 1, 1, 2.0])
    orders = np.array(list(permutations(range(6))))
    plain = TABLE.prepare(x[:, None], y[:, None]).permuted(orders)
    assert plain.mean() == pytest.approx(2 * 2 / 5, abs=1e-12)
    corrected = PlugIn("chance", "chi-square").prepare(x[:, None], y[:, None]).permuted(orders)
    assert corrected.mean() == pytest.approx(0, abs=1e-12)


def test_cells_of_labels_are_the_table_less_chance():
    x, y = symbols(500, 5, 2)
    chance = 16 / 499
    expected = (chi_square_ratio(x, y) - 1 - chance) * 4 / (4 - chance)
    estimate = CELLS.estimate(x, y)
    assert estimate.value == pytest.approx(expected, abs=1e-12)
    assert estimate.stats["null"] == pytest.approx(chance)


@pytest.mark.parametrize("d", [1, 2, 8])
def test_permuted_reuses_the_cells_and_the_identity_is_the_estimate(d):
    x, y = gaussian(600, 0.6, d, 0)
    rng = np.random.default_rng(0)
    orders = np.array([np.arange(600), *(rng.permutation(600) for _ in range(40))])
    values = CELLS.prepare(x, y).permuted(orders)
    assert values[0] == pytest.approx(CELLS.estimate(x, y).value, abs=1e-12)
    assert abs(values[1:].mean()) < 4 * values[1:].std() / np.sqrt(40)
    assert values[1:].max() < values[0]


def test_swapping_and_increasing_maps_change_nothing():
    x, y = gaussian(800, 0.6, 1, 0)
    value = CELLS.estimate(x, y).value
    assert CELLS.estimate(y, x).value == pytest.approx(value, abs=1e-12)
    assert CELLS.estimate(np.exp(x), y**3).value == value
    labels = (x[:, 0] > 0).astype(int)
    assert CELLS.estimate(labels, y).value == pytest.approx(CELLS.estimate(y, labels).value)


# --- densities ---------------------------------------------------------------------------------


@pytest.mark.parametrize("r", [0.0, 0.3, 0.5])
def test_gaussian_pairs(r):
    # Over 8 seeds the mean error is 0.003, -0.003 and -0.019: cells smooth.
    values = [CELLS.estimate(*gaussian(5000, r, 1, seed)).value for seed in range(6)]
    assert np.mean(values) == pytest.approx(truth(r), abs=0.03)


def test_strong_dependence_is_understated_and_grows_with_n():
    few, many = (CELLS.estimate(*gaussian(n, 0.9, 1, 0)).value for n in (1000, 30_000))
    assert 1.5 < few < many < truth(0.9)


def test_pairs_of_directions_multiply():
    value = CELLS.estimate(*gaussian(5000, 0.5, 5, 0)).value
    assert value == pytest.approx(truth(0.5, 5), rel=0.2)
    shannon = EDGE().estimate(*gaussian(5000, 0.5, 5, 0)).value
    assert shannon < np.log1p(value)  # Jensen


@pytest.mark.parametrize("d", [1, 3, 20])
def test_independent_data_give_zero(d):
    rng = np.random.default_rng(d)
    values = [CELLS.estimate(*rng.normal(size=(2, 1000, d))).value for _ in range(10)]
    assert abs(np.mean(values)) < 0.03
    # The negative control: what is subtracted is far above that.
    assert CELLS.estimate(*rng.normal(size=(2, 1000, d))).stats["null"] > 0.2


def test_a_label_beside_a_column():
    rng = np.random.default_rng(0)
    labels = rng.integers(4, size=4000)
    found = CELLS.estimate(labels, 10 * labels + rng.normal(size=4000))
    assert found.ceiling == 3
    assert found.value == pytest.approx(3, rel=0.15)
    assert abs(CELLS.estimate(labels, rng.normal(size=4000)).value) < 0.02


# --- unit, labels, streams ---------------------------------------------------------------------


def test_the_unit_is_its_own_everywhere():
    x, y = gaussian(500, 0.5, 1, 0)
    for estimator in (CELLS, TABLE, Reduced(CELLS, PCA(1)), Sliced(n_slices=2, base=CELLS)):
        assert (estimator.unit, estimator.comparable) == ("chi2", False)
    assert (EDGE().unit, EDGE().comparable, Reduced(KSG(), PCA(1)).comparable) == (
        "nats", True, True,
    )  # fmt: skip
    estimate = CELLS.estimate(x, y)
    assert np.isnan(estimate.bits)
    assert "chi2" in repr(estimate) and "nats" not in estimate.summary()
    assert {"chi2", "ceiling_chi2"} <= set(estimate.to_dict())
    assert CELLS.ceiling(100) == TABLE.ceiling(100) == 99


def test_an_assessment_is_in_its_unit_and_never_vouches_for_the_magnitude():
    assessment = assess(*gaussian(1500, 0.6, 1, 0), estimator=CELLS, n_permutations=100)
    assert assessment.verdict is Verdict.UNRELIABLE
    assert assessment.cross_check is None
    assert "nats" not in str(assessment)
    assert "excess_chi2" in assessment.to_dict()
    noise = np.random.default_rng(3).normal(size=(2, 1500))
    assert assess(*noise, estimator=CELLS, sweep=False).verdict is Verdict.INDEPENDENT


def test_large_values_are_not_held_against_the_logarithm_of_n():
    x, _ = symbols(1000, 40, 0)
    assessment = assess(x, (x + (np.arange(1000) % 2)) % 40, estimator=TABLE, n_permutations=20)
    assert assessment.value > np.log(1000)
    assert "logarithm of the number" not in " ".join(assessment.reasons)


def test_labels_condition():
    rng = np.random.default_rng(0)
    z = rng.integers(3, size=6000)
    x, y = z + rng.normal(size=(2, 6000))
    assert CELLS.estimate(x, y).value > 0.15
    within = mutual_information(x, y, given=z, estimator=CELLS)
    assert abs(within.value) < 0.03
    assert within.unit == within.parts[0].unit == "chi2"


def test_a_stream_and_a_file_hold_it(tmp_path):
    x, y = gaussian(3000, 0.5, 1, 0)
    state = CELLS.fit_hash(x, y)
    for start in range(0, 3000, 700):
        state = state.update(x[start : start + 700], y[start : start + 700])
    assert state.finalize().value == pytest.approx(CELLS.estimate(x, y).value, abs=1e-12)
    assert state.finalize().unit == "chi2"
    state.to_npz(tmp_path / "counts.npz")
    assert CountState.from_npz(tmp_path / "counts.npz").finalize() == state.finalize()
    with pytest.raises(ValueError, match="different hashes"):
        state.merge(EDGE().fit_hash(x, y))
    streamed = stream_information(ArrayChunks(x, y), estimator=CELLS)
    assert streamed.value == pytest.approx(truth(0.5), abs=0.08)


def test_text_makes_the_estimators():
    assert parse_estimator("edge:divergence=chi-square,seed=2") == EDGE(
        seed=2, divergence="chi-square"
    )
    assert parse_estimator("plugin:divergence=chi-square") == TABLE


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: EDGE(divergence="chi-squared"), "'chi-squared'. Did you mean 'chi-square'"),
        (lambda: PlugIn(divergence="chi2"), "Known divergences: shannon, chi-square"),
        (lambda: PlugIn("miller_madow", "chi-square"), "must be 'none' or 'chance' with"),
        (lambda: PlugIn("chance"), "must be 'none' or 'miller_madow' with divergence 'shannon'"),
    ],
)
def test_bad_settings_say_what_was_expected(make, text):
    with pytest.raises(ValueError, match=text):
        make()
