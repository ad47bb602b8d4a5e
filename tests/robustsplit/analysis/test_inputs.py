"""Which inputs are measured on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mitools import KSG
from robustsplit.analysis import connectivity
from robustsplit.data import ImageData
from robustsplit.zoo import small_cnn

QUICK = {"released": False, "n_permutations": 30, "n_halves": 2, "cross_check": None}


class Designed(nn.Module):
    """Layers that show two chosen parts of the input: layer `first` and layer `second`."""

    def __init__(self, parent: Tensor, child: Tensor, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(width, parent.shape[1], bias=False)
        self.second = nn.Linear(width, child.shape[1], bias=False)
        self.last = nn.Linear(parent.shape[1] + child.shape[1], 2)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.last(torch.cat([self.first(inputs), self.second(inputs)], dim=1))


def profile(parent: np.ndarray, child: np.ndarray, labels: np.ndarray, **options):
    """Feed two arrays through a network whose layers are these arrays, scaled to [0, 1]."""
    both = np.concatenate([parent, child], axis=1).astype(np.float32)
    low, high = both.min(), both.max()
    inputs = torch.from_numpy((both - low) / max(high - low, 1e-9))
    model = Designed(torch.from_numpy(parent), torch.from_numpy(child), both.shape[1])
    with torch.no_grad():
        model.first.weight.zero_()[:, : parent.shape[1]].fill_diagonal_(1)
        model.second.weight.zero_()[:, parent.shape[1] :].fill_diagonal_(1)
    data = ImageData(inputs, torch.from_numpy(labels), ("no", "yes"))
    arguments = {"estimator": KSG(k=4), "point": "pre", **QUICK, **options}
    return connectivity(model, data, ["first", "second"], **arguments)["second"]


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
