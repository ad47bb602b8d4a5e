"""Networks that are cut and trained in several test files."""

from functools import cache

import torch
import torchvision
from torch import nn
from torch.nn import functional as F

ROWS = torch.randn(8, 4)


@cache
def network(name, **settings):
    return torchvision.models.get_model(name, weights=None, **settings)


def net():
    """Four weight layers, with batch norm and dropout in the first half."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(4, 6),
        nn.BatchNorm1d(6),
        nn.ReLU(inplace=True),
        nn.Dropout(0.5),
        nn.Linear(6, 5),
        nn.BatchNorm1d(5),
        nn.ReLU(),
        nn.Linear(5, 5),
        nn.BatchNorm1d(5),
        nn.Linear(5, 3),
    )


class Skip(nn.Module):
    """h = stem(x); head(h + two(relu(one(h))))."""

    def __init__(self):
        super().__init__()
        self.stem, self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        h = torch.tanh(self.stem(x))
        return self.head(h + self.two(torch.relu(self.one(h))))


def train(model, parameters, steps=3, rows=ROWS):
    optimizer = torch.optim.SGD(parameters, lr=0.1, momentum=0.9, weight_decay=0.1)
    model.train()
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(model(rows), torch.arange(len(rows)) % 2).backward()
        optimizer.step()


def state(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def changed(before, model):
    return {name for name, t in model.state_dict().items() if not torch.equal(t, before[name])}
