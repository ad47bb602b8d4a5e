"""The chi-square form of mutual information, by `PlugIn` and in EDGE's statistics.

Closed forms, exact identities, a naive twin, and its unit.
"""

import json

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
    parse_estimator,
)
from mitools._kernels.cells.counts import split_codes
from mitools.engines.cells.state import CountState
from mitools.streaming import ArrayChunks, stream_information
from tests.mitools.naive_edge import chi_square_ratio

TABLE = PlugIn(divergence="chi-square")


def cells(x, y):
    """The chi-square of EDGE's cells."""
    return EDGE().estimate(x, y).stats["chi_square"]


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
    assert cells(x, x) == pytest.approx(6, abs=1e-12)
    assert cells(x, x % 2) == pytest.approx(1, abs=1e-12)


def test_chance_is_the_exact_mean_over_all_pairings():
    # Over the 720 orders of six samples, not over some of them.
    from itertools import permutations

    x, y = np.array([0, 0, 1, 1, 2, 2.0]), np.array([0, 0, 0, 1, 1, 2.0])
    orders = np.array(list(permutations(range(6))))
    plain = TABLE.prepare(x[:, None], y[:, None]).permuted(orders)
    assert plain.mean() == pytest.approx(2 * 2 / 5, abs=1e-12)
    corrected = PlugIn("chance", "chi-square").prepare(x[:, None], y[:, None]).permuted(orders)
    assert corrected.mean() == pytest.approx(0, abs=1e-12)
    assert np.mean([cells(x, y[order]) for order in orders]) == pytest.approx(0, abs=1e-12)


def test_cells_of_labels_are_the_table_less_chance():
    x, y = symbols(500, 5, 2)
    chance = 16 / 499
    expected = (chi_square_ratio(x, y) - 1 - chance) * 4 / (4 - chance)
    assert cells(x, y) == pytest.approx(expected, abs=1e-12)


def test_nested_cells_are_their_naive_twin():
    # Every member's cells as the state counts them, at the level where 0.75 samples are expected
    # in each: 700 / 0.75 = 933 cells, or 4 halvings of either side, 2 ^ 8 = 256 cells.
    x, y = gaussian(700, 0.6, 1, 0)
    state = EDGE().fit_hash(x, y, steps=8).update(x, y)
    (block,), (tables,) = state.blocks, state.tables
    assert block.ratio_level(700) == 4
    ratios, chances, fewest = [], [], []
    for codes, counts in tables:
        sides = split_codes(np.repeat(codes, counts), 8, True) >> 4
        ratios.append(chi_square_ratio(*sides.tolist()))
        k, other = (len(set(side.tolist())) for side in sides)
        chances.append((k - 1) * (other - 1) / 699)
        fewest.append(min(k, other) - 1)
    chance, most = np.mean(chances), np.mean(fewest)
    expected = (np.mean(ratios) - 1 - chance) * most / (most - chance)
    assert state.finalize().stats["chi_square"] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("settings", "former"),
    [
        ((600, 0.6, 1, 0), 0.5350567088509623),
        ((600, 0.6, 2, 1), 0.6508636385880866),
        ((901, 0.6, 8, 2), 15.574905673995797),
        ((20_000, 0.7, 1, 3), 0.8412785157388931),
    ],
)
def test_the_statistic_is_what_the_setting_divergence_gave(settings, former):
    # Values of EDGE(divergence="chi-square").estimate(...), before that setting was taken out.
    assert cells(*gaussian(*settings)) == pytest.approx(former, rel=1e-9)


def test_beside_labels_it_is_what_the_setting_divergence_gave():
    rng = np.random.default_rng(4)
    labels = rng.integers(4, size=1000)
    y = labels + rng.normal(size=1000)
    wide = labels[:, None] + rng.normal(size=(1000, 6))
    assert cells(labels, y) == pytest.approx(0.7454872401171182, rel=1e-9)
    assert cells(labels, wide) == pytest.approx(2.074966225354813, rel=1e-9)


