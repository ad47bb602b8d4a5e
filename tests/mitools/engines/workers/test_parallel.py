"""`n_jobs`: the same bits whatever the number of workers, and nothing left behind."""

import warnings

import joblib
import numpy as np
import pytest
from threadpoolctl import threadpool_info

from mitools import assess, compare, information_matrix, mutual_information, parse_estimator
from mitools.engines.workers.parallel import in_parallel, n_workers
from mitools.engines.workers.threads import over_points
from mitools.estimators.base import MutualInformationEstimator

RNG = np.random.default_rng(0)
X = RNG.normal(size=(150, 2))
Y = X + RNG.normal(size=(150, 2))
LABELS = np.repeat([0, 1, 2], 50)
TEXTS = ("ksg", "edge", "auto", "canonical", "copula", "mixed", "sliced", "edge:semirobust")


@pytest.mark.parametrize("text", TEXTS)
def test_the_number_of_workers_changes_no_bit(text):
    settings = {"estimator": parse_estimator(text), "n_permutations": 7, "n_halves": 4}
    one = assess(X, Y, sweep=False, cross_check=None, **settings)
    for n_jobs in (1, 2, 3):
        other = assess(X, Y, sweep=False, cross_check=None, n_jobs=n_jobs, **settings)
        assert np.array_equal(one.null, other.null)
        assert (one.value, one.spread, one.by_size) == (other.value, other.spread, other.by_size)


def test_labels_keep_their_order_and_their_permutations():
    one = assess(X, Y, given=LABELS, n_permutations=9, n_halves=4)
    other = assess(X, Y, given=LABELS, n_permutations=9, n_halves=4, n_jobs=2)
    assert one == other
    assert list(other.estimate.parts) == [0, 1, 2]
    for label, null in one.null_parts.items():
        assert np.array_equal(null, other.null_parts[label])
    alone = mutual_information(X, Y, given=LABELS)
    assert mutual_information(X, Y, given=LABELS, n_jobs=2) == alone
    rows = compare(X, Y, given=LABELS, n_permutations=5, n_jobs=2).answers
    assert [row.null_mean for row in rows] == [
        row.null_mean for row in compare(X, Y, given=LABELS, n_permutations=5).answers
    ]


def test_a_matrix_is_the_same_and_its_progress_goes_up():
    told = []
    table = np.c_[X, Y]
    one = information_matrix(table, n_permutations=9)
    other = information_matrix(
        table, n_permutations=9, n_jobs=2, progress=lambda *done: told.append(done)
    )
    for name in ("values", "p_values", "fitted_p_values", "adjusted_p_values", "null_means"):
        assert np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True)
    assert told == [(done, 6) for done in range(1, 7)]


@pytest.mark.slow
def test_processes_give_the_same_bits():
    with joblib.parallel_config(backend="loky"):
        other = assess(X, Y, n_permutations=9, n_halves=4, n_jobs=2)
    assert other == assess(X, Y, n_permutations=9, n_halves=4)


def test_workers_have_one_thread_and_leave_the_limits_as_they_were():
    before = [pool["num_threads"] for pool in threadpool_info()]
    filters = list(warnings.filters)
    calls = []

    def kernel(first, last):
        calls.append((first, last))

    def item(number):
        over_points(kernel, 50_000)
        limits = {p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas"}
        return number**2, limits

    found = in_parallel(item, range(5), 2)
    assert [square for square, _ in found] == [0, 1, 4, 9, 16]
    assert all(limits <= {1} for _, limits in found)
    assert calls == [(0, 50_000)] * 5
    assert [pool["num_threads"] for pool in threadpool_info()] == before
    assert warnings.filters == filters


def test_an_error_in_a_worker_is_the_error_of_the_call():
    class Fails(MutualInformationEstimator):
        def _estimate(self, x, y):
            raise ValueError("no estimate of these")

        def ceiling(self, n_samples):
            return 1.0

    with pytest.raises(ValueError, match="no estimate of these"):
        mutual_information(X, Y, given=LABELS, estimator=Fails(), n_jobs=2)


@pytest.mark.parametrize("n_jobs", [0, -2, 1.5, True, "2"])
def test_what_is_no_number_of_workers_is_refused(n_jobs):
    for call in (
        lambda: mutual_information(X, Y, n_jobs=n_jobs),
        lambda: assess(X, Y, n_jobs=n_jobs),
        lambda: compare(X, Y, n_jobs=n_jobs),
        lambda: information_matrix(X, n_jobs=n_jobs),
    ):
        with pytest.raises(ValueError, match="`n_jobs` must be a number of workers, -1 for"):
            call()


def test_minus_one_is_a_worker_for_each_processor():
    assert n_workers(-1) == joblib.cpu_count()
    assert n_workers(None) == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_permutations": 20.5}, "`n_permutations` must be a whole number, got 20.5"),
        ({"seed": -1}, "`seed` must be at least 0, got -1"),
        ({"seed": 0.5}, "`seed` must be a whole number"),
    ],
)
def test_settings_of_the_wrong_kind_are_refused(settings, message):
    for call in (assess, compare):
        with pytest.raises(ValueError, match=message):
            call(X, Y, **settings)
    with pytest.raises(ValueError, match=message):
        information_matrix(X, **settings)
