"""The searches over every pair, and their shared pieces, against a naive twin."""

import numpy as np
import pytest

from mitools._kernels.neighbors.knn import (
    brute_counts,
    brute_radii,
    candidate_radii,
    insert,
    side_distance,
)
from tests.mitools._kernels.neighbors.naive_counts import (
    counts,
    distances,
    nearest,
    samples,
    strict_radii,
)


@pytest.mark.parametrize("squared", [False, True])
def test_a_distance_is_exact_up_to_its_limit_and_above_the_limit_beyond(squared):
    rows = np.random.default_rng(0).normal(size=(30, 5))
    expected = distances(rows, squared)
    limit = float(np.median(expected))
    for i in range(30):
        for j in range(30):
            assert side_distance(rows, i, j, squared, np.inf) == expected[i, j]
            found = side_distance(rows, i, j, squared, limit)
            assert found == expected[i, j] if expected[i, j] <= limit else found > limit


def test_what_is_inserted_stays_in_order_of_distance_and_row():
    rng = np.random.default_rng(0)
    offered = [(float(distance), row) for row, distance in enumerate(rng.integers(6, size=40))]
    for k in (1, 3, 40):
        kept, rows = np.full(k, np.inf), np.full(k, 40)
        seen = []
        for place in rng.permutation(40):
            seen.append(offered[place])
            if offered[place][0] > kept[-1]:
                continue  # as every caller does
            worst = insert(kept, rows, *offered[place])
            assert worst == kept[-1]
            expected = sorted(seen)[:k]
            assert list(zip(kept, rows, strict=True))[: len(expected)] == expected


@pytest.mark.parametrize("kind", ["smooth", "ties"])
@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("variant", [1, 2])
@pytest.mark.parametrize("k", [1, 4])
def test_radii_are_those_of_the_twin(kind, squared, variant, k):
    x, y = samples(kind, 60, 2, 3)
    radii = np.empty((2, 60))
    for first, last in ((0, 25), (25, 60)):  # shares of the work fill their own rows
        brute_radii(first, last, x, y, k, (variant, squared), radii)
    np.testing.assert_array_equal(radii, strict_radii(x, y, k, variant, squared))


@pytest.mark.parametrize("kind", ["smooth", "ties"])
@pytest.mark.parametrize("squared", [False, True])
def test_counts_are_strict_and_leave_the_point_itself_out(kind, squared):
    side = samples(kind, 60, 2, 1)[0]
    radii = np.random.default_rng(1).choice([0.0, 0.5, 1.0, 2.0, 4.0], size=60)
    found = np.full(60, -1)
    brute_counts(0, 60, side, squared, radii, found)
    np.testing.assert_array_equal(found, counts(side, radii, squared))
    assert (found[radii == 0] == 0).all()


@pytest.mark.parametrize("variant", [1, 2])
def test_candidates_decide_where_nothing_unseen_can_be_nearer(variant):
    x, y = samples("smooth", 50, 2, 2)
    joint = np.maximum(distances(x, True), distances(y, True))
    candidates = np.hstack([nearest(x, y, 6, True), np.full((50, 1), -1), np.arange(50)[:, None]])
    kth = np.sort(joint + np.diag(np.full(50, np.inf)), axis=1)[:, 2]
    unseen = np.where(np.arange(50) % 2, kth * (1 + 1e-9), kth)  # a tie at the bound is undecided
    radii, complete = np.full((2, 50), -1.0), np.empty(50, bool)
    settings = (3, (variant, True))
    candidate_radii(0, 50, (x, y), candidates, unseen, settings, radii, complete)
    np.testing.assert_array_equal(complete, np.arange(50) % 2 == 1)
    expected = strict_radii(x, y, 3, variant, True)
    np.testing.assert_array_equal(radii[:, complete], expected[:, complete])
    assert (radii[:, ~complete] == -1).all()
