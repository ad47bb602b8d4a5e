"""What holds for every attack: the contract, the optimum of a linear model, more is stronger."""

import json
import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import nn

from robustsplit.attacks import (
    CW,
    FGSM,
    IFGSM,
    PGD,
    Clean,
    as_attack,
    attack_from_config,
    perturbation_norms,
)
from robustsplit.attacks.losses import (
    margins,
)
from tests.robustsplit.attack_models import (
    Fixed,
    Linear2,
    accuracy,
    assert_unchanged,
    linear_data,
    snapshot,
    test_images,
    trained_net,
)

GRADIENT_ATTACKS = [
    FGSM(8 / 255),
    IFGSM(8 / 255, steps=5),
    PGD(8 / 255, steps=5),
    PGD(8 / 255, steps=3, restarts=2),
    PGD(0.5, 0.2, 5, norm="l2"),
    PGD(8 / 255, steps=5, loss="margin"),
    CW(steps=20, learning_rate=0.2, search_steps=3),
]

ids = [repr(attack) for attack in GRADIENT_ATTACKS]

# Closed forms


@pytest.mark.parametrize(
    "attack", [FGSM(0.1), IFGSM(0.1, 0.01, 10), PGD(0.1, 0.02, 20)], ids=lambda a: a.name
)
def test_linf_attacks_reach_the_optimum_of_a_linear_model(attack):
    r"""inf over the ball of the margin is y (w.x + b) - eps ||w||_1."""
    model = Linear2()
    x, y = linear_data(model)
    sign = 2.0 * y - 1
    best = sign * model.score(x) - attack.eps * model.w.abs().sum()
    reached = sign * model.score(attack.perturb(model, x, y))
    assert (reached - best).abs().max() < 1e-6


# Strength


def test_accuracy_falls_with_eps_and_reaches_zero():
    net, (x, y) = trained_net(), test_images(80)
    shares = [
        accuracy(net, PGD(eps, max(eps / 4, 1e-9), 20).perturb(net, x, y), y)
        for eps in (0.0, 8 / 255, 16 / 255, 32 / 255, 64 / 255, 1.0)
    ]
    assert shares[0] == accuracy(net, x, y) > 0.9
    assert all(a >= b - 1e-9 for a, b in pairwise(shares))
    assert shares[-1] == 0


@pytest.mark.parametrize("eps_zero", [FGSM(0.0), IFGSM(0.0), PGD(0.0), PGD(0.0, norm="l2")])
def test_eps_zero_gives_the_input(eps_zero):
    net, (x, y) = trained_net(), test_images(20)
    assert torch.equal(eps_zero.perturb(net, x, y), x)


# The contract, for each


@pytest.mark.parametrize("attack", [Clean(), *GRADIENT_ATTACKS], ids=["clean", *ids])
def test_contract(attack):
    net, (x, y) = trained_net().train(), test_images(30)
    net[0].weight.grad = torch.ones_like(net[0].weight)
    net[3].bias.requires_grad_(False)
    before, x_before = snapshot(net), x.clone()
    kept = net[0].weight.grad
    perturbed = attack.perturb(net, x, y, seed=3)

    assert_unchanged(net, before)
    assert net[0].weight.grad is kept
    assert torch.equal(x, x_before)
    assert perturbed.data_ptr() != x.data_ptr()
    assert perturbed.shape == x.shape
    assert perturbed.dtype == x.dtype
    assert not perturbed.requires_grad
    assert 0 <= perturbed.min() <= perturbed.max() <= 1
    if attack.eps is not None:
        norms = perturbation_norms(x, perturbed)
        reached = norms.linf if attack.norm == "linf" else norms.l2
        assert reached.max() <= attack.eps * (1 + 1e-6) + 1e-6
    assert torch.equal(perturbed, attack.perturb(net, x, y, seed=3))
    with torch.no_grad():
        assert torch.equal(perturbed, attack.perturb(net, x, y, seed=3))
    with torch.inference_mode():
        assert torch.equal(perturbed, attack.perturb(net, x, y, seed=3))
        inference = attack.perturb(net, x.clone(), y.clone(), seed=3)
    assert torch.equal(perturbed, inference)
    assert not inference.is_inference()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(perturbed, attack.perturb(net, x, y, seed=3))
    assert torch.equal(perturbed, attack.perturb(net.eval(), x, y, seed=3))
    assert json.loads(json.dumps(attack.describe())) == attack.describe()
    assert attack_from_config(attack.describe()) == attack


@pytest.mark.parametrize("attack", [PGD(8 / 255), PGD(0.5, 0.1, norm="l2")])
def test_seed_decides_the_start(attack):
    net, (x, y) = trained_net(), test_images(10)
    torch.manual_seed(0)
    first = attack.perturb(net, x, y, seed=1)
    torch.manual_seed(99)
    assert torch.equal(first, attack.perturb(net, x, y, seed=1))
    assert not torch.equal(first, attack.perturb(net, x, y, seed=2))


