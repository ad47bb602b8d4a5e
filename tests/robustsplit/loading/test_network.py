"""A network made ready: built, normalised, its weights loaded, all of it told."""

import pytest
import torch
from torch import nn

from robustsplit import NormalizedModel
from robustsplit.loading import build_model, load_network, normalized


def test_a_network_made_ready(user):
    address = f"{user}/nets.py:tiny"
    model, notes = load_network(address, {"classes": 4}, mean="half")
    assert isinstance(model, NormalizedModel) and not model.training
    assert notes == ["No weights were given: the network is untrained."]
    model, notes = load_network(address, weights=user / "wrapped.pt")
    assert isinstance(model, nn.Sequential) and not notes
    right = torch.load(user / "w.pt", weights_only=True)
    assert all(torch.equal(model.state_dict()[name], value) for name, value in right.items())
    same, _ = load_network(address, weights=user / "w.pt", mean=0.5, std=0.25)
    x = torch.rand(3, 1, 8, 8)
    assert torch.equal(same(x), model((x - 0.5) / 0.25))


@pytest.mark.parametrize("nothing", ["", ()])
def test_without_a_mean_the_model_is_itself(user, nothing):
    model = build_model(f"{user}/nets.py:tiny")
    assert normalized(model, nothing, nothing) is model


@pytest.mark.parametrize("nothing", ["", ()])
def test_half_a_normalisation_is_refused(user, nothing):
    model = build_model(f"{user}/nets.py:tiny")
    with pytest.raises(ValueError, match="`std` is given without `mean`"):
        normalized(model, nothing, [0.5])
    with pytest.raises(ValueError, match="`mean` is given without `std`"):
        normalized(model, [0.5], nothing)


@pytest.mark.parametrize("option", [{"key": "ema"}, {"prefix": ""}])
def test_a_place_in_no_file_is_refused(user, option):
    with pytest.raises(ValueError, match="say where in a file the weights are"):
        load_network(f"{user}/nets.py:tiny", **option)
