"""A network whose layers are two given arrays, and its profile."""

import numpy as np
import torch
from torch import Tensor, nn

from mitools import KSG
from robustsplit.analysis import connectivity
from robustsplit.data import ImageData

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
