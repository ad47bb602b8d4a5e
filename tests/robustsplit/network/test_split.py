"""Cutting a network in two: who belongs where, what is frozen, and what the cut cannot promise."""

import copy

import pytest
import torch
from torch import nn
from torchvision.models import VisionTransformer

from robustsplit.network import Split, weight_layers
from tests.robustsplit.network.cut_networks import ROWS, Skip, changed, net, network, state, train

IMAGES = torch.rand(2, 3, 64, 64)


class TestPartition:
    def test_by_name_and_by_count(self):
        model = net()
        for split in (Split(model, ROWS, "7"), Split(model, ROWS, last=2)):
            assert (split.f_a, split.f_b, split.cut) == (("0", "4"), ("7", "9"), 2)
            assert split.name == "last 2 weight layers"
            assert repr(split) == (
                "Split(last 2 weight layers: f_a = 2 layers up to '4', f_b = 2 layers from '7')"
            )
        assert Split(model, ROWS, "9").name == "last 1 weight layer"

    def test_batch_norm_belongs_to_the_side_on_which_it_runs(self):
        split = Split(net(), ROWS, "7")
        assert {name.split(".")[0] for name in split.f_a_tensors} == {"0", "1", "4", "5"}
        assert {name.split(".")[0] for name in split.f_b_tensors} == {"7", "8", "9"}
        assert "5.running_mean" in split.f_a_tensors
        before_the_norm = Split(net(), ROWS, "5")  # any called module can be the cut
        assert "5.running_mean" in before_the_norm.f_b_tensors
        assert before_the_norm.f_b == ("7", "9")

    @pytest.mark.parametrize(
        ("architecture", "at"),
        [
            ("alexnet", "features.8"),
            ("resnet18", "layer3"),
            ("resnet18", "layer3.0.conv2"),
            ("resnet50", "layer2.1.conv1"),
            ("vit", "encoder.layers.encoder_layer_1"),
            ("swin_t", "features.3"),
        ],
    )
    def test_every_tensor_is_on_exactly_one_side(self, architecture, at):
        small = architecture == "vit"
        model = VisionTransformer(32, 16, 3, 2, 16, 32) if small else network(architecture)
        images = IMAGES[..., :32, :32] if small else IMAGES
        split = Split(model, images, at)
        tensors = {*dict(model.named_parameters()), *dict(model.named_buffers())}
        assert set(split.f_a_tensors) | set(split.f_b_tensors) == tensors
        assert not set(split.f_a_tensors) & set(split.f_b_tensors)
        assert {n + ".weight" for n in split.f_a if n + ".weight" in tensors} <= set(
            split.f_a_tensors
        )
        if small:  # bare parameters of modules that are under way at the cut
            assert {"class_token", "encoder.pos_embedding"} <= set(split.f_a_tensors)

    def test_execution_order_not_registration_order(self):
        class Backwards(nn.Module):
            def __init__(self):
                super().__init__()
                self.c, self.b, self.a = nn.Linear(4, 2), nn.Linear(4, 4), nn.Linear(4, 4)

            def forward(self, x):
                return self.c(self.b(self.a(x)))

        split = Split(Backwards(), ROWS, last=1)
        assert (split.f_a, split.f_b) == (("a", "b"), ("c",))
        assert set(split.f_b_tensors) == {"c.weight", "c.bias"}

    def test_shortcuts_count_as_asked(self):
        model = network("resnet50")
        assert Split(model, IMAGES, last=16).f_b[0] == "layer3.4.conv1"
        assert Split(model, IMAGES, last=16, shortcuts="include").f_b[0] == "layer3.4.conv2"

    def test_trainable_is_f_b_each_once(self):
        model = net()
        parameters = Split(model, ROWS, "7").trainable()
        assert [id(p) for p in parameters] == [id(p) for p in model[7:].parameters()]

    def test_the_same_cut_through_another_model(self):
        one, two = net(), copy.deepcopy(net())
        split = Split(one, ROWS, "7").on(two)
        assert split.model is two
        assert split.trainable()[0] is two[7].weight
        with pytest.raises(ValueError, match="not of the architecture"):
            split.on(Skip())


class TestErrors:
    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({}, "Give either `at` .* for example last=3"),
            ({"at": "7", "last": 1}, "not both"),
            ({"last": 0}, "from 1 to 3, got 0"),
            ({"last": 4}, "has 4 weight layers, and each side of the cut needs one"),
            ({"at": "0"}, "leaves f_a empty: .* Cut at a later layer"),
            ({"at": "10"}, "No layer named '10'. "),
        ],
    )
    def test_cuts_that_make_no_sense(self, settings, message):
        with pytest.raises(ValueError, match=message):
            Split(net(), ROWS, **settings)

    def test_f_b_without_layers(self):
        model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 3), nn.Softmax(1))
        with pytest.raises(ValueError, match="leaves f_b empty"):
            Split(model, ROWS, "2")


