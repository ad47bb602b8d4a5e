"""Networks whose weights tests save and load, and what compares them."""

import collections

import torch
from torch import nn


class Net(nn.Module):
    """A convolution, batch normalisation, a block, a head."""

    def __init__(self, classes=3):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.features = nn.Sequential(nn.Conv2d(4, 5, 3), nn.ReLU(), nn.Conv2d(5, 6, 1))
        self.fc = nn.Linear(6, classes)

    def forward(self, x):
        return self.fc(self.features(self.norm(self.conv1(x)).relu()).mean((2, 3)))


class Tied(nn.Module):
    """An encoder whose weight is the decoder's, as in language models."""

    def __init__(self):
        super().__init__()
        self.a = nn.Linear(5, 5)
        self.b = nn.Linear(5, 5, bias=False)
        self.c = nn.Linear(5, 5, bias=False)
        self.b.weight = self.c.weight = self.a.weight

    def forward(self, x):
        return self.c(self.b(self.a(x)))


def build(kind=Net, seed=0, norm=None):
    """Return a network in eval mode, with counters that are not 0."""
    torch.manual_seed(seed)
    model = kind()
    if norm is not None:
        norm(model.conv1), norm(model.features[0]), norm(model.fc)
    for name, buffer in model.named_buffers():
        if "running" in name:
            buffer.uniform_(0.5, 1.5)
        elif "num_batches" in name:
            buffer.fill_(7)
    return model.eval()


def put(state, prefix):
    return collections.OrderedDict((prefix + name, value) for name, value in state.items())


def assert_same(model, state):
    found = model.state_dict()
    assert list(found) == list(state)
    assert all(torch.equal(found[name], value) for name, value in state.items())
