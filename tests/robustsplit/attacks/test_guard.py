# ruff: noqa: NPY002 -- the global generators are what some of these tests are about
"""The guard: attacks that break the rules are refused, and the model comes back as it was."""

import random

import numpy as np
import pytest
import torch
from torch import nn

from robustsplit.attacks import (
    CW,
    FGSM,
    IFGSM,
    PGD,
    AttackError,
    Clean,
    as_attack,
)
from tests.robustsplit.attack_models import (
    Fixed,
    Linear2,
    assert_unchanged,
    fresh_net,
    linear_data,
    snapshot,
    test_images,
    trained_net,
)

X = torch.rand((16, 6), generator=torch.Generator().manual_seed(0))

Y = torch.arange(16) % 3


def honest(model, x, y):
    """FGSM by hand, with everything a careless library leaves behind."""
    x = x.clone().requires_grad_()
    nn.functional.cross_entropy(model(x), y).backward()
    return (x + 8 / 255 * x.grad.sign()).clamp(0, 1).detach()


# Attacks that break the rules (negative controls), and one that does not


def test_honest_callable_is_accepted():
    net, (x, y) = trained_net().train(), test_images(20)
    before = snapshot(net)
    attack = as_attack(honest, eps=8 / 255)
    assert torch.equal(attack.perturb(net, x, y), FGSM(8 / 255).perturb(net, x, y))
    with torch.no_grad():
        assert torch.equal(attack.perturb(net, x, y), FGSM(8 / 255).perturb(net, x, y))
    assert_unchanged(net, before)


def too_far(model, x, y):
    return (x + 0.1 * (x < 0.5)).clamp(0, 1)


def slightly_too_far(model, x, y):
    return x + torch.where(x < 0.5, 1, -1) * (8 / 255) * 1.00002


def out_of_bounds(model, x, y):
    return x + 8 / 255


def with_nan(model, x, y):
    x[3] = torch.nan
    return x


def wrong_shape(model, x, y):
    return x[:-1]


def wrong_dtype(model, x, y):
    return x.double()


def a_pair(model, x, y):
    return x, y


def nothing(model, x, y):
    return None


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (
            too_far,
            r"too_far .* moved an input by 0\.1 in the linf norm, more than eps = 0\.0313725",
        ),
        (slightly_too_far, "moved an input by"),
        (out_of_bounds, r"returned values in \[.*\], outside the bounds \(0\.0, 1\.0\)"),
        (with_nan, "returned NaN in 1 of 16 inputs"),
        (wrong_shape, r"returned shape torch.Size\(\[15, 6\]\), expected"),
        (wrong_dtype, r"returned dtype torch.float64, expected the inputs' torch.float32"),
        (a_pair, "returned a tuple, expected one tensor"),
        (nothing, "returned a NoneType, expected one tensor"),
    ],
)
def test_bad_results_are_refused(bad, message):
    model = Fixed(3).train()
    before, x_before = snapshot(model), X.clone()
    with pytest.raises(AttackError, match=message):
        as_attack(bad, eps=8 / 255).perturb(model, X, Y)
    assert_unchanged(model, before)
    assert torch.equal(X, x_before)


def test_l2_norm_is_checked_too():
    def far(model, x, y):
        return x + 0.2 * (0.5 - x).sign()

    model = Fixed(3)
    with pytest.raises(AttackError, match="in the l2 norm"):
        as_attack(far, eps=0.4, norm="l2").perturb(model, X, Y)
    assert as_attack(far, eps=0.5, norm="l2").perturb(model, X, Y).shape == X.shape
    assert as_attack(far).perturb(model, X, Y).shape == X.shape  # no eps: the norm is not checked


def change_weight(model, x, y):
    with torch.no_grad():
        model[0].weight.add_(1e-3)
    return x


def change_weight_behind_autograd(model, x, y):
    model[0].weight.data.add_(1e-3)
    return x


def train_mode(model, x, y):
    model.train()
    model(x)
    return x


def swap_layer(model, x, y):
    model[7] = nn.Linear(256, 10)
    return x


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (change_weight, r"changed the model's 0\.weight\. It was put back"),
        (change_weight_behind_autograd, r"changed the model's 0\.weight"),
        (train_mode, r"changed the model's 1\.running_mean, .* put into train mode"),
    ],
)
def test_attacks_that_change_the_model_are_refused_and_undone(bad, message):
    net, (x, y) = trained_net(), test_images(10)
    before = snapshot(net)
    with pytest.raises(AttackError, match=message):
        as_attack(bad, eps=0.1).perturb(net, x, y)
    assert_unchanged(net, before)


