"""Which estimator takes sides whose rows repeat, and that it stays what it is for any pairing."""

import numpy as np
import pytest

from mitools import KSG, Auto
from mitools.estimators.discrete import PlugIn
from mitools.estimators.labels import Labels
from mitools.estimators.mixed import Mixed
from mitools.estimators.router import LabelsEitherSide, for_columns, for_repeated

RNG = np.random.default_rng(0)
N = 1000
NORMAL = RNG.normal(size=(N, 1))
NOISY = NORMAL + RNG.normal(size=(N, 1))
FEW = RNG.integers(4, size=(N, 1)) * 1.0
ROUNDED = np.round(NOISY, 1)
RECTIFIED = np.maximum(NOISY, 0.0)

SPARSE = np.where(RNG.random((N, 1)) < 0.93, 0.0, NOISY)

CASES = {
    "table": (FEW, FEW[::-1], ["mixed", "table"]),
    "labels last": (NORMAL, FEW, ["labels"]),
    "labels first": (FEW, NORMAL, ["labels"]),
    "labels beside many columns": (RNG.normal(size=(N, 20)), FEW, ["labels"]),
    "few rows a label": (NORMAL, RNG.integers(250, size=(N, 1)) * 1.0, ["mixed", "labels"]),
    "rounded": (np.round(NORMAL, 1), ROUNDED, ["mixed", "table"]),
    "atoms": (NORMAL, RECTIFIED, ["mixed"]),
    "large atoms": (SPARSE, RECTIFIED, ["mixed"]),
}


@pytest.mark.parametrize("case", CASES)
def test_each_kind_has_its_readings(case):
    x, y, names = CASES[case]
    found = for_repeated(x, y, 3, 7)
    assert [name for name, _ in found.readings] == names


def test_continuous_sides_have_none():
    assert for_repeated(NORMAL, NOISY, 3, 7) is None


def test_columns_of_known_kinds():
    assert for_columns(FEW, FEW, True, True) == PlugIn(correction="chance")
    assert for_columns(NORMAL, FEW, False, True) == Labels(method="ross")
    assert for_columns(NORMAL, FEW, False, False) == Mixed()
    assert for_columns(NORMAL, NOISY, False, False) == KSG()


def test_labels_are_told_from_either_side():
    x = NORMAL + 2.0 * FEW
    expected = Labels(seed=7).estimate(x, FEW)
    assert LabelsEitherSide(False, 7).estimate(x, FEW).value == expected.value
    assert LabelsEitherSide(True, 7).estimate(FEW, x).value == expected.value
    assert LabelsEitherSide(True, 7).ceiling(N) == Labels().ceiling(N)


@pytest.mark.parametrize("swapped", [False, True])
def test_permuted_labels_are_estimates_of_the_same_pairs(swapped):
    x, y = (FEW[:300], NORMAL[:300]) if swapped else (NORMAL[:300], FEW[:300])
    orders = np.array([np.arange(300), *(RNG.permutation(300) for _ in range(2))])
    found = LabelsEitherSide(swapped, 7).prepare(x, y).permuted(orders)
    for order, value in zip(orders, found, strict=True):
        back = np.empty(300, int)
        back[order] = np.arange(300)  # labels in x move, where y stays: the same pairs
        pair = (y, x[back]) if swapped else (x, y[order])
        assert value == pytest.approx(Labels(seed=7).estimate(*pair).value, abs=1e-9)


@pytest.mark.parametrize("columns", [1, 2])
def test_permuted_readings_repeat_the_choice(columns):
    x, y = np.hstack([ROUNDED, NORMAL])[:300, :columns], ROUNDED[:300]
    orders = np.array([np.arange(300), *(RNG.permutation(300) for _ in range(8))])
    estimator = for_repeated(x, y, 3, 0)
    found = estimator.prepare(x, y).permuted(orders)
    assert found[0] == pytest.approx(estimator.estimate(x, y).value, abs=1e-12)
    assert abs(found[1:].mean()) < 0.04


def test_the_first_reading_stays_unless_another_is_clearly_above_it():
    rounded = np.round(NORMAL, 1)
    value = for_repeated(rounded, ROUNDED, 3, 0).estimate(rounded, ROUNDED).value
    assert value == pytest.approx(np.log(2) / 2, abs=0.08)
    x = RNG.integers(300, size=(N, 1))  # categories without an order: neighbours see few of them
    y = RNG.permutation(300)[x] * 1.0
    x = x * 1.0
    estimator = for_repeated(x, y, 3, 0)
    table = PlugIn(correction="chance").estimate(x, y)
    assert table.value > Mixed(k=3).estimate(x, y).value + 0.5
    assert estimator.estimate(x, y).value == table.value
    assert estimator.ceiling(N) == pytest.approx(np.log(N))


def informative(n):
    """20 classes of ten rows, one column of three informative: I is near 1.93 nats."""
    rng = np.random.default_rng(0)
    centres, label = 3 * rng.normal(size=20), np.arange(200) % 20
    x = np.c_[centres[label] + 0.3 * rng.normal(size=200), rng.normal(size=(200, 2))]
    return x[:n], label[:n]


@pytest.mark.parametrize("n", [200, 199, 198, 101, 100, 99])
def test_labels_of_few_rows_are_seen(n):
    assert Auto().estimate(*informative(n)).value == pytest.approx(1.93, rel=0.2)


def with_kind(kind, n):
    rng = np.random.default_rng(5)
    z, e = rng.normal(size=(2, n))
    classes = rng.integers(20, size=n)
    return {
        "rounded": (np.round(3 * z), np.round(3 * (z + e))),
        "atoms": (z, np.maximum(z + 0.5 * e - 1.5, 0)),
        "a quarter tied": (z, np.where(np.arange(n) < 0.25 * n, 0.0, z + e)),
        "classes": (z + 3 * classes, classes),
        "classes in three columns": (np.c_[z + 3 * classes, e, e[::-1]], classes),
        "independent classes": (np.round(5 * z), classes),
        "two tables": (classes, (classes + rng.integers(5, size=n)) % 20),
        "counts": (rng.poisson(np.exp(z)), np.round(30 * z)),
    }[kind]


@pytest.mark.parametrize("n", [100, 200])
@pytest.mark.parametrize(
    "kind",
    [
        "rounded", "atoms", "a quarter tied", "classes", "classes in three columns",
        "independent classes", "two tables", "counts",
    ],
)  # fmt: skip
def test_a_row_less_changes_little(kind, n):
    x, y = with_kind(kind, n + 1)
    values = [Auto().estimate(x[:m], y[:m]).value for m in (n - 1, n, n + 1)]
    # pointwise contributions have a standard deviation of about 1
    assert np.ptp(values) < 3 / np.sqrt(n)
