"""The data and the two networks that Algorithm 1 starts from."""

import copy

import pytest
from torch import nn

from robustsplit.data import DataSplits
from robustsplit.training import Recipe, fit
from tests.robustsplit.blobs import ATTACK, network, part


@pytest.fixture(scope="module")
def blobs() -> DataSplits:
    return DataSplits(part(128, 1), part(60, 2), part(60, 3))


@pytest.fixture(scope="module")
def nets(blobs: DataSplits) -> tuple[nn.Module, nn.Module]:
    regular = network()
    fit(regular, blobs.train, recipe=Recipe(epochs=3, batch_size=32, lr=0.05))
    robust = copy.deepcopy(regular)
    fit(robust, blobs.train, recipe=Recipe(epochs=3, batch_size=32, lr=0.05), attack=ATTACK)
    return regular, robust
