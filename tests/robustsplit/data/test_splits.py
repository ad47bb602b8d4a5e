"""Parts drawn from one data set."""

from __future__ import annotations

import pytest
import torch

from robustsplit.data import (
    ImageData,
    split,
)


def toy(n: int = 20, classes: int = 2, seed: int = 0) -> ImageData:
    inputs = torch.rand(n, 1, 4, 4, generator=torch.Generator().manual_seed(seed))
    return ImageData(inputs, torch.arange(n) % classes)


def test_split_is_stratified_and_complains_about_single_inputs():
    parts = split(toy(40), validation=8, test=0.5)
    assert [len(p) for p in (parts.train, parts.validation, parts.test)] == [12, 8, 20]
    assert parts.validation.counts == {"0": 4, "1": 4}
    lonely = ImageData(torch.rand(5, 2), torch.tensor([0, 0, 0, 0, 1]))
    with pytest.raises(ValueError, match="single input"):
        split(lonely)
