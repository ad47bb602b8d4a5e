"""Which inputs are measured on."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from robustsplit.analysis import connectivity
from robustsplit.data import ImageData
from robustsplit.zoo import small_cnn
from tests.robustsplit.analysis.designed import QUICK


def images(n: int = 400, classes: int = 4) -> ImageData:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.rand(n, 1, 8, 8, generator=generator)
    return ImageData(inputs, torch.arange(n) % classes)


def test_small_classes_are_named_or_dropped():
    labels = torch.cat([torch.zeros(50), torch.ones(50), torch.full((2,), 2)]).long()
    data = ImageData(torch.rand(102, 1, 8, 8), labels, ("a", "b", "rare"))
    model = small_cnn(classes=3, width=4)
    with pytest.raises(ValueError, match=r"at least \d+ inputs in each class.*'rare' \(2\)"):
        connectivity(model, data, ["fc1", "fc2"], **QUICK)
    found = connectivity(model, data, ["fc1", "fc2"], small_classes="drop", **QUICK)
    assert found.pairs[0].n_samples == 100 and "were dropped: 'rare' (2)" in str(found.settings)


def test_at_most_so_many_per_class_and_one_layer_is_too_few():
    model = small_cnn(classes=4, width=4)
    found = connectivity(model, images(), ["fc1", "fc2"], max_per_class=40, **QUICK)
    assert found.settings["samples_per_label"] == {"0": 40, "1": 40, "2": 40, "3": 40}
    with pytest.raises(ValueError, match="two layers"):
        connectivity(model, images(), ["fc2"], **QUICK)
    with pytest.raises(ValueError, match="fc1"):
        connectivity(model, images(), ["fc9", "fc2"], **QUICK)


def test_one_class_is_noted():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2))
    data = (torch.rand(40, 4), torch.zeros(40, dtype=torch.long))
    profile = connectivity(model, data, cross_check=None, n_permutations=5, released=False)
    assert any("of one class" in note for note in profile.settings["notes"])
