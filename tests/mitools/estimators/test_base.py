"""What a class of one's own must implement, and what it gets for it."""

from dataclasses import dataclass

import numpy as np
import pytest

from mitools import KSG, assess, mutual_information
from mitools.estimators.base import (
    PRINCIPAL,
    VIEWS,
    VIEWS_SAMPLES,
    WIDE,
    Found,
    MutualInformationEstimator,
    as_call,
    has_views,
    narrowed,
    reordered,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 2))
Y = X + RNG.normal(size=(200, 2))
ORDERS = np.array([np.arange(200), *(RNG.permutation(200) for _ in range(3))])
LABELS = np.repeat(["a", "b"], [120, 80])


def correlation(x, y):
    r = np.corrcoef(x[:, 0], y[:, 0])[0, 1]
    return float(-np.log1p(-(r**2)) / 2)


class Bounded(MutualInformationEstimator):
    def ceiling(self, n_samples):
        return float(np.log(n_samples))


class OfPairs(Bounded):
    def _pair(self, x, y):
        return Found(correlation(x, y), stats={"rows": float(len(x))})


@dataclass
class Half:
    rows: np.ndarray

    def reordered(self, order):
        return Half(self.rows[order])


class OfSides(Bounded):
    """Prepares a side alone, and counts how often it is asked to."""

    def __init__(self):
        self.sides = 0

    def _side(self, rows):
        self.sides += 1
        return Half(rows)

    def _pair(self, x, y):
        return Found(correlation(x.rows, y.rows), stats={"rows": float(len(x.rows))})


class OfOne(Bounded):
    """The form with one method for all."""

    def _estimate(self, x, y):
        return correlation(x, y), {"rows": float(len(x)), "ceiling": 2.0, "entropy": 3.0}


@pytest.mark.parametrize("make", [OfPairs, OfSides, OfOne])
def test_each_way_to_write_an_estimator_gives_the_same(make):
    found = make().estimate(X, Y)
    assert found.value == correlation(X, Y)
    assert found.stats == {"rows": 200.0}
    permuted = make().prepare(X, Y).permuted(ORDERS)
    assert permuted.tolist() == [correlation(X, Y[order]) for order in ORDERS]
    whole = mutual_information(X, Y, given=LABELS, estimator=make())
    parts = [correlation(X[LABELS == label], Y[LABELS == label]) for label in "ab"]
    assert whole.value == pytest.approx(0.6 * parts[0] + 0.4 * parts[1], abs=1e-15)
    quick = {"n_permutations": 19, "n_halves": 2, "cross_check": None}
    assert assess(X, Y, estimator=make(), **quick).p_value == 1 / 20


def test_a_side_is_prepared_once_for_all_pairings():
    estimator = OfSides()
    estimator.prepare(X, Y).permuted(ORDERS)
    assert estimator.sides == 2


def test_statistics_named_ceiling_and_entropy_bound_the_value():
    assert OfPairs().estimate(X, Y).ceiling == np.log(200)
    found = OfOne().estimate(X, Y)
    assert found.ceiling == 2.0
    assert found.entropy == 3.0


def test_a_class_without_a_method_says_which_is_missing():
    with pytest.raises(TypeError, match=r"Bounded must implement `_pair\(x, y\)`"):
        Bounded().estimate(X, Y)


def test_a_class_without_a_ceiling_cannot_be_made():
    class Endless(MutualInformationEstimator):
        def _pair(self, x, y):
            return Found(0.0)

    with pytest.raises(TypeError, match="ceiling"):
        Endless()


@pytest.mark.parametrize("wrong", [1.0, (1.0,), (1.0, 2.0), None])
def test_what_is_no_value_with_statistics_is_refused(wrong):
    class Wrong(Bounded):
        def _estimate(self, x, y):
            return wrong

    with pytest.raises(TypeError, match="must return a `Found`, or its value in nats"):
        Wrong().estimate(X, Y)


def test_too_few_samples_say_how_many_and_where():
    with pytest.raises(ValueError, match=r"needs at least 2 samples, got 1\. Pass more samples"):
        OfPairs().prepare(X[:1, :1], Y[:1, :1])
    with pytest.raises(ValueError, match=r"2 samples in label 3, got 1\..*merge or drop small"):
        OfPairs().prepare(X[:1, :1], Y[:1, :1], " in label 3")
    with pytest.raises(ValueError, match=r"pass `x.T` and `y.T`"):
        OfPairs().prepare(X[:1], Y[:1])


def test_a_class_that_is_no_dataclass_is_named_by_its_class():
    assert repr(OfPairs()) == "OfPairs()"
    assert "n=200, OfPairs()" in repr(OfPairs().estimate(X, Y))


def test_neighbours_are_swept_by_half_and_twice():
    @dataclass(frozen=True, repr=False)
    class Near(OfPairs):
        k: int = 4
        seed: int = 0

    assert Near(seed=2).nearby() == {"k=2": Near(2, 2), "k=8": Near(8, 2)}
    assert Near(1).nearby() == {"k=2": Near(2)}
    assert OfPairs().nearby() == {}


def test_the_counterpart_is_of_another_kind_and_never_of_another_unit():
    class Bits(OfPairs):
        unit = "shannons"

    assert OfPairs().counterpart(True, 300, 50) == "edge"
    assert OfPairs().counterpart(False, WIDE, 50) == "ksg"
    assert OfPairs().counterpart(False, WIDE + 1, 50) == f"ksg+pca:{PRINCIPAL}"
    assert Bits().counterpart(False, 1, 50) is None
    assert not Bits().comparable
    assert narrowed("mixed", 99) == f"mixed+pca:{PRINCIPAL}"


def test_what_it_sees_is_by_default_what_the_other_sees():
    other = KSG()
    assert OfPairs().around(other) is other


def test_auto_has_views_of_narrow_sides_with_samples_enough():
    assert has_views(2, VIEWS_SAMPLES)
    assert has_views(VIEWS, VIEWS_SAMPLES)
    assert not has_views(1, VIEWS_SAMPLES)
    assert not has_views(VIEWS + 1, VIEWS_SAMPLES)
    assert not has_views(2, VIEWS_SAMPLES - 1)


def test_prepared_sides_are_reordered_by_rows_or_by_their_own_method():
    np.testing.assert_array_equal(reordered(X, ORDERS[1]), X[ORDERS[1]])
    np.testing.assert_array_equal(reordered(Half(X), ORDERS[1]).rows, X[ORDERS[1]])


def test_a_call_shows_what_is_not_default():
    assert as_call(KSG()) == "KSG()"
    assert as_call(KSG(k=7, variant=2)) == "KSG(k=7, variant=2)"
