"""Sums over ranks against a naive twin, whose distances are whole numbers."""

import numpy as np
import pytest

from mitools._kernels.neighbors.ranks import HELD, LANES, PLACES, others, rank_excess


def naive(sequence, k, table):
    """Return the sum of ``table[counts]`` over both sides, from all distances."""
    ranks = np.arange(len(sequence))
    in_x, in_y = (np.abs(side[:, None] - side) for side in (ranks, sequence))
    joint = np.maximum(in_x, in_y)
    np.fill_diagonal(joint, len(sequence))
    radius = np.sort(joint, axis=1)[:, k - 1 : k]
    return sum(table[(side < radius).sum(axis=1) - 1].sum() for side in (in_x, in_y))


@pytest.mark.parametrize("n", [PLACES - 1, LANES - 1, LANES, 3 * LANES + 5])
@pytest.mark.parametrize("k", [1, 2, HELD, HELD + 1, 2 * HELD + 1, 20])
def test_sums_are_those_of_the_twin(n, k):
    k = min(k, n - 1)
    rng = np.random.default_rng(0)
    table = rng.normal(size=n)
    sequences = np.stack(
        [np.arange(n), np.arange(n)[::-1], np.roll(np.arange(n), n // 3)]
        + [rng.permutation(n) for _ in range(4)]
    )
    sums = np.full(len(sequences), np.nan)
    rank_excess(0, 3, sequences, k, table, sums)
    rank_excess(3, len(sequences), sequences, k, table, sums)
    np.testing.assert_allclose(sums, [naive(one, k, table) for one in sequences], rtol=1e-12)


def test_others_within_a_radius_end_at_the_ends():
    for n, rank, radius in ((7, 0, 3), (7, 3, 2), (7, 6, 7), (7, 2, 1)):
        near = [other for other in range(n) if other != rank and abs(other - rank) < radius]
        assert others(rank, radius, n) == len(near)
