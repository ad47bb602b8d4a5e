"""One recorded pass: what it takes, what it leaves."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from robustsplit.network import weight_layers

ROWS = torch.rand(3, 4)


def names(model, example=ROWS, **settings):
    return [layer.name for layer in weight_layers(model, example, **settings)]


def hooks(model):
    return sum(
        len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules()
    )


class Backwards(nn.Module):
    """Registers its layers in the opposite of the order in which they run."""

    def __init__(self):
        super().__init__()
        self.third = nn.Linear(5, 2)
        self.second = nn.Linear(6, 5)
        self.first = nn.Linear(4, 6)

    def forward(self, x):
        return self.third(F.relu(self.second(F.relu(self.first(x)))))


def test_bad_examples_and_models():
    model = Backwards()
    with pytest.raises(TypeError, match=r"torch\.as_tensor"):
        names(model, ROWS.numpy())
    with pytest.raises(ValueError, match="without a tensor"):
        names(model, {})
    with pytest.raises(ValueError, match="does not take inputs of 7: mat1 and mat2 shapes"):
        names(model, torch.rand(2, 7))
    with pytest.raises(TypeError) as caught:
        names(model, (ROWS, ROWS))
    assert "trial pass of Backwards on an example of shape" in caught.value.__notes__[0]
    assert hooks(model) == 0
    with pytest.raises(ValueError, match="Call the model once"):
        names(nn.Sequential(nn.LazyLinear(3)))
    with pytest.raises(ValueError, match="'exclude' or 'include'"):
        names(model, shortcuts="yes")


def test_several_arguments_and_structured_outputs():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.left, self.right = nn.Linear(4, 3), nn.LSTM(4, 3, batch_first=True)
            self.head = nn.Linear(3, 2)

        def forward(self, one, two):
            out, _ = self.right(two)
            return {"logits": self.head(out[:, -1] + self.left(one)), "other": (one,)}

    one, two = torch.rand(3, 4), torch.rand(3, 5, 4)
    for example in ((one, two), {"one": one, "two": two}):
        layers = weight_layers(Two(), example)
        assert [layer.name for layer in layers] == ["right", "left", "head"]
        assert layers[0].output_shape == (5, 3)


def test_the_model_is_left_as_it_was_found():
    class Counting(nn.Module):
        """Writes to a buffer even in eval mode, and draws random numbers."""

        def __init__(self):
            super().__init__()
            self.register_buffer("seen", torch.zeros(1))
            self.relu = nn.ReLU(inplace=True)

        def forward(self, x):
            self.seen += 1
            return self.relu(x) + torch.randn(())

    model = nn.Sequential(Counting(), nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    model[2].eval()
    model[1].weight.requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    example = torch.randn(3, 4)
    state = torch.get_rng_state()
    kept = example.clone()
    weight_layers(model, example)
    assert all(torch.equal(before[n], t) for n, t in model.state_dict().items())
    assert [m.training for m in model] == [True, True, False, True]
    assert [p.requires_grad for p in model.parameters()] == [False, True, True, True, True, True]
    assert all(p.grad is None for p in model.parameters())
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(example, kept)
    assert hooks(model) == 0


def test_models_without_gradients_are_taken_to_be_chains():
    class NoGradient(Backwards):
        @torch.no_grad()
        def forward(self, x):
            return super().forward(x)

    with pytest.warns(UserWarning, match="does not depend on its input through autograd"):
        layers = weight_layers(NoGradient(), ROWS)
    assert [layer.connected for layer in layers] == [True] * 3
