import pytest
import torch
from torch import nn

from robustsplit.network import collect


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, padding=1)
        self.inner = nn.Conv2d(4, 4, 3, padding=1)
        self.outer = nn.Conv2d(4, 4, 3, padding=1)
        self.head = nn.Linear(4 * 36, 3)

    def forward(self, x):
        x = self.stem(x).relu()
        x = x + self.outer(self.inner(x).relu())
        return self.head(x.flatten(1))


INPUTS = torch.randn(5, 1, 6, 6, generator=torch.Generator().manual_seed(0))


def test_what_a_skip_connection_passes_by_is_no_function_of_the_layer_before():
    found = collect(Residual(), INPUTS)
    assert found.functions == {"inner": True, "outer": False, "head": True}
    plain = nn.Sequential(nn.Flatten(), nn.Linear(36, 8), nn.ReLU(inplace=True), nn.Linear(8, 3))
    assert collect(plain, INPUTS).functions == {"3": True}


def test_units_are_those_of_the_activation_before_any_reduction():
    found = collect(Residual(), INPUTS, reduce="gap", point="pre")
    assert found["stem"].shape == (5, 4)
    assert found.units("stem").tolist() == [unit for unit in range(4) for _ in range(36)]
    assert found.units("head").tolist() == [0, 1, 2]
    with pytest.raises(KeyError, match="Did you mean 'stem'"):
        found.units("stam")
