"""Which layers, in which order, connected how."""

import re
import warnings
from functools import cache
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

from robustsplit.network import Layer, list_layers, weight_layers
from robustsplit.network.layers import Network
from robustsplit.network.trace import trace
from tests.robustsplit.odd_networks import (
    Residual,
)

IMAGES = torch.rand(2, 3, 64, 64)

ROWS = torch.rand(3, 4)


@cache
def architecture(name):
    settings = {"init_weights": False} if name == "googlenet" else {}
    return torchvision.models.get_model(name, weights=None, **settings)


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


class Reused(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(4, 4)
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.inner(torch.relu(self.inner(x))))


class Dead(nn.Module):
    """`unused` is never called; `weight` of `borrowed` is used without calling it."""

    def __init__(self):
        super().__init__()
        self.unused = nn.Linear(4, 4)
        self.block = Borrowing()
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.block(x))


class Borrowing(nn.Module):
    def __init__(self):
        super().__init__()
        self.borrowed = nn.Linear(4, 4)

    def forward(self, x):
        return F.linear(x, self.borrowed.weight)


@pytest.mark.parametrize(
    ("name", "excluded", "included"),
    [("alexnet", 8, 8), ("vgg16", 16, 16), ("resnet18", 18, 21), ("resnet50", 50, 54)],
)
def test_counts_of_the_usual_networks(name, excluded, included):
    model = architecture(name)
    main = weight_layers(model, IMAGES)
    every = weight_layers(model, IMAGES, shortcuts="include")
    assert (len(main), len(every)) == (excluded, included)
    assert all(layer.connected for layer in main)
    assert [layer.position for layer in every] == list(range(included))
    shortcuts = [layer.name for layer in every if layer.shortcut]
    assert len(shortcuts) == included - excluded
    assert all("downsample.0" in name for name in shortcuts)
    assert sum(not layer.connected for layer in every) == included - excluded


@pytest.mark.parametrize("name", ["regnet_y_400mf", "googlenet", "swin_t"])
def test_other_architectures(name):
    model = architecture(name)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        main = weight_layers(model, IMAGES)
    broken = sum(not layer.connected for layer in main)
    if name == "regnet_y_400mf":  # its shortcuts run before the main branch
        assert (len(main), broken) == (82, 0)
    elif name == "googlenet":  # parallel branches stay, and are marked
        assert (len(main), broken) == (58, 27)
        assert "aux1.fc1" in str(caught[0].message)
    else:  # attention uses the weights of qkv and proj without calling them
        assert (len(main), broken) == (41, 0)
        assert not caught
        notes = {layer.name: layer.note for layer in main}
        assert notes["features.1.0.attn"] == "uses qkv, proj"


def test_attention_is_one_layer():
    encoder = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    assert names(encoder, torch.rand(3, 5, 8)) == ["self_attn", "linear1", "linear2"]


def test_order_is_that_of_the_run_not_of_registration():
    model = Backwards()
    assert names(model) == ["first", "second", "third"]
    registered = [n for n, m in model.named_modules() if isinstance(m, nn.Linear)]
    assert registered == ["third", "second", "first"]  # what a shortcut would have given


def test_reused_modules_have_one_entry_per_pass():
    layers = weight_layers(Reused(), ROWS)
    assert [layer.name for layer in layers] == ["inner", "inner:2", "head"]
    assert [layer.calls for layer in layers] == [2, 2, 1]
    assert layers[1].note == "pass 2 of 2"


