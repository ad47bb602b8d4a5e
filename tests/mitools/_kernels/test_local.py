"""Local permutations stay among neighbours, and use each once as far as possible."""

import numpy as np

from mitools._kernels.local import local_permutation


def test_local_permutation_stays_among_neighbours():
    rng = np.random.default_rng(7)
    neighbours = np.argsort(abs(np.arange(50)[:, None] - np.arange(50)), axis=1)[:, :6]
    neighbours = rng.permuted(neighbours, axis=1)
    chosen = local_permutation(neighbours, rng.permutation(50))
    assert (abs(chosen - np.arange(50)) <= 5).all()
    assert len(set(chosen)) > 45  # hardly any used twice
    assert (chosen != np.arange(50)).mean() > 0.6
    order = rng.permutation(50)
    np.testing.assert_array_equal(
        local_permutation(neighbours, order), local_permutation.py_func(neighbours, order)
    )
