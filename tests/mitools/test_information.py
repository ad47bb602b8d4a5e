"""The front door: labels, estimators, and what it leaves alone."""

import numpy as np
import pytest

from mitools import KSG, mutual_information
from mitools.distributions import ClassCorrelation, Gaussian

X, Y = Gaussian((0.8,)).sample(60, seed=1)


KSG3 = KSG(k=3)


def value(x, y, **settings):
    return mutual_information(x, y, estimator=KSG3, **settings).value


EXPECTED = value(X, Y)


def test_inputs_are_left_alone():
    x, y = X.copy(), Y.copy()
    value(x, y)
    assert np.array_equal(x, X)
    assert np.array_equal(y, Y)


def test_constant_columns_carry_nothing():
    x = np.column_stack([X, np.full(60, 7.0)])
    assert value(x, Y) == EXPECTED
    assert value(np.ones(60), Y) == 0


def test_duplicates_are_reported():
    x, y = np.repeat(X, 2, axis=0), np.repeat(Y, 2, axis=0)
    with pytest.warns(UserWarning, match="equal twin"):
        estimate = mutual_information(x, y, estimator=KSG3)
    assert estimate.stats["tied_fraction"] == 1.0
    assert np.isfinite(estimate.value)


def test_huge_numbers_are_legal():
    with np.errstate(all="raise"):
        assert value(X * 1e150, Y) == pytest.approx(EXPECTED, abs=1e-9)


@pytest.mark.parametrize("wrong", [KSG, "ksg", 3])
def test_what_is_no_estimator_is_refused(wrong):
    with pytest.raises(TypeError, match=r"KSG\(\) rather than KSG"):
        mutual_information(X, Y, estimator=wrong)


Z = np.repeat([0, 1, 2], [10, 20, 30])


def test_labels_give_the_weighted_sum_of_the_parts_exactly():
    whole = mutual_information(X, Y, given=Z, estimator=KSG3)
    parts = {z: KSG3.estimate(X[z == Z], Y[z == Z]) for z in (0, 1, 2)}
    assert set(whole.parts) == {0, 1, 2}
    for z in (0, 1, 2):
        assert whole.parts[z].value == parts[z].value
        assert whole.parts[z].ceiling == KSG3.ceiling(10 * (z + 1))
    shares = [10 / 60, 20 / 60, 30 / 60]
    expected = sum(share * part.value for share, part in zip(shares, parts.values(), strict=True))
    ceiling = sum(share * part.ceiling for share, part in zip(shares, parts.values(), strict=True))
    assert whole.value == float(expected)
    assert whole.ceiling == float(ceiling)
    assert whole.n_samples == 60


def test_the_order_of_samples_with_their_labels_does_not_matter():
    order = np.random.default_rng(0).permutation(60)
    shuffled = value(X[order], Y[order], given=Z[order])
    assert shuffled == pytest.approx(value(X, Y, given=Z), abs=1e-12)


def test_one_label_for_all_is_no_label():
    whole = mutual_information(X, Y, given=np.ones(60, dtype=int), estimator=KSG3)
    assert whole.value == EXPECTED
    assert list(whole.parts) == [1]


def test_unequal_shares_weigh_the_labels():
    truth = ClassCorrelation()
    x, y, z = truth.sample_labelled(4000, seed=0)
    conditional = mutual_information(x, y, given=z).value
    assert abs(conditional - truth.conditional_mutual_information) < 0.05  # sd over seeds 0.015
