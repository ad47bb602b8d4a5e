"""Which layers are projections on the shortcuts of residual blocks, and which only look so."""

import pytest
import torch
from torch import nn

from robustsplit.network import weight_layers
from tests.robustsplit.odd_networks import LowRank, WideAndDeep

ROWS = torch.rand(3, 4)


def names(model, example=ROWS, **settings):
    return [layer.name for layer in weight_layers(model, example, **settings)]


def test_low_rank_adapters_are_listed_beside_their_base():
    model = nn.Sequential(LowRank(4, 6), nn.ReLU(), LowRank(6, 6), nn.ReLU(), nn.Linear(6, 2))
    found = weight_layers(model, ROWS)
    assert [x.name for x in found] == ["0.base", "0.A", "0.B", "2.base", "2.A", "2.B", "4"]
    assert [x.name for x in found if not x.connected] == ["0.A", "2.A"]


def test_a_bend_in_the_other_branch_makes_it_a_residual_block():
    """Negative control: with a ReLU between A and B, the base is a block's projection."""

    class Bent(LowRank):
        def forward(self, x):
            return self.base(x) + self.B(torch.relu(self.A(x)))

    model = nn.Sequential(LowRank(4, 6), nn.ReLU(), Bent(6, 6), nn.ReLU(), nn.Linear(6, 2))
    assert "2.base" not in names(model)
    assert "2.base" in names(model, shortcuts="include")


@pytest.mark.parametrize("trunk", [False, True])
def test_wide_and_deep(trunk):
    expected = ["trunk"] * trunk + ["wide", "deep.0", "deep.2"]
    assert names(WideAndDeep(trunk)) == expected
