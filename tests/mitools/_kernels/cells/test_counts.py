"""Counting nested cells against slow twins."""

import numpy as np
import pytest
from scipy.special import digamma

from mitools._kernels.cells import counts as kernels
from mitools._kernels.cells.lsh import place_codes
from tests.mitools._kernels.cells.naive_edge import nested_information, path


def joined(x, y, bits, interleaved):
    """Joint codes of single codes, shape (n,)."""
    first, second = np.empty((2, len(x)), np.uint64)
    place_codes(x.astype(np.uint32), first, interleaved, 1 if interleaved else bits)
    place_codes(y.astype(np.uint32), second, interleaved, 0)
    return first | second


def in_order(codes, bits):
    return kernels.sort_codes(codes, np.empty_like(codes), bits)


PSI = digamma(np.maximum(np.arange(100.0), 1))


@pytest.mark.parametrize("k", [2, 3, 10])
@pytest.mark.parametrize("distinct", [3, 64])
@pytest.mark.parametrize("compressed", [True, False])
def test_nested_information_is_its_naive_twin(k, distinct, compressed):
    rng = np.random.default_rng(k)
    steps = 6
    x = rng.integers(distinct, size=60)
    y = (x + rng.integers(3, size=60)) % 64
    codes = in_order(joined(x, y, steps, True), 12)
    counts = np.empty(0, np.int64)  # stands for one each
    terms = [kernels.terms_of(kernels.heap_counts(c, counts, steps, 64), PSI) for c in (x, y)]
    if compressed:
        codes, counts = kernels.compress(codes)
    got = kernels.nested_information(
        codes, counts, steps, True, *terms, steps, PSI, np.array([k, k + 1])
    )
    paths = [[path(code, steps) for code in side] for side in (x, y)]
    expected = [nested_information(*paths, each) for each in (k, k + 1)]
    np.testing.assert_allclose(got, expected, atol=1e-12)


def test_joint_codes_can_be_taken_apart():
    rng = np.random.default_rng(0)
    x, y = rng.integers(2**31, size=(2, 1000))
    for interleave in (True, False):
        joint = joined(x, y, 31, interleave)
        np.testing.assert_array_equal(kernels.split_codes(joint, 31, interleave), [x, y])


@pytest.mark.parametrize("bits", [1, 11, 12, 32, 40, 62])
@pytest.mark.parametrize("n", [1, 30, 3000])
@pytest.mark.parametrize("spread", [1.0, 0.01])
def test_codes_are_sorted(bits, n, spread):
    # Few distinct leading digits make insertion costly, which may change the way but no result.
    rng = np.random.default_rng(bits)
    codes = rng.integers(max(2, int(2**bits * spread)), size=n).astype(np.uint64)
    for kind in (np.uint32, np.uint64) if bits <= 32 else (np.uint64,):
        got = in_order(codes.astype(kind), bits)
        np.testing.assert_array_equal(got, np.sort(codes))


def test_heaps_add_up():
    counts = np.arange(16)
    heap = kernels.heap_of(counts, 4)
    np.testing.assert_array_equal(heap[16:], counts)
    np.testing.assert_array_equal(heap[4:8], counts.reshape(-1, 4).sum(1))
    assert heap[1] == counts.sum()
