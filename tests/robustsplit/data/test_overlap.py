"""Inputs that stand in two parts."""

from __future__ import annotations

import warnings

import pytest
import torch

from robustsplit.data import (
    DataSplits,
    ImageData,
)


def toy(n: int = 20, classes: int = 2, seed: int = 0) -> ImageData:
    inputs = torch.rand(n, 1, 4, 4, generator=torch.Generator().manual_seed(seed))
    return ImageData(inputs, torch.arange(n) % classes)


def joined(one: ImageData, other: ImageData) -> ImageData:
    return ImageData(torch.cat([one.inputs, other.inputs]), torch.cat([one.labels, other.labels]))


def test_copies_are_no_parts_and_shared_inputs_are_told():
    train, validation, test = toy(60, seed=1), toy(40, seed=2), toy(40, seed=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        DataSplits(train, validation, test)
    with pytest.raises(ValueError, match="40 of the 40 different inputs of the validation part"):
        DataSplits(train, validation, validation)
    with pytest.raises(ValueError, match="30 of the 40 different inputs of the test part"):
        DataSplits(train, validation, joined(train.take(torch.arange(30)), toy(10, seed=4)))
    leaking = joined(test, train.take(torch.arange(3)))
    with pytest.warns(UserWarning, match="3 of the 43 different inputs of the test part"):
        DataSplits(train, validation, leaking)
