"""Counts of correct answers, their intervals, and two networks on the same images."""

import json
from dataclasses import asdict, replace
from math import comb

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from robustsplit.results import AccuracyRecord, PairedDifference


@pytest.mark.parametrize(("correct", "n"), [(0, 7), (7, 7), (288, 360), (1, 3)])
def test_the_interval_solves_wilsons_equation(correct, n):
    """Its ends are the p whose score test has z = 1.96: |share - p| = z sqrt(p (1 - p) / n)."""
    for end in AccuracyRecord(correct, n).interval:
        p = end / 100
        distance = abs(correct / n - p)
        assert distance == pytest.approx(1.959964 * np.sqrt(p * (1 - p) / n), abs=1e-6)
    low, high = AccuracyRecord(correct, n).interval
    assert 0 <= low <= 100 * correct / n <= high <= 100 and low < high


@pytest.mark.parametrize("n", [1, 7, 8, 9, 500])
def test_answers_come_back_from_json(n):
    right = np.random.default_rng(n).random(n) < 0.7
    record = AccuracyRecord.of_answers(right, attack="PGD", by_class={"a": (1, 2)}, labels="f0")
    again = AccuracyRecord.from_dict(json.loads(json.dumps(asdict(record))))
    assert again == record and record.n == n and record.correct == right.sum()
    np.testing.assert_array_equal(again.answers, right)


def test_a_record_of_before_answers_were_kept_is_read_and_not_compared():
    old = AccuracyRecord.from_dict({"correct": 3, "n": 4, "attack": "clean", "by_class": {}})
    assert old.answers is None and old.minus(old) is None


@pytest.mark.parametrize("change", [{"right": "ffff"}, {"right": "f0"}, {"right": "f1"}])
def test_changed_answers_are_refused(change):
    table = asdict(AccuracyRecord.of_answers(np.ones(5, dtype=bool)))
    assert table["right"] == "f8"
    with pytest.raises(ValueError, match="changed after it was written"):
        AccuracyRecord.from_dict({**table, **change})


def test_networks_are_compared_image_by_image():
    first = AccuracyRecord.of_answers(np.array([1, 1, 1, 0, 0, 1], dtype=bool), labels="a")
    second = AccuracyRecord.of_answers(np.array([1, 0, 0, 1, 0, 0], dtype=bool), labels="a")
    assert first.minus(second) == PairedDifference(3, 1, 6)
    assert second.minus(first) == PairedDifference(1, 3, 6)
    assert first.minus(second).points == pytest.approx(first.percent - second.percent)
    with pytest.raises(ValueError, match="6 and 6 images with other labels"):
        first.minus(replace(second, labels="b"))
    with pytest.raises(ValueError, match="6 and 5 images"):
        first.minus(AccuracyRecord.of_answers(np.ones(5, dtype=bool)))


@pytest.mark.parametrize(("b", "c"), [(40, 7), (7, 1), (5, 5), (1, 0), (0, 0), (12, 30)])
def test_mcnemars_p_value_is_a_sum_of_binomials(b, c):
    m = b + c
    share = [comb(m, k) / 2**m for k in range(m + 1)]
    expected = min(1.0, sum(value for value in share if value <= share[b] * (1 + 1e-9)))
    assert PairedDifference(b, c, 500).p_value == pytest.approx(expected)


def test_published_example():
    """Bentur et al. 2009 as in Fagerland, Lydersen and Laake, Statistics in Medicine 33 (2014):
    of 21 children, 1 and 7 have the symptom only before and only after."""
    found = PairedDifference(1, 7, 21)
    assert found.p_value == pytest.approx(0.0703, abs=5e-5)
    np.testing.assert_allclose(found.interval, (-51.7, -2.6), atol=0.05)
    assert not found.differs


@pytest.mark.parametrize(
    ("b", "c", "n"),
    [(1, 7, 21), (0, 1, 44), (40, 7, 500), (0, 0, 30), (5, 0, 9), (3, 3, 6), (20, 20, 50)],
)
def test_the_interval_ends_where_the_score_test_rejects(b, c, n):
    """Twin: the nuisance is found by maximising the likelihood, not by the closed form."""
    z = norm.ppf(0.975)
    for end in PairedDifference(b, c, n).interval:
        delta = end / 100

        def deficit(q, delta=delta):
            cells = np.array([q + delta, q, 1 - 2 * q - delta])
            counts = np.array([b, c, n - b - c])
            if (cells[counts > 0] <= 0).any():
                return 1e9
            return -(counts[counts > 0] * np.log(cells[counts > 0])).sum()

        bounds = (max(0.0, -delta), (1 - delta) / 2)
        q = minimize_scalar(deficit, bounds=bounds, method="bounded", options={"xatol": 1e-12}).x
        score = (b - c - n * delta) / np.sqrt(n * (2 * q + delta * (1 - delta)))
        assert abs(score) == pytest.approx(z, abs=2e-3)


def test_networks_that_never_differ_and_networks_that_always_do():
    same = PairedDifference(0, 0, 100)
    assert same.p_value == 1 and same.points == 0 and not same.differs
    low, high = same.interval
    assert low == pytest.approx(-high) and 0 < high < 5
    assert PairedDifference(9, 0, 9).interval[1] == 100
    assert PairedDifference(0, 9, 9).interval[0] == -100


def test_overlapping_intervals_can_hide_a_clear_difference():
    """354 against 321 of 500 right: Wilson's intervals overlap, and McNemar's p is 1e-6."""
    right = np.arange(500) < 354
    other = right.copy()
    other[:40], other[400:407] = False, True
    first, second = AccuracyRecord.of_answers(right), AccuracyRecord.of_answers(other)
    assert (first.correct, second.correct) == (354, 321)
    assert first.interval[0] < second.interval[1]
    assert first.minus(second).p_value < 2e-6
    low, high = first.minus(second).interval
    assert 4 < low < 6.6 < high < 10


def test_the_interval_covers_and_the_test_keeps_its_level():
    """10,000 pairs of equally accurate networks, and as many that are 10 points apart."""
    rng = np.random.default_rng(0)
    for p, q in ((0.1, 0.1), (0.15, 0.05)):
        draws = rng.multinomial(100, [p, q, 1 - p - q], size=10_000)[:, :2]
        kinds, counts = np.unique(draws, axis=0, return_counts=True)
        found = [PairedDifference(int(b), int(c), 100) for b, c in kinds]
        inside = np.array([f.interval[0] <= 100 * (p - q) <= f.interval[1] for f in found])
        assert 0.94 <= counts[inside].sum() / 10_000 <= 0.965
        if p == q:
            differs = np.array([f.differs for f in found])
            assert counts[differs].sum() / 10_000 <= 0.05