@pytest.mark.parametrize(
    "attack",
    [FGSM(8 / 255), IFGSM(8 / 255, steps=5), CW(steps=20, search_steps=4)],
    ids=lambda a: a.name,
)
def test_results_do_not_depend_on_the_batch(attack):
    model = Linear2()
    x, y = linear_data(model, n=8)
    whole = attack.perturb(model, x, y)
    parts = [attack.perturb(model, x[i : i + 1], y[i : i + 1]) for i in range(len(x))]
    assert (whole - torch.cat(parts)).abs().max() < 1e-9


@pytest.mark.parametrize("attack", GRADIENT_ATTACKS, ids=ids)
@pytest.mark.parametrize("n_classes", [2, 3, 4, 9, 10, 1000])
def test_any_number_of_classes(attack, n_classes):
    model = Fixed(n_classes)
    x = torch.rand((5, 6), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        y = model(x).argmax(1)
    perturbed = attack.perturb(model, x, y)
    right = margins(model(x), y).sum()
    assert margins(model(perturbed), y).sum() > right


@pytest.mark.parametrize("attack", GRADIENT_ATTACKS, ids=ids)
@pytest.mark.parametrize("shape", [(1, 1, 8, 8), (2, 3, 224, 224), (7, 6), (3, 4, 5), (1, 2)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_any_shape_and_dtype(attack, shape, dtype):
    features = math.prod(shape[1:])
    model = nn.Sequential(nn.Flatten(), Fixed(3, d=features)).to(dtype)
    x = torch.rand(shape, generator=torch.Generator().manual_seed(1)).to(dtype)
    y = model(x).argmax(1)
    perturbed = attack.perturb(model, x, y)
    assert perturbed.shape == x.shape
    assert perturbed.dtype == dtype
    assert margins(model(perturbed), y).sum() > margins(model(x), y).sum()


def test_misclassified_inputs_are_accepted():
    net, (x, _) = trained_net(), test_images(20)
    wrong = (net(x).argmax(1) + 1) % 10
    assert accuracy(net, PGD().perturb(net, x, wrong), wrong) == 0
    assert torch.equal(CW(steps=5).perturb(net, x, wrong), x)


def test_other_bounds():
    model = Linear2()
    x, y = linear_data(model)
    shifted = ShiftedLinear(model)
    for attack in (FGSM(0.2), PGD(0.2, 0.05), CW(steps=50)):
        moved = replace(attack, bounds=(-1.0, 1.0)).perturb(shifted, 2 * x - 1, y)
        assert -1 <= moved.min() <= moved.max() <= 1
        assert margins(shifted(moved), y).sum() > margins(shifted(2 * x - 1), y).sum()


class ShiftedLinear(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model((x + 1) / 2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FGSM(-0.1), "`eps` must be a number >= 0"),
        (lambda: FGSM(float("nan")), "`eps` must be a number >= 0"),
        (lambda: PGD(8), r"`eps` is 8, wider than the bounds .* perhaps 8/255 was meant"),
        (lambda: PGD(steps=0), r"`steps` must be a whole number >= 1, got 0"),
        (lambda: PGD(steps=2.5), r"`steps` must be a whole number"),
        (lambda: PGD(step_size=0.0), "`step_size` must be a positive number"),
        (lambda: PGD(norm="l1"), r"No norm named 'l1'"),
        (lambda: PGD(loss="nll"), r"No loss named 'nll'"),
        (lambda: PGD(restarts=2, random_start=False), "repeat the same run"),
        (lambda: FGSM(bounds=(1, 0)), r"`bounds` must be \(low, high\)"),
        (lambda: CW(confidence=-1), "`confidence` must be >= 0"),
        (lambda: CW(c=0), "`c` must be a positive number"),
    ],
)
def test_impossible_settings(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_as_attack():
    pgd = PGD()
    assert as_attack(pgd) is pgd
    assert as_attack(None) == Clean()
    with pytest.raises(TypeError, match=r"Got the class PGD; pass an instance, such as PGD\(\)"):
        as_attack(PGD)
    with pytest.raises(TypeError, match="got str"):
        as_attack("pgd")
    with pytest.raises(TypeError, match="got Linear"):
        as_attack(nn.Linear(2, 2))


def test_labels_say_what_ran():
    assert PGD(16 / 255, steps=20).label == "PGD (Linf, eps 16/255, 20 steps)"
    assert PGD(0.5, norm="l2").label == "PGD (L2, eps 0.5, 10 steps)"
    assert FGSM(0.031).label == "FGSM (Linf, eps 0.031)"
    assert Clean().label == "clean"