def test_the_estimate_in_nats_does_not_depend_on_it():
    # The cells of the ratio are counted on the way: the value is the mean log-ratio alone.
    x, y = gaussian(600, 0.6, 1, 0)
    estimate = EDGE().estimate(x, y)
    assert estimate.unit == "nats"
    permuted = EDGE().prepare(x, y).permuted(np.arange(600)[None])
    assert permuted[0] == pytest.approx(estimate.value, abs=1e-12)
    assert estimate.value != pytest.approx(estimate.stats["chi_square"], abs=0.1)


def test_swapping_and_increasing_maps_change_nothing():
    x, y = gaussian(800, 0.6, 1, 0)
    value = cells(x, y)
    assert cells(y, x) == pytest.approx(value, abs=1e-12)
    assert cells(np.exp(x), y**3) == value
    labels = (x[:, 0] > 0).astype(int)
    assert cells(labels, y) == pytest.approx(cells(y, labels), abs=1e-12)


# --- densities ---------------------------------------------------------------------------------


@pytest.mark.parametrize("r", [0.0, 0.3, 0.5])
def test_gaussian_pairs(r):
    # Over 8 seeds the mean error is 0.003, -0.003 and -0.019: cells smooth.
    values = [cells(*gaussian(5000, r, 1, seed)) for seed in range(6)]
    assert np.mean(values) == pytest.approx(truth(r), abs=0.03)


def test_strong_dependence_is_understated_and_grows_with_n():
    few, many = (cells(*gaussian(n, 0.9, 1, 0)) for n in (1000, 30_000))
    assert 1.5 < few < many < truth(0.9)


def test_pairs_of_directions_multiply():
    estimate = EDGE().estimate(*gaussian(5000, 0.5, 5, 0))
    assert estimate.stats["chi_square"] == pytest.approx(truth(0.5, 5), rel=0.2)
    assert estimate.value < np.log1p(estimate.stats["chi_square"])  # Jensen


def test_no_more_than_n_less_one_is_seen():
    x, y = gaussian(800, 0.8, 40, 0)  # 40 pairs, whose product is far above
    assert cells(x, y) == 799


@pytest.mark.parametrize("d", [1, 3, 20])
def test_independent_data_give_zero(d):
    rng = np.random.default_rng(d)
    found = [EDGE().estimate(*rng.normal(size=(2, 1000, d))).stats for _ in range(10)]
    assert abs(np.mean([stats["chi_square"] for stats in found])) < 0.03
    # The negative control: without what chance is worth it is far above that.
    assert min(stats["chi_square_ratio"] for stats in found) > 1.04


def test_a_label_beside_a_column():
    rng = np.random.default_rng(0)
    labels = rng.integers(4, size=4000)
    found = cells(labels, 10 * labels + rng.normal(size=4000))
    assert found == pytest.approx(3, rel=0.15)
    assert abs(cells(labels, rng.normal(size=4000))) < 0.02


# --- its unit ----------------------------------------------------------------------------------


def test_the_unit_is_its_own_everywhere():
    x, y = symbols(500, 5, 0)
    for estimator in (TABLE, Reduced(TABLE, PCA(1)), Sliced(n_slices=2, base=TABLE)):
        assert (estimator.unit, estimator.comparable) == ("chi2", False)
    assert (EDGE().unit, EDGE().comparable, Reduced(KSG(), PCA(1)).comparable) == (
        "nats", True, True,
    )  # fmt: skip
    estimate = TABLE.estimate(x, y)
    assert np.isnan(estimate.bits)
    assert "chi2" in repr(estimate) and "nats" not in estimate.summary()
    assert {"chi2", "ceiling_chi2"} <= set(estimate.to_dict())
    assert TABLE.ceiling(100) == 99


def test_an_assessment_is_in_its_unit_and_never_vouches_for_the_magnitude():
    table = PlugIn("chance", "chi-square")
    assessment = assess(*symbols(1500, 5, 0), estimator=table, n_permutations=100)
    assert assessment.verdict is Verdict.UNRELIABLE
    assert assessment.cross_check is None
    assert "nats" not in str(assessment)
    assert "excess_chi2" in assessment.to_dict()
    noise = np.random.default_rng(3).integers(5, size=(2, 1500))
    assert assess(*noise, estimator=table, sweep=False).verdict is Verdict.INDEPENDENT


