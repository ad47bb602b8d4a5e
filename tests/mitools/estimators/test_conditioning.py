"""Columns of any kind made ready for conditional information, by closed forms and counting."""

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from mitools.estimators.conditioning import (
    Tables,
    centred_in_strata,
    in_strata,
    integral_transform,
    normal_scores,
    prepared,
    strata_of,
)
from mitools.estimators.discrete import PlugIn, entropy_of_counts


def test_increasing_maps_change_nothing():
    rng = np.random.default_rng(0)
    side = rng.normal(size=(200, 2))
    side[:, 1] = rng.integers(5, size=200)
    first = prepared(side, (0, 0))
    second = prepared(np.column_stack([np.exp(5 * side[:, 0]), side[:, 1] ** 3]), (0, 0))
    np.testing.assert_array_equal(first.columns, second.columns)
    assert first.levels.tolist() == [False, True]
    assert np.abs(prepared(-side, (0, 0)).columns + first.columns)[:, 0].max() < 1e-12


def test_constant_columns_go():
    side = np.column_stack([np.ones(50), np.arange(50)])
    assert prepared(side, (0, 0)).columns.shape == (50, 1)
    assert prepared(side[:, :1], (0, 0)).columns.shape == (50, 0)


def test_ties_are_spread_over_the_ranks_they_share():
    column = np.repeat(np.arange(20.0), 10)[:, None]
    scores = normal_scores(column, np.random.default_rng(1))[:, 0]
    assert len(np.unique(scores)) == 200
    np.testing.assert_allclose(np.sort(scores), ndtri(np.arange(1, 201) / 201))
    # the value can be read from the spread one, and no more than chance from the rest of it
    np.testing.assert_array_equal((np.argsort(np.argsort(scores)) // 10), column[:, 0])
    other = normal_scores(column, np.random.default_rng(2))[:, 0]
    assert not np.array_equal(scores, other)


def test_the_integral_transform_is_uniform_whatever_z_is():
    rng = np.random.default_rng(3)
    z = rng.normal(size=20_000)
    second = 1 / (1 + np.exp(-2 * z))
    codes = (rng.random(20_000) < second).astype(np.int64)
    shares = np.column_stack([1 - second, second])
    uniform = ndtr(integral_transform(codes, shares, rng.random(20_000)))
    for part in (z < -1, abs(z) < 0.2, z > 1):
        found = np.quantile(uniform[part], [0.1, 0.5, 0.9])
        np.testing.assert_allclose(found, [0.1, 0.5, 0.9], atol=0.04)
    # X can be read from X' and Z
    np.testing.assert_array_equal(uniform > 1 - np.clip(second, 0.002, 0.998), codes == 1)
    plain = np.where(codes == 1, 1 - second, -second)  # a negative control: a residual shows Z
    assert abs(np.corrcoef(abs(plain), abs(z))[0, 1]) > 0.3


def test_strata_are_the_rows_of_a_discrete_z():
    rng = np.random.default_rng(4)
    z = rng.integers(3, size=(200, 2)) * 1.0
    strata = strata_of(z)
    assert len(np.unique(strata)) == len(np.unique(z, axis=0))
    for number in np.unique(strata):
        assert len(np.unique(z[strata == number], axis=0)) == 1
    assert strata_of(rng.normal(size=(200, 1))) is None
    assert strata_of(np.column_stack([z, rng.normal(size=200)])) is None


def test_orders_stay_within_strata():
    strata = np.random.default_rng(5).integers(4, size=400)
    order = in_strata(strata, np.random.default_rng(6))
    np.testing.assert_array_equal(np.sort(order), np.arange(400))
    np.testing.assert_array_equal(strata[order], strata)
    assert (order != np.arange(400)).mean() > 0.9
    first = [in_strata(np.zeros(3, int), np.random.default_rng(s)).tolist() for s in range(600)]
    assert min(first.count(each) for each in map(list, {tuple(row) for row in first})) > 60


def test_permuted_rows_give_permuted_columns():
    rng = np.random.default_rng(11)
    strata = rng.integers(12, size=120)
    side = np.column_stack([rng.normal(size=120) + strata, rng.integers(3, size=120)])
    ready = prepared(side, (0, 0))
    order = in_strata(strata, rng)
    permuted = ready._replace(columns=ready.columns[order])
    first = centred_in_strata(ready, strata, (0, 1))
    second = centred_in_strata(permuted, strata, (0, 1))
    np.testing.assert_allclose(second[:, 0], first[order, 0], atol=1e-9)
    for number in range(12):
        assert abs(first[strata == number, 0].mean()) < 1e-12
        assert abs(ndtr(first[strata == number, 1]).mean() - 0.5) < 0.35
    # what strata determine leaves nothing
    alone = prepared(strata[:, None] * 1.0, (0, 0))._replace(levels=np.array([False]))
    assert not centred_in_strata(alone, strata, (0, 1)).any()


def test_one_stratum_is_the_adjusted_plug_in():
    sklearn = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(7)
    x = rng.integers(4, size=150)
    y = (x + rng.integers(3, size=150)) % 4
    value = Tables(x, y, np.zeros(150, int)).information()
    least = min(entropy_of_counts(np.bincount(side)) for side in (x, y))
    theirs = sklearn.adjusted_mutual_info_score(x, y, average_method="min")
    assert value == pytest.approx(theirs * least, abs=1e-12)


def test_strata_are_averaged():
    rng = np.random.default_rng(8)
    z = rng.integers(3, size=300)
    x = rng.integers(2, size=300) + z
    y = np.where(rng.random(300) < 0.3, x, rng.integers(5, size=300))
    parts = [Tables(x[z == c], y[z == c], z[z == c] * 0).information() for c in range(3)]
    expected = np.average(parts, weights=np.bincount(z))
    order = np.arange(300)
    assert Tables(x, y, z).information() == pytest.approx(expected, abs=1e-12)
    assert Tables(x, y, z).information(order) == Tables(x, y, z).information()


def test_tables_at_the_limits():
    rng = np.random.default_rng(9)
    z = rng.integers(2, size=2000)
    x = rng.integers(3, size=2000)
    # one label determines the other: H(X | Z)
    entropy = np.average(
        [entropy_of_counts(np.bincount(x[z == c])) for c in (0, 1)], weights=np.bincount(z)
    )
    assert Tables(x, (x + z) % 3, z).information() == pytest.approx(entropy, abs=1e-12)
    # large strata: Miller and Madow's correction
    y = (x + rng.integers(2, size=2000)) % 3
    plug_in = np.average(
        [PlugIn("miller_madow").estimate(x[z == c], y[z == c]).value for c in (0, 1)],
        weights=np.bincount(z),
    )
    assert Tables(x, y, z).information() == pytest.approx(plug_in, abs=2e-3)
    # Z determines X, or every row is a stratum of its own: nothing is left
    assert Tables(z, y, z).information() == 0
    assert Tables(x, y, np.arange(2000)).information() == 0


def test_small_strata_have_no_bias_at_independence():
    rng = np.random.default_rng(10)
    values, plain = [], []
    for _ in range(60):
        z = np.repeat(np.arange(50), 5)
        x, y = rng.integers(2, size=(2, 250))
        values.append(Tables(x, y, z).information())
        plain.append(np.mean([PlugIn().estimate(x[z == c], y[z == c]).value for c in range(50)]))
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(60)
    assert np.mean(plain) > 0.08  # a negative control
