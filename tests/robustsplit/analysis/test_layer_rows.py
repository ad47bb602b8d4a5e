"""Activations as rows: centred within classes, captured once, reduced once."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mitools import KSG, PCA, Reduced
from robustsplit.analysis import connectivity
from robustsplit.analysis.layer_rows import within_classes
from robustsplit.data import ImageData
from robustsplit.zoo import small_cnn

QUICK = {"released": False, "n_permutations": 30, "n_halves": 2, "cross_check": None}


def test_rounding_is_no_variation():
    labels = np.array([0, 0, 0, 1, 1, 1])
    rows = np.float32([[1, 5], [1 + 1e-7, 6], [1 - 1e-7, 7], [3, 5], [3, 6], [3, 9]])
    centred = within_classes(rows, labels)
    assert not centred[:, 0].any()
    assert np.allclose(centred[:3, 1], [-1, 0, 1]) and np.allclose(centred[3:].sum(axis=0), 0)


def images(n: int = 400, classes: int = 4) -> ImageData:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.rand(n, 1, 8, 8, generator=generator)
    return ImageData(inputs, torch.arange(n) % classes)


def test_the_reduction_is_fitted_once_per_layer(monkeypatch):
    calls = []
    original = PCA._reduce

    def counted(self, x):
        calls.append(x.shape)
        return original(self, x)

    monkeypatch.setattr(PCA, "_reduce", counted)
    options = {**QUICK, "estimator": Reduced(KSG(k=3), PCA(2))}
    connectivity(small_cnn(classes=4, width=4), images(), ["conv5", "fc1", "fc2"], **options)
    assert len(calls) == 3


def test_above_the_memory_budget_layers_are_sketched_and_it_says_so():
    found = connectivity(small_cnn(classes=4, width=4), images(), memory=1000, **QUICK)
    assert "of more than 1600 values was projected" in found.settings["notes"][0]
    assert found["conv2"].parent_dim == 4 * 64 and np.isnan(found["conv2"].released)
    assert all(p.rho > 0.1 for p in found.pairs)


def test_activations_that_are_not_finite_are_an_error():
    model = small_cnn(classes=4, width=4)
    with torch.no_grad():
        model.fc1.weight[0, 0] = float("nan")
    with pytest.raises(ValueError, match="Layer 'fc1' is NaN or infinite for 80 of 80"):
        connectivity(model, images(80), ["conv5", "fc1"], **QUICK)
