"""What further passes tell of a layer: whether the data reach it, whether it follows."""

import warnings

import pytest
import torch
import torchvision
from torch import nn

from robustsplit.network import collect, weight_layers
from tests.robustsplit.odd_networks import Coordinates, Detached, Unrolled

ROWS = torch.rand(3, 4)


def names(model, example=ROWS, **settings):
    return [layer.name for layer in weight_layers(model, example, **settings)]


@pytest.mark.parametrize("stem", [False, True])
def test_every_step_of_an_unrolled_recurrence(stem):
    with pytest.warns(UserWarning, match=r"Some passes .* \(a first state .*: 'h2h'"):
        found = names(Unrolled(stem), torch.rand(2, 3, 3))
    steps = ["i2h", "i2h:2", "h2h:2", "i2h:3", "h2h:3", "out"]
    assert found == ["stem.0"] * stem + steps


def test_networks_on_fixed_coordinates_do_not_hide_what_uses_them():
    model = nn.Sequential(nn.Linear(4, 4), Coordinates(), nn.ReLU(), nn.Linear(4, 2))
    with pytest.warns(UserWarning, match=r"same for any input .*'1\.bias\.0', '1\.bias\.2'"):
        found = weight_layers(model, ROWS)
    assert [(x.name, x.note) for x in found][1] == ("1", "uses mix")
    assert [x.name for x in found] == ["0", "1", "3"]
    assert list(collect(model, ROWS)) == ["0", "1", "3"]


def test_attention_of_swin_v2():
    model = torchvision.models.SwinTransformer(
        [4, 4], 8, [2, 2], [2, 4], [4, 4], num_classes=3,
        block=torchvision.models.swin_transformer.SwinTransformerBlockV2,
        downsample_layer=torchvision.models.swin_transformer.PatchMergingV2,
    )  # fmt: skip
    with pytest.warns(UserWarning, match="same for any input of the model"):
        found = names(model, torch.rand(2, 3, 32, 32))
    assert [name for name in found if name.endswith("attn")] == [
        f"features.{stage}.{block}.attn" for stage in (1, 3) for block in (0, 1)
    ]
    assert not any("cpb_mlp" in name for name in found)


def test_layers_behind_a_detach_are_listed():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert names(Detached()) == ["a", "b", "c"]


def test_the_same_example_twice_tells_nothing_of_what_varies():
    """All tokens are 0, so no other values are known to be valid."""
    model = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 4), nn.Linear(4, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for tokens in (torch.zeros(2, 3, dtype=torch.long), torch.randint(5, (2, 3))):
            assert names(model, tokens) == ["1", "2"]
