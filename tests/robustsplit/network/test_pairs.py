"""Which layers depend on which, against derivatives."""

import pytest
import torch

from robustsplit.network import weight_layers
from robustsplit.network.layers import Network
from robustsplit.network.trace import trace
from tests.robustsplit.odd_networks import Residual

ROWS = torch.rand(3, 4)


def names(model, example=ROWS, **settings):
    return [layer.name for layer in weight_layers(model, example, **settings)]


@pytest.mark.parametrize("shortcut_first", [False, True])
def test_shortcuts_are_found_by_dependence_wherever_they_run(shortcut_first):
    model = Residual(shortcut_first)
    assert names(model) == ["stem", "one", "two", "head"]
    every = weight_layers(model, ROWS, shortcuts="include")
    assert [layer.name for layer in every if layer.shortcut] == ["project"]
    assert not all(layer.connected for layer in every)


def test_concatenated_branches_are_not_shortcuts():
    layers = weight_layers(Residual(join="cat"), ROWS)
    assert [layer.name for layer in layers] == ["stem", "one", "two", "project", "head"]
    assert [layer.connected for layer in layers] == [True, True, True, False, True]
    assert layers[3].note == "does not follow from two"


def test_dependence_agrees_with_real_derivatives():
    """The graph says j+1 depends on j exactly where the derivative of its input is not zero."""
    model = Residual(join="cat").double()
    network = Network(trace(model, ROWS.double()), shortcuts="include")
    seen = {}
    with torch.enable_grad():
        handles = [
            c.module.register_forward_hook(lambda m, a, o, k=c.key: seen.update({k: (a[0], o)}))
            for c in network.main
        ]
        model(ROWS.double())
        for handle in handles:
            handle.remove()
    for one in network.main:
        for two in network.main:
            if one.start < two.start:
                (slope,) = (
                    torch.autograd.grad(
                        seen[two.key][0].sum(),
                        seen[one.key][1],
                        retain_graph=True,
                        allow_unused=True,
                    )
                    if seen[two.key][0].requires_grad
                    else (None,)
                )
                assert network.connected(one, two) == (slope is not None)
