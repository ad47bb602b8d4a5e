"""Weights that are layers, and weights that no layer can be made of."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from robustsplit.network import Split, collect, weight_layers
from tests.robustsplit.odd_networks import Functional

ROWS = torch.rand(3, 4)


def names(model, example=ROWS, **settings):
    return [layer.name for layer in weight_layers(model, example, **settings)]


def test_weights_of_functions_beside_modules_are_named():
    with pytest.warns(UserWarning, match=r"Functional multiplies by 1 .*: 'kernel'\. Make"):
        assert names(Functional(), torch.rand(2, 3, 8, 8)) == ["c", "fc"]


def test_a_network_of_functions_alone():
    class Bare(nn.Module):
        def __init__(self):
            super().__init__()
            self.one = nn.Parameter(torch.randn(4, 5))
            self.two = nn.Linear(5, 2)

        def forward(self, x):
            return F.linear(torch.relu(x @ self.one), self.two.weight)

    with pytest.warns(UserWarning, match=r"Bare multiplies by 2 .*: 'one', 'two\.weight'"):
        names(Bare())
    with pytest.raises(ValueError, match=r"Bare has 1 weight layer, and each side .* 'one'"):
        Split(Bare(), ROWS, last=1)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_quantised_layers():
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))
    model = torch.ao.quantization.quantize_dynamic(model, {nn.Linear})
    assert names(model) == ["0", "2"]
    assert collect(model, ROWS)["0"].shape == (3, 6)


def test_weights_that_are_buffers():
    class Fixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("weight", torch.randn(4, 4))

        def forward(self, x):
            return x @ self.weight

    assert names(nn.Sequential(Fixed(), nn.ReLU(), nn.Linear(4, 2))) == ["0", "2"]


def test_no_layers_at_all_is_said():
    with pytest.warns(UserWarning, match="ReLU has no weight layers"):
        assert names(nn.ReLU()) == []
