"""What training keeps between epochs: copies, and an optimizer that comes back whole."""

import pytest
import torch
from torch import nn

from robustsplit.training import MemoryStore, Recipe, build_optimizer
from robustsplit.training.store import pack_optimizer, unpack_optimizer


def test_what_is_kept_does_not_follow_what_it_was_made_of():
    store, weight = MemoryStore(), torch.zeros(2)
    record = {"epochs": [1]}
    store.save("a", {"w": weight}, record)
    weight += 1
    record["epochs"].append(2)
    first = store.load("a")
    assert first["tensors"]["w"].tolist() == [0, 0] and first["record"] == {"epochs": [1]}
    first["tensors"]["w"] += 1
    assert store.load("a")["tensors"]["w"].tolist() == [0, 0]
    assert store.load("b") is None


def test_records_are_what_json_can_hold():
    store = MemoryStore()
    store.save("a", {}, {"pair": (1, 2)})
    assert store.load("a")["record"] == {"pair": [1, 2]}  # as a file would give it back
    with pytest.raises(TypeError):
        store.save("b", {}, {"tensor": torch.zeros(1)})


def step(model, optimizer):
    optimizer.zero_grad()
    model(torch.ones(4, 3)).square().sum().backward()
    optimizer.step()


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_an_optimizer_goes_on_where_it_was(name):
    torch.manual_seed(0)
    one, two = nn.Linear(3, 2), nn.Linear(3, 2)
    recipe = Recipe(optimizer=name, lr=0.01)
    before = build_optimizer(one.parameters(), recipe)
    for _ in range(3):
        step(one, before)
    two.load_state_dict(one.state_dict())
    after = build_optimizer(two.parameters(), recipe)
    store = MemoryStore()
    store.save("a", {**pack_optimizer(before), "model.weight": torch.zeros(1)}, {})
    assert {key.split(".")[0] for key in store.load("a")["tensors"]} == {"optimizer", "model"}
    unpack_optimizer(after, store.load("a")["tensors"])
    step(one, before)
    step(two, after)
    assert torch.equal(one.weight, two.weight)
    forgetful = nn.Linear(3, 2)
    forgetful.load_state_dict(two.state_dict())
    step(two, after)
    step(forgetful, build_optimizer(forgetful.parameters(), recipe))
    assert not torch.equal(two.weight, forgetful.weight)  # the state matters
