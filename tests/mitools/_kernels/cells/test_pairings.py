"""Shuffles and draws of EDGE's cells, and its kernels without the compiler."""

import os
import subprocess
import sys

import numpy as np
import pytest

from mitools._kernels.cells.pairings import drawn_codes, shuffled_orders


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