def test_large_values_are_not_held_against_the_logarithm_of_n():
    x, _ = symbols(1000, 40, 0)
    assessment = assess(x, (x + (np.arange(1000) % 2)) % 40, estimator=TABLE, n_permutations=20)
    assert assessment.value > np.log(1000)
    assert "logarithm of the number" not in " ".join(assessment.reasons)


# --- streams and files -------------------------------------------------------------------------


def test_a_stream_and_a_file_hold_it(tmp_path):
    x, y = gaussian(3000, 0.5, 1, 0)
    state = EDGE().fit_hash(x, y)
    for start in range(0, 3000, 700):
        state = state.update(x[start : start + 700], y[start : start + 700])
    assert state.finalize().stats["chi_square"] == pytest.approx(cells(x, y), abs=1e-12)
    state.to_npz(tmp_path / "counts.npz")
    assert CountState.from_npz(tmp_path / "counts.npz").finalize() == state.finalize()
    streamed = stream_information(ArrayChunks(x, y), estimator=EDGE())
    assert streamed.stats["chi_square"] == pytest.approx(truth(0.5), abs=0.08)


def written_before(tmp_path, **settings):
    """Counts in a file of the time when EDGE had the settings `divergence` and "random"."""
    x, y = gaussian(3000, 0.5, 1, 0)
    arrays = EDGE().fit_hash(x[:500], y[:500]).update(x, y).to_arrays()
    former = {**json.loads(str(arrays["settings"])), "divergence": "shannon", **settings}
    np.savez_compressed(
        tmp_path / "old.npz", **{**arrays, "settings": np.array(json.dumps(former))}
    )
    return tmp_path / "old.npz"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("projection", ["auto", "random"])
def test_files_of_counts_written_before_are_read(tmp_path, projection):
    state = CountState.from_npz(written_before(tmp_path, projection=projection))
    assert state.finalize().value == pytest.approx(0.13193482396322775, abs=1e-9)
    assert state.merge(state).n_samples == 6000


def test_files_of_counts_for_chi_square_say_where_it_is_now(tmp_path):
    path = written_before(tmp_path, divergence="chi-square")
    with pytest.warns(UserWarning, match=r"stats\[\"chi_square\"\]") as said:
        state = CountState.from_npz(path)
    assert said[0].filename == __file__
    assert state.finalize().stats["chi_square"] == pytest.approx(0.2998178879384157, rel=1e-9)
    assert state.finalize().unit == "nats"


def test_settings_as_values_of_before_are_read_and_others_refused():
    former = {**EDGE(members=4).to_dict(), "divergence": "shannon"}
    assert EDGE.from_dict(former) == EDGE(members=4)
    with pytest.raises(TypeError, match="no setting 'divergence' any more"):
        EDGE.from_dict({**former, "divergence": "chi-square"})


# --- settings ----------------------------------------------------------------------------------


def test_text_makes_the_estimators():
    assert parse_estimator("plugin:divergence=chi-square") == TABLE


def test_the_setting_that_is_gone_is_named_with_what_replaces_it():
    message = r'no setting \'divergence\' any more.*stats\["chi_square"\].*PlugIn\('
    with pytest.raises(TypeError, match=message):
        EDGE(divergence="chi-square")
    with pytest.raises(ValueError, match=message):
        parse_estimator("edge:divergence=chi-square,seed=2")
    with pytest.raises(TypeError, match="unexpected keyword argument 'divergances'"):
        EDGE(divergances=2)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: PlugIn(divergence="chi2"), "Known divergences: shannon, chi-square"),
        (lambda: PlugIn("miller_madow", "chi-square"), "must be 'none' or 'chance' with"),
        (lambda: PlugIn("chance"), "must be 'none' or 'miller_madow' with divergence 'shannon'"),
    ],
)
def test_bad_settings_say_what_was_expected(make, text):
    with pytest.raises(ValueError, match=text):
        make()
