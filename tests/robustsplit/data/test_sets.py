"""Known data sets."""

from __future__ import annotations

import pytest
import torch

from robustsplit.data import (
    cifar10,
    digits,
)


def test_digits_are_stratified_and_disjoint():
    data = digits(0)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [1000, 297, 500]
    assert data.test.inputs.shape[1:] == (1, 8, 8)
    assert data.test.inputs.dtype == torch.float32 and float(data.test.inputs.max()) == 1.0
    assert all(45 <= count <= 55 for count in data.test.counts.values())
    total = sum(p.inputs.double().sum() for p in (data.train, data.validation, data.test))
    from sklearn.datasets import load_digits

    assert float(total) == load_digits().data.sum() / 16  # every image once
    assert torch.equal(digits(0).test.inputs, data.test.inputs)
    assert not torch.equal(digits(1).test.inputs, data.test.inputs)


def test_missing_cifar_is_not_downloaded(tmp_path):
    pytest.importorskip("torchvision")
    with pytest.raises(FileNotFoundError, match="Nothing is downloaded"):
        cifar10(tmp_path)