class TestStates:
    def test_resetting_f_b_leaves_f_a_alone(self):
        robust, regular = net(), net()
        for parameter in regular.parameters():
            parameter.data += 1.0
        regular(ROWS)
        split, before = Split(robust, ROWS, "7"), state(robust)
        split.load_f_b(regular.state_dict())
        assert changed(before, robust) == set(split.f_b_tensors) - {"8.running_var"} | (
            changed(before, robust) & {"8.running_var"}
        )
        for name in split.f_b_tensors:
            assert torch.equal(robust.state_dict()[name], regular.state_dict()[name])
        kept = split.f_b_state()
        train(robust, split.trainable(), 1)
        split.load_f_b(kept)
        assert all(torch.equal(kept[n], t) for n, t in split.f_b_state().items())
        split.load_f_a(regular)
        assert all(
            torch.equal(split.f_a_state()[n], regular.state_dict()[n]) for n in split.f_a_state()
        )

    def test_states_are_copies_and_partition_the_state_dict(self):
        model = net()
        split = Split(model, ROWS, "7")
        assert set(split.f_a_state()) | set(split.f_b_state()) == set(model.state_dict())
        split.f_b_state()["9.weight"].zero_()
        assert model[9].weight.abs().sum() > 0

    def test_wrapped_states_load(self):
        model = net()
        split = Split(model, ROWS, "7")
        for wrapped in (nn.DataParallel(net()), torch.compile(net(), backend="eager")):
            with torch.no_grad():
                for parameter in wrapped.parameters():
                    parameter += 1
            split.load_f_b(wrapped.state_dict())
            assert torch.equal(model[9].weight, list(wrapped.parameters())[-2])

    def test_bad_states_change_nothing(self):
        model = net()
        split, before = Split(model, ROWS, "7"), state(model)
        bad = state(net())
        bad["7.weight"] += 1
        bad["9.weight"] = torch.zeros(2, 2)
        with pytest.raises(ValueError, match=r"'9.weight' has shape \(2, 2\) in the state dict"):
            split.load_f_b(bad)
        del bad["9.weight"]
        with pytest.raises(ValueError, match=r"lacks a tensor\. No key named '9\.weight'"):
            split.load_f_b(bad)
        assert changed(before, model) == set()


class TestCallables:
    @pytest.mark.parametrize(
        ("architecture", "at"),
        [("alexnet", "classifier.1"), ("resnet18", "layer3"), ("resnet18", "layer3.1.conv1")],
    )
    def test_f_b_of_f_a_is_f(self, architecture, at):
        model = network(architecture).eval()
        split = Split(model, IMAGES, at)
        x = torch.cat([IMAGES, IMAGES.flip(0), IMAGES[:1]])
        with torch.no_grad():
            torch.testing.assert_close(split.run_f_b(split.run_f_a(x)), model(x))

    def test_gradients(self):
        model = Skip()
        split = Split(model, ROWS, "one")  # the skip path must see the exchanged tensor, too
        hidden = split.run_f_a(ROWS).detach().requires_grad_()
        output = split.run_f_b(hidden)
        expected = model.head(hidden + model.two(torch.relu(model.one(hidden))))
        torch.testing.assert_close(output, expected)
        (one,) = torch.autograd.grad(output.sum(), hidden)
        (two,) = torch.autograd.grad(expected.sum(), hidden)
        torch.testing.assert_close(one, two)
        assert torch.is_grad_enabled()

    def test_cuts_that_are_not_clean(self):
        with pytest.raises(ValueError, match=r"no function of one tensor.*residual block"):
            Split(Skip(), ROWS, "two").run_f_b(torch.randn(8, 4))

    def test_what_autograd_does_not_see_is_found_by_the_self_test(self):
        class Hidden(nn.Module):
            def __init__(self):
                super().__init__()
                self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 2)

            def forward(self, x):
                return self.b(self.a(x)) + x.detach().sum()

        split = Split(Hidden(), ROWS, "b")
        assert not split.clean
        with pytest.raises(ValueError, match="autograd does not record"):
            split.run_f_b(torch.randn(8, 4))


def test_splitting_leaves_the_model_as_it_was():
    model = net()
    before = state(model)
    Split(model, ROWS, "7").check()
    assert changed(before, model) == set()
    assert all(module.training for module in model.modules())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert [layer.name for layer in weight_layers(model, ROWS)] == ["0", "4", "7", "9"]