def test_replaced_layer_is_refused():
    net, (x, y) = trained_net(), test_images(10)
    with pytest.raises(AttackError, match="replaced parameters"):
        as_attack(swap_layer, eps=0.1).perturb(net, x, y)


@pytest.mark.parametrize("when", [1, 2, 5])
def test_exceptions_restore_the_model(when):
    class Interrupted(nn.Module):
        def __init__(self):
            super().__init__()
            self.net, self.calls = trained_net(), 0

        def forward(self, x):
            self.calls += 1
            if self.calls == when:
                raise KeyboardInterrupt
            return self.net(x)

    model, (x, y) = Interrupted().train(), test_images(10)
    model.net[0].weight.grad = torch.ones_like(model.net[0].weight)
    before = snapshot(model)
    with pytest.raises(KeyboardInterrupt):
        PGD(steps=10).perturb(model, x, y)
    assert_unchanged(model, before)

    def fails(model, x, y):
        model.train()
        model[1].running_mean.add_(1)
        model[0].weight.data.add_(1)
        raise ZeroDivisionError

    before = snapshot(model.net)
    with pytest.raises(ZeroDivisionError):
        as_attack(fails, eps=0.1).perturb(model.net, x, y)
    assert_unchanged(model.net, before)


def test_in_place_writes_do_not_reach_the_inputs():
    def in_place(model, x, y):
        y.zero_()
        return x.add_(0.01).clamp_(0, 1)

    model, x, y = Fixed(3), X.clone(), Y.clone()
    moved = as_attack(in_place, eps=0.01).perturb(model, x, y)
    assert torch.equal(x, X)
    assert torch.equal(y, Y)
    assert (moved - X).abs().max() > 0.009


def test_counting_buffers_are_restored_without_complaint():
    """A model may keep statistics of its own in eval mode; the attack's passes leave no trace."""

    class Counting(Fixed):
        def __init__(self):
            super().__init__(3)
            self.register_buffer("seen", torch.tensor(0))

        def forward(self, x):
            self.seen += len(x)
            return super().forward(x)

    model = Counting()
    PGD().perturb(model, X, Y)
    assert model.seen == 0


def test_global_generators_are_seeded_inside_and_restored():
    def drawing(model, x, y):
        step = (torch.rand(()) + float(np.random.rand()) + random.random()) / 300
        return (x + step).clamp(0, 1)

    model, attack = Fixed(3), as_attack(drawing, eps=0.011)
    torch.manual_seed(1), np.random.seed(1), random.seed(1)
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    first = attack.perturb(model, X, Y, seed=5)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert (np.random.get_state()[1] == states[1]).all()
    assert random.getstate() == states[2]
    torch.rand(3), np.random.rand(3), random.random()
    assert torch.equal(first, attack.perturb(model, X, Y, seed=5))
    assert not torch.equal(first, attack.perturb(model, X, Y, seed=6))


def test_randomised_models_are_reproducible():
    class Noisy(Fixed):
        def forward(self, x):
            return super().forward(x + 0.1 * torch.randn_like(x))

    model = Noisy(3)
    state = torch.get_rng_state()
    first = PGD().perturb(model, X, Y, seed=2)
    assert torch.equal(state, torch.get_rng_state())
    torch.rand(7)
    assert torch.equal(first, PGD().perturb(model, X, Y, seed=2))


# Wrapped models, and outputs that are no plain tensor


def test_wrapped_models_are_unwrapped():
    net, (x, y) = trained_net(), test_images(10)
    expected = PGD().perturb(net, x, y)
    assert torch.equal(expected, PGD().perturb(nn.DataParallel(net), x, y))
    assert torch.equal(expected, PGD().perturb(torch.compile(net), x, y))
    seen = []
    as_attack(lambda model, x, y: seen.append(model) or x).perturb(torch.compile(net), x, y)
    assert seen == [net]


# Bad input


@pytest.mark.parametrize("attack", [Clean(), FGSM(), PGD(), CW(steps=2), as_attack(honest)])
@pytest.mark.parametrize(
    ("x", "y", "error", "message"),
    [
        (255 * X, Y, ValueError, r"look like 8-bit images: divide by 255"),
        (X - 0.5, Y, ValueError, r"outside the bounds \[0, 1\]. If they were normalised, undo it"),
        (X.byte(), Y, TypeError, r"must be floating point, got torch.uint8. Scale 8-bit images"),
        (X.where(X < 0.9, torch.nan), Y, ValueError, "`inputs` contain NaN"),
        (X[0], Y[:1], ValueError, r"must have shape \(n, ...\) with n >= 1, got \(6,\)"),
        (X[:0], Y[:0], ValueError, r"got \(0, 6\)"),
        (X, Y.float(), TypeError, "`labels` must be integers, got torch.float32"),
        (
            X,
            Y[:-1],
            ValueError,
            r"`labels` must have shape \(16,\), one class per input, got \(15,",
        ),
        (X, Y[:, None].expand(16, 3), ValueError, r"labels.argmax\(1\)"),
        (X.numpy(), Y, TypeError, "must be torch tensors, got ndarray"),
    ],
)
def test_bad_inputs(attack, x, y, error, message):
    model = Fixed(3)
    before = snapshot(model)
    with pytest.raises(error, match=message):
        attack.perturb(model, x, y)
    assert_unchanged(model, before)


