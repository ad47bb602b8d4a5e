"""Which layers follow from which, and through which of their inputs."""

from itertools import pairwise

import torch

from robustsplit.network.layers import Network
from robustsplit.network.trace import trace
from tests.robustsplit.odd_networks import ClassToken, Conditioned, Random

ROWS = torch.rand(3, 4)


def test_a_token_that_was_put_in_front_does_not_follow():
    """The graph alone says yes: the token is cut out of a tensor that `embed` is part of."""
    images = torch.rand(2, 3, 2, 2)
    for read, follows in ((0, False), (1, True), (-1, True)):
        network = Network(trace(ClassToken(read), images))
        assert [x.name for x in network.main] == ["embed", "next", "out"]
        assert network.connected(*network.main[:2]) is follows


def test_it_is_so_with_units_that_are_off_and_without_derivatives():
    class Rounded(ClassToken):
        def forward(self, x):
            t = self.embed(x.flatten(2).transpose(1, 2)).round()
            return self.out(self.next(t[:, self.read]))

    network = Network(trace(Rounded(0), 9 * torch.rand(2, 3, 2, 2)))
    assert network.connected(*network.main[:2])  # the derivative of a step is 0 everywhere


def test_which_input_of_the_next_layer_follows():
    for keywords in (False, True):
        network = Network(trace(Conditioned(keywords), ROWS))
        assert [x.name for x in network.main] == ["first", "h", "film", "out"]
        assert network.received(*network.main[1:3]) == 1
        assert network.received(network.main[0], network.main[2]) == 1


def test_networks_drawn_at_random_against_noise_by_hand():
    """Noise is added to a layer's output; where does it arrive at the next one?"""
    kinds = set()
    for seed in range(15):
        model, x = Random(seed).eval(), torch.randn(6, 4)
        network = Network(trace(model, x), shortcuts="include")
        for parent, child in pairwise(network.main):
            seen = []
            with (
                torch.no_grad(),
                child.module.register_forward_pre_hook(
                    lambda m, args, seen=seen: seen.append(args[0].clone())
                ),
            ):
                model(x)
                with parent.module.register_forward_hook(
                    lambda m, args, output: output + torch.randn_like(output)
                ):
                    model(x)
            moved = not torch.equal(*seen)
            _, _, number = child.name.partition(".")
            if number and model.plan[int(number)][0] == "mask":
                continue  # autograd does not follow it
            assert network.connected(parent, child) is moved, (seed, child.name)
            kinds.add(moved)
    assert kinds == {True, False}
