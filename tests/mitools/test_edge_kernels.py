"""EDGE's kernels against slow twins, compiled and not."""

import os
import subprocess
import sys

import numpy as np
import pytest
from scipy.special import digamma

from mitools import EDGE
from mitools._kernels.cells import counts as kernels
from mitools._kernels.cells.lsh import cell_codes, margin_quantiles, place_codes
from mitools._kernels.cells.pairings import drawn_codes, shuffled_orders
from mitools.engines.cells import pair
from mitools.engines.cells.pair import Block
from mitools.engines.cells.sides import Grid, Side
from tests.mitools.naive_edge import nested_information, path


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


@pytest.mark.parametrize("swapped", [False, True])
def test_labels_beside_cells_are_the_naive_twin(swapped):
    rng = np.random.default_rng(0)
    labels = rng.integers(4, size=60)
    y = (rng.random(60) + labels) / 5
    sides = Side.discrete_or_none(labels[:, None].astype(float)), Side.fit(y[:, None])
    rows = labels[:, None].astype(float), y[:, None]
    grids = (Grid(0.8, np.array([0.1]), np.array([0]), 5),)
    if swapped:
        sides, rows = sides[::-1], rows[::-1]
    block = Block(*sides, grids)
    ks = np.array(EDGE().occupancies)
    got = block.counted(*rows, ks).raw[0]
    np.testing.assert_array_equal(block.recount(block.count(*rows), 60, ks).raw[0], got)
    side = sides[swapped ^ 1]
    y_codes = np.floor((0.8 * side.coordinates(y[:, None])[:, 0] + 0.1) * 32).astype(np.uint64)
    # A label is a path whose every step is the label itself: it is in force at depth 0 as well.
    members = [np.flatnonzero(labels == label) for label in range(4)]
    assert min(len(m) for m in members) >= 10
    for value, k in zip(got, ks, strict=True):
        total = 0.0
        for i in range(60):
            for level in range(5, -1, -1):
                same = (y_codes >> np.uint64(5 - level)) == (y_codes[i] >> np.uint64(5 - level))
                joint = (same & (labels == labels[i])).sum()
                if joint >= k:
                    alone = (labels == labels[i]).sum()
                    total += digamma(joint) - digamma(alone) - digamma(same.sum()) + digamma(60)
                    break
        assert value == pytest.approx(total / 60, abs=1e-12)


@pytest.mark.parametrize("knots", [1, 2, 7, 200])
def test_quantiles_are_mid_ranks(knots):
    rng = np.random.default_rng(knots)
    values = rng.integers(12, size=knots).astype(float)
    got = margin_quantiles(values, np.sort(values))
    expected = [((values < v).sum() + (values <= v).sum()) / (2 * knots) for v in values]
    np.testing.assert_allclose(got, expected, atol=1e-12)


@pytest.mark.parametrize("knots", [2, 7, 200])
def test_quantiles_hardly_move_with_rounding(knots):
    """At a knot, the last ones included, a value is a rank on either side, not a jump."""
    knots = np.sort(np.random.default_rng(knots).normal(size=knots))
    at = margin_quantiles(knots, knots)
    for toward in (-np.inf, np.inf):
        moved = margin_quantiles(np.nextafter(knots, toward), knots)
        np.testing.assert_allclose(moved, at, rtol=0, atol=1e-10)
    far = margin_quantiles(np.array([knots[0] - 1e3, knots[-1] + 1e3]), knots)
    np.testing.assert_allclose(far * len(knots), [0.25, len(knots) - 0.25])


def test_quantiles_between_and_beyond_knots_never_decrease():
    knots = np.sort(np.random.default_rng(0).standard_cauchy(300))
    got = margin_quantiles(np.linspace(-400, 400, 5000), knots)
    assert (np.diff(got) >= 0).all()
    assert 0 < got[0] < got[-1] < 1