@pytest.mark.parametrize("attack", [FGSM(), PGD(), CW(steps=2), as_attack(honest)])
def test_labels_outside_the_logits(attack):
    labels = Y.clone()
    labels[2] = 12
    with pytest.raises(ValueError, match="Got label 12, but the model has 10 classes"):
        attack.perturb(Fixed(10), X, labels)
    labels[2] = -1
    with pytest.raises(ValueError, match="Got label -1, but the model has 10 classes"):
        attack.perturb(Fixed(10), X, labels)
    with pytest.raises(ValueError, match=r"Got label 2, .* 2 classes \(one logit, taken as two"):
        attack.perturb(Fixed(1), X, Y)


@pytest.mark.parametrize("attack", [FGSM(), PGD(), CW(steps=2), as_attack(honest)])
def test_bad_models(attack):
    with pytest.raises(ValueError, match="logits contain NaN"):
        attack.perturb(Fixed(3, lambda z: z * torch.nan), X, Y)
    with pytest.raises(ValueError, match="logits contain infinity"):
        attack.perturb(Fixed(3, lambda z: z + torch.inf), X, Y)
    with pytest.raises(ValueError, match=r"returned shape \(16, 3, 1, 1\) for 16 inputs"):
        attack.perturb(Fixed(3, lambda z: z[:, :, None, None]), X, Y)
    with pytest.raises(ValueError, match=r"returned shape \(1, 3\) for 16 inputs"):
        attack.perturb(Fixed(3, lambda z: z[:1]), X, Y)
    with pytest.raises(TypeError, match=r"parameters are torch.float64, the inputs torch.float32"):
        attack.perturb(Fixed(3).double(), X, Y)
    with pytest.raises(ValueError, match=r"does not take inputs of 6: .* cannot be multiplied"):
        attack.perturb(Fixed(3, d=7), X, Y)
    with pytest.raises(TypeError, match=r"must be a torch.nn.Module, got function"):
        attack.perturb(lambda x: x, X, Y)


def test_models_without_a_gradient():
    with pytest.raises(ValueError, match="do not depend differentiably on its inputs"):
        PGD().perturb(Fixed(3, torch.detach), X, Y)

    class Root(Fixed):
        def forward(self, x):
            return super().forward((x - x.detach()).sqrt() + x)

    with pytest.raises(ValueError, match=r"gradient of the loss .* contains NaN"):
        PGD().perturb(Root(3), X, Y)


def test_labels_of_any_integer_type():
    model = Fixed(3)
    expected = PGD().perturb(model, X, Y)
    assert torch.equal(expected, PGD().perturb(model, X, Y.to(torch.uint8)))
    assert torch.equal(expected, PGD().perturb(model, X, Y.to(torch.int32)))
    assert PGD().perturb(Fixed(2), X, Y > 0).shape == X.shape


def test_bounds_allow_rounding_and_no_more():
    model = Fixed(3)
    x = X.clone()
    x[0, 0] = 1 + 1e-7
    assert PGD().perturb(model, x, Y).max() <= 1 + 2e-7
    x[0, 0] = 1 + 1e-5
    with pytest.raises(ValueError, match="outside the bounds"):
        PGD().perturb(model, x, Y)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(dtype):
    model, x = Fixed(3).to(dtype), X.to(dtype)
    moved = IFGSM(32 / 255, 4 / 255).perturb(model, x, Y)
    assert moved.dtype == dtype
    assert (moved - x).abs().max() > 0.1


def test_frozen_models_and_untrained_ones():
    net, (x, y) = fresh_net().requires_grad_(False), test_images(10)
    assert not torch.equal(PGD().perturb(net, x, y), x)
    assert not any(p.requires_grad for p in net.parameters())


def test_hooks_stay_and_see_the_attack():
    model, seen = Linear2(), []
    x, y = linear_data(model, 4)
    handle = model.register_forward_hook(lambda *_: seen.append(1))
    IFGSM(0.1, steps=3).perturb(model, x, y)
    assert len(seen) == 3
    assert len(model._forward_hooks) == 1
    handle.remove()
