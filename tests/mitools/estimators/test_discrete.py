"""Tables of symbols: plug-in and chi-square, against naive twins, scipy and closed forms."""

import itertools

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from mitools import (
    EDGE,
    KSG,
    PCA,
    Reduced,
    Sliced,
    Verdict,
    assess,
    parse_estimator,
)
from mitools.estimators.discrete import PlugIn, as_codes, entropy_of_counts
from tests.mitools._kernels.cells.naive_edge import chi_square_ratio

TABLE = PlugIn(divergence="chi-square")


def cells(x, y):
    """The chi-square of EDGE's cells."""
    return EDGE().estimate(x, y).stats["chi_square"]


def symbols(n, k, seed):
    rng = np.random.default_rng(seed)
    x = rng.integers(k, size=n)
    return x, (x + rng.integers(3, size=n)) % k


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


def test_text_makes_the_estimators():
    assert parse_estimator("plugin:divergence=chi-square") == TABLE


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: PlugIn(divergence="chi2"), "Known divergences: shannon, chi-square"),
        (lambda: PlugIn("miller_madow", "chi-square"), "must be 'none' or 'chance' with"),
        (
            lambda: PlugIn("half"),
            "must be 'none' or 'miller_madow' or 'chance' with divergence 'shannon'",
        ),
    ],
)
def test_bad_settings_say_what_was_expected(make, text):
    with pytest.raises(ValueError, match=text):
        make()


def naive(x, y):
    """The sum over the table, cell by cell."""
    n, total = len(x), 0.0
    pairs = list(zip(x, y, strict=True))
    for a, b in set(pairs):
        joint = pairs.count((a, b))
        total += joint / n * np.log(n * joint / (list(x).count(a) * list(y).count(b)))
    return total


def test_equals_the_naive_table():
    rng = np.random.default_rng(0)
    for k_x, k_y in ((2, 2), (3, 7), (1, 4), (20, 20)):
        x, y = rng.integers(k_x, size=60), rng.integers(k_y, size=60)
        y = np.where(rng.random(60) < 0.5, x % k_y, y)
        assert PlugIn().estimate(x, y).value == pytest.approx(naive(x, y), abs=1e-13)


def test_identities_hold_to_the_last_bit():
    rng = np.random.default_rng(1)
    x, y = rng.integers(7, size=500), rng.integers(5, size=500)
    plug_in = PlugIn()
    h_x = entropy_of_counts(np.bincount(x))
    assert plug_in.estimate(x, x).value == h_x
    assert plug_in.estimate(x, x % 3).value == entropy_of_counts(np.bincount(x % 3))
    assert plug_in.estimate(x, y).value == plug_in.estimate(y, x).value
    order = rng.permutation(500)
    assert plug_in.estimate(x[order], y[order]).value == plug_in.estimate(x, y).value
    relabelled = np.array([3, 99, -4, 0, 7, 12, 5])[x]
    assert plug_in.estimate(relabelled, y).value == plug_in.estimate(x, y).value
    assert plug_in.estimate(x, y).value <= plug_in.estimate(x, y).ceiling


def test_duplicating_every_sample_changes_nothing():
    rng = np.random.default_rng(2)
    x, y = rng.integers(4, size=(2, 200))
    twice = PlugIn().estimate(np.tile(x, 2), np.tile(y, 2))
    assert twice.value == pytest.approx(PlugIn().estimate(x, y).value, abs=1e-14)


def test_rows_are_symbols():
    rng = np.random.default_rng(3)
    rows = rng.integers(3, size=(300, 4))
    flat = rows @ 3 ** np.arange(4)
    y = rng.integers(2, size=300)
    assert PlugIn().estimate(rows, y).value == PlugIn().estimate(flat, y).value
    assert len(np.unique(as_codes(rows.astype(float)))) == len(np.unique(flat))


