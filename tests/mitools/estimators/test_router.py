"""Which estimator takes sides whose rows repeat, and that it stays what it is for any pairing."""

import numpy as np
import pytest

from mitools import EDGE, KSG
from mitools.estimators.discrete import PlugIn
from mitools.estimators.ksg import TIE_JITTER
from mitools.estimators.labels import Labels
from mitools.estimators.mixed import Mixed
from mitools.estimators.router import LabelsEitherSide, ManyLevels, for_repeated
from mitools.samples.scaling import break_ties, standardized

RNG = np.random.default_rng(0)
N = 1000
NORMAL = RNG.normal(size=(N, 1))
NOISY = NORMAL + RNG.normal(size=(N, 1))
FEW = RNG.integers(4, size=(N, 1)) * 1.0
ROUNDED = np.round(NOISY, 1)
RECTIFIED = np.maximum(NOISY, 0.0)

CASES = {
    "continuous": (NORMAL, NOISY, "", None),
    "table": (FEW, FEW[::-1], "plug_in", PlugIn(correction="miller_madow")),
    "labels last": (NORMAL, FEW, "labels", LabelsEitherSide(False, 7)),
    "labels first": (FEW, NORMAL, "labels", LabelsEitherSide(True, 7)),
    "rounded": (np.round(NORMAL, 1), ROUNDED, "levels", ManyLevels(3)),
    "atoms": (NORMAL, RECTIFIED, "mixed", Mixed()),
}


@pytest.mark.parametrize("case", CASES)
def test_each_kind_goes_to_its_estimator(case):
    x, y, name, estimator = CASES[case]
    assert for_repeated(x, y, 3, 7) == (name, estimator)


def test_a_table_with_more_cells_than_samples_is_no_table():
    wide = RNG.integers(50, size=(N, 1)) * 1.0
    assert for_repeated(wide, wide[::-1], 3, 0)[0] != "plug_in"
    few = RNG.integers(20, size=(N, 1)) * 1.0
    assert for_repeated(few, few[::-1], 3, 0)[0] == "plug_in"


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
def test_permuted_levels_keep_the_noise_that_broke_their_ties(columns):
    x, y = np.hstack([ROUNDED, FEW])[:300, :columns], ROUNDED[:300]
    orders = np.array([np.arange(300), *(RNG.permutation(300) for _ in range(2))])
    estimator = ManyLevels(3)
    found = estimator.prepare(x, y).permuted(orders)
    assert found[0] == pytest.approx(estimator.estimate(x, y).value, abs=1e-12)
    left, right = (break_ties(standardized(side), TIE_JITTER, 0) for side in (x, y))
    for order, value in zip(orders[1:], found[1:], strict=True):
        neighbors = KSG(k=3).estimate(left, right[order]).value
        assert value == pytest.approx(neighbors, abs=1e-9)  # at independence cells add nothing


def test_levels_are_those_of_neighbours_unless_cells_see_clearly_more():
    value = ManyLevels(3).estimate(np.round(NORMAL, 1), ROUNDED).value
    assert value == pytest.approx(np.log(2) / 2, abs=0.08)
    x = RNG.integers(300, size=(N, 1))  # categories without an order: neighbours see few of them
    y = RNG.permutation(300)[x] * 1.0
    cells = EDGE().estimate(x * 1.0, y).value
    left, right = (break_ties(standardized(side), TIE_JITTER, 0) for side in (x * 1.0, y))
    assert cells > KSG(k=3).estimate(left, right).value + 0.5
    assert ManyLevels(3).estimate(x * 1.0, y).value == cells
    assert ManyLevels(3).ceiling(N) == KSG(k=3).ceiling(N)
