import numpy as np
import pytest

from mitools.estimators.discrete import PlugIn, as_codes, entropy_of_counts


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
