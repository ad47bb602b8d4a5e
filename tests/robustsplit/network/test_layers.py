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

from robustsplit.network import Layer, Split, collect, list_layers, weight_layers
from robustsplit.network.layers import Network
from robustsplit.network.trace import trace
from tests.robustsplit.odd_networks import (
    ClassToken,
    Conditioned,
    Coordinates,
    Detached,
    Functional,
    LowRank,
    Residual,
    Unrolled,
    WideAndDeep,
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


class TestLayersThatAreEasilyMissed:
    def test_low_rank_adapters_are_listed_beside_their_base(self):
        model = nn.Sequential(LowRank(4, 6), nn.ReLU(), LowRank(6, 6), nn.ReLU(), nn.Linear(6, 2))
        found = weight_layers(model, ROWS)
        assert [x.name for x in found] == ["0.base", "0.A", "0.B", "2.base", "2.A", "2.B", "4"]
        assert [x.name for x in found if not x.connected] == ["0.A", "2.A"]

    def test_a_bend_in_the_other_branch_makes_it_a_residual_block(self):
        """Negative control: with a ReLU between A and B, the base is a block's projection."""

        class Bent(LowRank):
            def forward(self, x):
                return self.base(x) + self.B(torch.relu(self.A(x)))

        model = nn.Sequential(LowRank(4, 6), nn.ReLU(), Bent(6, 6), nn.ReLU(), nn.Linear(6, 2))
        assert "2.base" not in names(model)
        assert "2.base" in names(model, shortcuts="include")

    @pytest.mark.parametrize("trunk", [False, True])
    def test_wide_and_deep(self, trunk):
        expected = ["trunk"] * trunk + ["wide", "deep.0", "deep.2"]
        assert names(WideAndDeep(trunk)) == expected

    @pytest.mark.parametrize("stem", [False, True])
    def test_every_step_of_an_unrolled_recurrence(self, stem):
        said = r"Some passes .* \(a first state of zeros, .*: 'h2h'"
        with pytest.warns(UserWarning, match=said):
            found = names(Unrolled(stem), torch.rand(2, 3, 3))
        steps = ["i2h", "i2h:2", "h2h:2", "i2h:3", "h2h:3", "out"]
        assert found == ["stem.0"] * stem + steps

    def test_weights_of_functions_beside_modules_are_named(self):
        with pytest.warns(UserWarning, match=r"Functional multiplies by 1 .*: 'kernel'\. Make"):
            assert names(Functional(), torch.rand(2, 3, 8, 8)) == ["c", "fc"]

    def test_a_network_of_functions_alone(self):
        class Bare(nn.Module):
            def __init__(self):
                super().__init__()
                self.one = nn.Parameter(torch.randn(4, 5))
                self.two = nn.Linear(5, 2)

            def forward(self, x):
                return F.linear(torch.relu(x @ self.one), self.two.weight)

        with pytest.warns(UserWarning, match=r"Bare multiplies by 2 .*: 'one', 'two\.weight'"):
            names(Bare())
        with pytest.raises(ValueError, match=r"Bare has 1 weight layer, and each side .* 'one'"):
            Split(Bare(), ROWS, last=1)

    def test_networks_on_fixed_coordinates_do_not_hide_what_uses_them(self):
        model = nn.Sequential(nn.Linear(4, 4), Coordinates(), nn.ReLU(), nn.Linear(4, 2))
        with pytest.warns(UserWarning, match=r"same for any input .*'1\.bias\.0', '1\.bias\.2'"):
            found = weight_layers(model, ROWS)
        assert [(x.name, x.note) for x in found][1] == ("1", "uses mix")
        assert [x.name for x in found] == ["0", "1", "3"]
        assert list(collect(model, ROWS)) == ["0", "1", "3"]

    def test_attention_of_swin_v2(self):
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

    def test_layers_behind_a_detach_are_listed(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert names(Detached()) == ["a", "b", "c"]

    def test_the_same_example_twice_tells_nothing_of_what_varies(self):
        """All tokens are 0, so no other values are known to be valid."""
        model = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 4), nn.Linear(4, 2))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for tokens in (torch.zeros(2, 3, dtype=torch.long), torch.randint(5, (2, 3))):
                assert names(model, tokens) == ["1", "2"]

    @pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
    def test_quantised_layers(self):
        model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))
        model = torch.ao.quantization.quantize_dynamic(model, {nn.Linear})
        assert names(model) == ["0", "2"]
        assert collect(model, ROWS)["0"].shape == (3, 6)

    def test_weights_that_are_buffers(self):
        class Fixed(nn.Module):
            def __init__(self):
                super().__init__()
                self.register_buffer("weight", torch.randn(4, 4))

            def forward(self, x):
                return x @ self.weight

        assert names(nn.Sequential(Fixed(), nn.ReLU(), nn.Linear(4, 2))) == ["0", "2"]

    def test_no_layers_at_all_is_said(self):
        with pytest.warns(UserWarning, match="ReLU has no weight layers"):
            assert names(nn.ReLU()) == []

    def test_the_table_says_what_was_left_out(self):
        table = list_layers(Residual(), ROWS)
        assert repr(table).endswith('Left out: 1 on shortcuts of residual blocks: \'project\'. '
                                    'List them with shortcuts="include".')  # fmt: skip
        assert "Left out" not in repr(list_layers(Backwards(), ROWS))


class TestWhatFollowsFromWhat:
    def test_a_token_that_was_put_in_front_does_not_follow(self):
        """The graph alone says yes: the token is cut out of a tensor that `embed` is part of."""
        images = torch.rand(2, 3, 2, 2)
        for read, follows in ((0, False), (1, True), (-1, True)):
            network = Network(trace(ClassToken(read), images))
            assert [x.name for x in network.main] == ["embed", "next", "out"]
            assert network.connected(*network.main[:2]) is follows

    def test_it_is_so_with_units_that_are_off_and_without_derivatives(self):
        class Rounded(ClassToken):
            def forward(self, x):
                t = self.embed(x.flatten(2).transpose(1, 2)).round()
                return self.out(self.next(t[:, self.read]))

        network = Network(trace(Rounded(0), 9 * torch.rand(2, 3, 2, 2)))
        assert network.connected(*network.main[:2])  # the derivative of a step is 0 everywhere

    def test_which_input_of_the_next_layer_follows(self):
        for keywords in (False, True):
            network = Network(trace(Conditioned(keywords), ROWS))
            assert [x.name for x in network.main] == ["first", "h", "film", "out"]
            assert network.received(*network.main[1:3]) == 1
            assert network.received(network.main[0], network.main[2]) == 1