def test_identity_skips_break_nothing():
    class Skip(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c = (nn.Linear(4, 4) for _ in range(3))

        def forward(self, x):
            x = self.a(x)
            return self.c(x + self.b(torch.relu(x)))

    layers = weight_layers(Skip(), ROWS)
    assert [layer.name for layer in layers] == ["a", "b", "c"]
    assert all(layer.connected for layer in layers)


def test_uncalled_modules_are_named_and_borrowed_weights_go_to_the_borrower():
    with pytest.warns(UserWarning, match=r"1 module\(s\) of Dead .* 'unused'"):
        layers = weight_layers(Dead(), ROWS)
    assert [(layer.name, layer.kind) for layer in layers] == [
        ("block", "Borrowing"),
        ("head", "Linear"),
    ]


def test_own_matrix_products_count_and_normalisations_do_not():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.matrix = nn.Parameter(torch.randn(4, 4))
            self.activation = nn.ReLU()

        def forward(self, x):
            return self.activation(x @ self.matrix)

    model = nn.Sequential(Own(), nn.LayerNorm((3, 4)), nn.PReLU(), nn.Linear(4, 2))
    assert names(model, torch.rand(2, 3, 4)) == ["0", "3"]


def test_parametrised_layers_count_once():
    model = nn.Sequential(
        nn.utils.parametrizations.spectral_norm(nn.Linear(4, 4)), nn.ReLU(), nn.Linear(4, 2)
    )
    assert names(model) == ["0", "2"]


def test_embeddings_on_request():
    model = nn.Sequential(nn.Embedding(10, 4), nn.Flatten(), nn.Linear(12, 2))
    tokens = torch.randint(10, (2, 3))
    assert names(model, tokens) == ["2"]
    assert names(model, tokens, embeddings=True) == ["0", "2"]


def test_selections():
    model = architecture("alexnet")

    def chosen(layers):
        return names(model, IMAGES, layers=layers)

    convolutions = ["features.0", "features.3", "features.6", "features.8", "features.10"]
    assert chosen("features.*") == convolutions
    assert chosen(slice(None, 5)) == convolutions
    assert chosen(-1) == ["classifier.6"]
    assert chosen(lambda layer: layer.kind == "Conv2d") == convolutions
    assert chosen(["classifier.1", "features.3"]) == ["features.3", "classifier.1"]
    assert chosen(weight_layers(model, IMAGES)[:2]) == ["features.0", "features.3"]
    assert chosen("features") == ["features"]  # a block, by its exact name


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ("features.99", r"No layer named 'features.99'. Did you mean 'features.\d"),
        ("clasifier", "Did you mean 'classifier'"),
        ("conv*", r"No layer named 'conv\*'"),
        (8, "8 weight layers. Positions count from 0"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(layers, message):
    with pytest.raises(ValueError, match=message):
        names(architecture("alexnet"), IMAGES, layers=layers)


def test_uncalled_names_are_refused():
    network = Network(trace(Dead(), ROWS))
    with pytest.raises(ValueError, match="'unused' of Dead is never called"):
        network.select(["unused"])
    with pytest.raises(ValueError, match="module around it that was called is 'block'"):
        network.select(["block.borrowed"])


def test_the_table_prints():
    table = list_layers(architecture("resnet18"), IMAGES, shortcuts="include")
    assert list(table.columns) == [
        "name", "kind", "calls", "input", "output", "dim", "parameters", "connected", "note",
    ]  # fmt: skip
    row = table.set_index("name").loc["layer2.0.downsample.0"]
    assert (row["input"], row["output"], row["dim"]) == ("64 x 16 x 16", "128 x 8 x 8", 8192)
    assert row["note"] == "on a residual shortcut; does not follow from layer2.0.conv2"
    assert "layer4.1.conv2" in str(table)
    assert "128 x 8 x 8" in str(table)


def test_shapes_are_those_of_one_sample():
    layer = weight_layers(nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten()), torch.rand(2, 3, 8, 8))
    assert layer == [Layer("0", "Conv2d", 0, 1, (3, 8, 8), (8, 6, 6), 3 * 8 * 9 + 8)]
    assert layer[0].dim == 288


def test_a_first_axis_that_is_not_the_batch_is_noted():
    class TimeFirst(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.head = nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, x):
            return self.head(self.inner(x.transpose(0, 1)).mean(0))

    layers = weight_layers(TimeFirst(), torch.rand(2, 5, 4))
    assert [layer.note for layer in layers] == ["first axis is not the batch", ""]


def test_the_page_on_networks_runs(capsys):
    page = Path(__file__).parents[3] / "docs" / "networks.md"
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.S)
    namespace: dict[str, object] = {"__name__": "networks"}
    for block in blocks:
        exec(compile(block, str(page), "exec"), namespace)
    printed = capsys.readouterr().out
    assert len(blocks) == 10
    assert "8 x 8 x 8" in printed
    assert "last 2 weight layers" in printed


def test_the_table_says_what_was_left_out():
    table = list_layers(Residual(), ROWS)
    assert repr(table).endswith('Left out: 1 on shortcuts of residual blocks: \'project\'. '
                                'List them with shortcuts="include".')  # fmt: skip
    assert "Left out" not in repr(list_layers(Backwards(), ROWS))
