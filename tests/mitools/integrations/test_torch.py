"""Counting in torch gives the tables of the numba kernels, bit for bit."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mitools import EDGE, KSG
from mitools.integrations import torch as on_device
from mitools.streaming import ArrayChunks, stream_information

torch = pytest.importorskip("torch")

ROOT = Path(__file__).parents[3]
N = 3000
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 3))
Y = 0.8 * X + 0.6 * RNG.normal(size=(N, 3))
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def same(ours, theirs):
    assert ours.n_samples == theirs.n_samples
    for tables, others in zip(ours.tables, theirs.tables, strict=True):
        for (codes, counts), (other_codes, other_counts) in zip(tables, others, strict=True):
            np.testing.assert_array_equal(codes, other_codes)
            np.testing.assert_array_equal(counts, other_counts)
    assert ours.finalize() == theirs.finalize()


def rounded(values, digits=0):
    return np.round(values, digits).clip(-1, 1)


CASES = {
    "one column": (X[:, 0], Y[:, 0]),
    "columns": (X, Y[:, :2]),
    "ties": (X[:, :1].clip(0, None), np.round(Y[:, 0], 1)),
    "one value": (np.zeros(N), Y[:, 0]),
    "labels first": (rounded(X[:, 0]), Y[:, :2]),
    "labels second": (X[:, 0], rounded(Y[:, 0])),
    "labels of two columns": (rounded(X[:, :2]), Y[:, 0]),
    "labels twice": (rounded(X[:, 0]), rounded(Y[:, 0])),
}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("steps", [None, 14])
def test_tables_equal_those_of_numba(case, steps, device, monkeypatch):
    monkeypatch.setattr(on_device, "ROWS", 1100)
    x, y = CASES[case]
    empty = EDGE(members=3).fit_hash(x[:2500], y[:2500], steps=steps)
    tensors = (torch.from_numpy(side).to(device) for side in (x, y))
    same(on_device.update(empty, *tensors), empty.update(x, y))


def test_projections_are_rounded_differently_and_do_not_matter():
    x, y = (np.tile(side, 4) + RNG.normal(size=(N, 12)) for side in (X, Y))
    empty = EDGE(projection="canonical").fit_hash(x[:1000], y[:1000])
    ours = on_device.update(empty, torch.from_numpy(x), torch.from_numpy(y)).finalize()
    assert ours.value == pytest.approx(empty.update(x, y).finalize().value, abs=1e-12)
    assert ours.value > 0.2


def test_narrow_floats_are_widened_exactly():
    x, y = (torch.from_numpy(side).float() for side in (X, Y))
    empty = EDGE(members=3).fit_hash(x[:1000], y[:1000])
    same(on_device.update(empty, x, y), empty.update(x, y))


def test_the_estimate_equals_the_stream():
    x, y = torch.from_numpy(X).requires_grad_(), torch.from_numpy(Y)
    assert on_device.mutual_information(x, y) == stream_information(ArrayChunks(X, Y))


@pytest.mark.parametrize(
    ("x", "y", "options", "kind", "message"),
    [
        (X, Y, {}, TypeError, "`x` must be a tensor of real numbers, got ndarray"),
        (torch.zeros(9, dtype=torch.cfloat), torch.zeros(9), {}, TypeError, "got torch.complex64"),
        (torch.tensor(1.0), torch.zeros(9), {}, ValueError, r"`x` must hold samples.* got \(\)"),
        (torch.full((9,), np.nan), torch.zeros(9), {}, ValueError, "in 9 of 9 rows"),
        (torch.zeros(9), torch.zeros(8), {}, ValueError, "one row per sample, got 9 and 8"),
        (torch.zeros(9), torch.zeros(9), {"estimator": KSG()}, TypeError, "must be an EDGE"),
    ],
)
def test_what_cannot_be_counted_is_refused(x, y, options, kind, message):
    with pytest.raises(kind, match=message):
        on_device.mutual_information(x, y, **options)


def test_unseen_values_and_widths_are_refused():
    labels = torch.arange(100) % 3
    state = EDGE().fit_hash(labels, labels)
    with pytest.raises(ValueError, match="1 rows hold values that the sample"):
        on_device.update(state, labels + torch.eye(100)[0].long() * 7, labels)
    with pytest.raises(ValueError, match="`y` must have the 1 features"):
        on_device.update(state, labels, torch.zeros(100, 2))


def test_importing_the_integration_does_not_import_torch():
    code = "import sys, mitools.integrations.torch; assert 'torch' not in sys.modules"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
