"""The table of cells: the chi-square statistic of EDGE against its twin and closed forms."""

import numpy as np
import pytest

from mitools import (
    EDGE,
)
from mitools._kernels.cells.counts import split_codes
from mitools.engines.cells.state import CountState
from mitools.streaming import ArrayChunks, stream_information
from tests.mitools._kernels.cells.naive_edge import chi_square_ratio

pytestmark = pytest.mark.filterwarnings("error")


def test_the_chi_square_ratio_is_its_naive_twin():
    rng = np.random.default_rng(0)
    x = rng.integers(5, size=400)
    y = (x + rng.integers(3, size=400)) % 5
    stats = EDGE().estimate(x, y).stats
    assert stats["chi_square_ratio"] == pytest.approx(chi_square_ratio(x, y), abs=1e-12)
    assert stats["chi_square_ratio_debiased"] == pytest.approx(
        chi_square_ratio(x, y) - 16 / 399, abs=1e-12
    )


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