def test_codes_halve_one_coordinate_per_step():
    quantiles = np.array([[0.6, 0.3]])  # 0.6 = 0.1001..., 0.3 = 0.0100... in binary
    codes = cell_codes(quantiles, 1.0, np.zeros(2), np.array([1, 0]), 5, np.empty(1, np.uint32))
    assert path(codes[0], 5) == (0, 1, 1, 0, 0)


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


def test_permuted_pairings_are_separate_estimates():
    rng = np.random.default_rng(0)
    x, y = rng.random((2, 200, 1))
    grids = tuple(Grid(s, np.array([0.05]), np.array([0]), 6) for s in (0.6, 0.9))
    block = Block(Side.fit(x), Side.fit(y), grids)
    ks = np.array([3, 10])
    orders = np.array([rng.permutation(200) for _ in range(4)])
    got = block.repaired(block.place(x, y), orders, ks)
    expected = [block.counted(x, y[order], ks).raw.mean(axis=0) for order in orders]
    np.testing.assert_allclose(got, expected, atol=1e-12)


def test_heaps_add_up():
    counts = np.arange(16)
    heap = kernels.heap_of(counts, 4)
    np.testing.assert_array_equal(heap[16:], counts)
    np.testing.assert_array_equal(heap[4:8], counts.reshape(-1, 4).sum(1))
    assert heap[1] == counts.sum()


@pytest.mark.parametrize("coarser", [0, 1, 3])
@pytest.mark.parametrize("drawn", [136, 17])
def test_codes_are_drawn_as_counted(coarser, drawn):
    margins = np.arange(17, dtype=np.int32)[None]
    codes, counts = drawn_codes(margins, 136, coarser, np.empty((1, drawn), np.uint32), False, 0)
    np.testing.assert_array_equal(counts[0], np.bincount(codes[0], minlength=len(counts[0])))
    every = np.repeat(np.arange(17), margins[0]) >> coarser
    assert set(codes[0]) <= set(every)
    if drawn == 136:
        np.testing.assert_array_equal(codes[0], every)


def test_orders_are_permutations_each_with_its_inverse():
    out = np.empty((6, 50), np.int64)
    state = shuffled_orders(np.arange(50), np.uint64(7), True, out)
    np.testing.assert_array_equal(np.sort(out, axis=1), np.tile(np.arange(50), (6, 1)))
    for order, inverse in zip(out[::2], out[1::2], strict=True):
        np.testing.assert_array_equal(order[inverse], np.arange(50))
    assert len(np.unique(out, axis=0)) == 6
    more = np.empty((1, 50), np.int64)
    shuffled_orders(out[4].copy(), np.uint64(state), False, more)
    assert (more[0] != out[4]).any()


@pytest.mark.parametrize("n", [300, 20_000])
def test_counting_member_by_member_changes_no_bit(n, monkeypatch):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, n))
    estimator = EDGE(members=4)
    whole = estimator.estimate(x, y)
    monkeypatch.setattr(pair, "TOGETHER", 0)
    assert estimator.estimate(x, y).value == whole.value


UNCOMPILED = """
import numpy as np
from mitools import EDGE
from mitools.engines.cells import correction
correction.PAIRINGS = 4
rng = np.random.default_rng(0)
x = rng.normal(size=(60, 2))
y = x + rng.normal(size=(60, 2))
labels = rng.integers(3, size=60)
wide = np.hstack([x, y])
pairs = [(x[:, 0], y[:, 0]), (x, y), (labels, y), (x, labels), (labels, labels), (wide, wide)]
for a, b in pairs:
    print(float(EDGE(members=2).estimate(a, b).value).hex())
"""


def test_kernels_are_the_same_without_the_compiler():
    found = []
    for disabled in ("0", "1"):
        environment = {**os.environ, "NUMBA_DISABLE_JIT": disabled}
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", UNCOMPILED],
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        found.append([float.fromhex(line) for line in done.stdout.split()])
    assert len(found[0]) == 6
    np.testing.assert_allclose(found[0], found[1], atol=1e-12)
