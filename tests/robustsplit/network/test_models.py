"""Wrappers around models, and their names."""

import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from robustsplit.network import unwrap, weight_layers

ROWS = torch.rand(3, 4)


def names(model, example=ROWS, **settings):
    return [layer.name for layer in weight_layers(model, example, **settings)]


class Backwards(nn.Module):
    """Registers its layers in the opposite of the order in which they run."""

    def __init__(self):
        super().__init__()
        self.third = nn.Linear(5, 2)
        self.second = nn.Linear(6, 5)
        self.first = nn.Linear(4, 6)

    def forward(self, x):
        return self.third(F.relu(self.second(F.relu(self.first(x)))))


def test_scripted_models_are_refused():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripted = torch.jit.trace(nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2)), ROWS)
    with pytest.raises(TypeError, match="TorchScript module, which does not run hooks"):
        names(scripted)


@pytest.mark.parametrize(
    "wrap",
    [
        nn.DataParallel,
        lambda m: torch.compile(m, backend="eager"),
        lambda m: nn.DataParallel(torch.compile(m, backend="eager")),
    ],
)
def test_wrappers_are_taken_off(wrap):
    model = Backwards()
    assert unwrap(wrap(model)) is model
    assert names(wrap(model)) == ["first", "second", "third"]


def test_parts_compiled_on_their_own_have_plain_names():
    model = nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.ReLU(), nn.Linear(4, 2)))
    model[1] = torch.compile(model[1], backend="eager")
    model(ROWS)  # compiled before the hooks come
    assert names(model) == ["0", "1.1"]