@pytest.mark.parametrize(
    ("name", "truth", "seed"),
    [("bsc", 0.36806, 0), ("erasure", 0.75 * np.log(4), 1), ("xor", 0, 2)],
)
def test_closed_forms(name, truth, seed):
    rng = np.random.default_rng(seed)
    n = 20_000
    x = rng.integers(4 if name == "erasure" else 2, size=n)
    flip = rng.random(n)
    y = {
        "bsc": (x + (flip < 0.1)) % 2,
        "erasure": np.where(flip < 0.25, 9, x),
        "xor": x ^ rng.integers(2, size=n),
    }[name]
    # Four standard deviations over 40 seeds: 0.012, 0.017 and 0.0001.
    assert PlugIn().estimate(x, y).value == pytest.approx(truth, abs=0.02)


def test_miller_madow_removes_the_bias_at_independence():
    rng = np.random.default_rng(4)
    pairs = [(rng.integers(6, size=400), rng.integers(6, size=400)) for _ in range(60)]
    plain = np.mean([PlugIn().estimate(*pair).value for pair in pairs])
    corrected = np.mean([PlugIn("miller_madow").estimate(*pair).value for pair in pairs])
    assert plain == pytest.approx(25 / 800, rel=0.15)  # (K_X - 1)(K_Y - 1) / 2n: the bias is there
    assert abs(corrected) < 0.004


def test_permuted_equals_estimating_afresh():
    rng = np.random.default_rng(5)
    x, y = rng.integers(5, size=(2, 100, 1)).astype(float)
    orders = np.array([rng.permutation(100) for _ in range(4)])
    for plug_in in (PlugIn(), PlugIn("miller_madow")):
        fresh = [plug_in.estimate(x, y[order]).value for order in orders]
        np.testing.assert_array_equal(plug_in.prepare(x, y).permuted(orders), fresh)


def test_continuous_data_saturate_and_say_so():
    rng = np.random.default_rng(6)
    estimate = PlugIn().estimate(rng.normal(size=200), rng.normal(size=200))
    assert estimate.saturated
    assert estimate.stats["singleton_fraction"] == 1.0
    assert estimate.value == pytest.approx(np.log(200))


def test_an_unknown_correction_is_refused():
    with pytest.raises(ValueError, match="with divergence 'shannon', got 'mm'"):
        PlugIn("mm")


def test_chance_is_the_exact_mean_over_pairings():
    x, y = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 1, 1, 1, 2, 2])
    values = [PlugIn().estimate(x, list(each)).value for each in itertools.permutations(y)]
    found = PlugIn(correction="chance").estimate(x, y)
    assert found.stats["null"] == pytest.approx(np.mean(values), abs=1e-12)
    raw, best = PlugIn().estimate(x, y).value, found.entropy
    expected = (raw - np.mean(values)) * best / (best - np.mean(values))
    assert found.value == pytest.approx(expected, abs=1e-12)


def test_chance_leaves_nothing_of_independent_sparse_tables():
    rng = np.random.default_rng(3)
    x, y = rng.integers(30, size=(2, 400))
    estimator = PlugIn(correction="chance")
    orders = rng.permuted(np.tile(np.arange(400), (50, 1)), axis=1)
    prepared = estimator.prepare(x[:, None] * 1.0, y[:, None] * 1.0)
    assert abs(prepared.permuted(orders).mean()) < 0.02
    assert estimator.estimate(x, x).value == pytest.approx(PlugIn().estimate(x, x).value)
    assert estimator.estimate(x, np.zeros(400)).value == 0.0
    many = rng.integers(4, size=(2, 200_000))
    dense = PlugIn(correction="miller_madow").estimate(*many).value
    assert estimator.estimate(*many).value == pytest.approx(dense, abs=1e-6)


def test_chance_equals_adjusted_mutual_information():
    cluster = pytest.importorskip("sklearn.metrics.cluster")
    rng = np.random.default_rng(4)
    x = rng.integers(12, size=150)
    y = np.where(rng.random(150) < 0.4, x % 7, rng.integers(7, size=150))
    found = PlugIn(correction="chance").estimate(x, y)
    theirs = cluster.adjusted_mutual_info_score(x, y, average_method="min")
    assert found.value / found.entropy == pytest.approx(theirs, abs=1e-12)
