"""A user's own network: the factory that builds it."""

import sys

import torch

from robustsplit.loading import build_model, load_factory


def test_factories_are_seeded_and_leave_the_generator_alone(user):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, two, other = (build_model(f"{user}/nets.py:tiny", seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one[1].weight, two[1].weight)
    assert not torch.equal(one[1].weight, other[1].weight)
    path = list(sys.path)
    load_factory(f"{user}/nets.py:tiny")
    assert sys.path == path
