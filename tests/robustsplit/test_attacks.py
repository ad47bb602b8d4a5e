"""The attacks: equal to foolbox, optimal where the optimum is known, stronger with more."""

import json
import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from robustsplit.attacks import (
    ATTACKS,
    CW,
    FGSM,
    IFGSM,
    PGD,
    AutoAttack,
    Clean,
    as_attack,
    attack_from_config,
    from_foolbox,
    masking_flags,
    paper_attack,
    paper_steps,
    perturbation_norms,
)
from robustsplit.attacks.ascent import Ball
from robustsplit.attacks.losses import (
    cross_entropy,
    dlr,
    get_loss,
    margin,
    margins,
    targeted_dlr,
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


# Independent code


@pytest.mark.parametrize("numerator", [8, 16, 32])
def test_fgsm_and_ifgsm_equal_foolbox_bit_for_bit(numerator):
    foolbox = pytest.importorskip("foolbox")
    net, (x, y), eps = trained_net(), test_images(100), numerator / 255
    theirs = foolbox.PyTorchModel(net, bounds=(0, 1))
    single = foolbox.attacks.LinfFastGradientAttack()
    ours = paper_attack("ifgsm", eps)
    iterated = foolbox.attacks.LinfBasicIterativeAttack(
        abs_stepsize=1 / 255, steps=ours.steps, random_start=False
    )
    assert torch.equal(FGSM(eps).perturb(net, x, y), single(theirs, x, y, epsilons=eps)[1])
    assert torch.equal(ours.perturb(net, x, y), iterated(theirs, x, y, epsilons=eps)[1])


def test_l2_pgd_agrees_with_foolbox():
    foolbox = pytest.importorskip("foolbox")
    net, (x, y) = trained_net(), test_images(50)
    attack = foolbox.attacks.L2BasicIterativeAttack(abs_stepsize=0.1, steps=10, random_start=False)
    theirs = attack(foolbox.PyTorchModel(net, bounds=(0, 1)), x, y, epsilons=0.5)[1]
    ours = PGD(0.5, 0.1, 10, random_start=False, norm="l2").perturb(net, x, y)
    assert (ours - theirs).abs().max() < 1e-5


def test_cw_agrees_with_foolbox():
    """Same objective, constants and search; only the order of summation differs."""
    foolbox = pytest.importorskip("foolbox")
    net, (x, y) = trained_net(), test_images(20)
    attack = foolbox.attacks.L2CarliniWagnerAttack(
        binary_search_steps=4, steps=40, stepsize=0.05, initial_const=1.0, abort_early=False
    )
    _, theirs, _ = attack(foolbox.PyTorchModel(net, bounds=(0, 1)), x, y, epsilons=None)
    ours = CW(c=1.0, steps=40, learning_rate=0.05, search_steps=4).perturb(net, x, y)
    right = net(x).argmax(1) == y
    moved = right & (net(ours).argmax(1) != y)
    assert moved.sum() >= 15
    difference = perturbation_norms(x, ours).l2 - perturbation_norms(x, theirs).l2
    assert difference[moved].abs().max() < 2e-3


def test_a_foolbox_attack_runs_inside_the_guard():
    foolbox = pytest.importorskip("foolbox")
    net, (x, y) = trained_net().train(), test_images(30)
    before = snapshot(net)
    attack = from_foolbox(foolbox.attacks.LinfPGD(steps=5), eps=8 / 255)
    perturbed = attack.perturb(net, x, y, seed=1)
    assert_unchanged(net, before)
    assert accuracy(net, perturbed, y) < accuracy(net, x, y)
    assert attack.label == "foolbox LinfProjectedGradientDescentAttack (Linf, eps 8/255)"
    assert torch.equal(perturbed, attack.perturb(net, x, y, seed=1))


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


def test_l2_pgd_reaches_the_optimum_of_a_linear_model():
    model = Linear2()
    x, y = linear_data(model)
    sign = 2.0 * y - 1
    best = sign * model.score(x) - 0.2 * model.w.norm()
    reached = sign * model.score(PGD(0.2, 0.05, 40, norm="l2").perturb(model, x, y))
    assert (reached - best).abs().max() < 1e-6


def test_cw_finds_the_distance_to_a_hyperplane():
    """|w.x + b| / ||w||_2; measured excess: mean 0.6 %, at most 3 %."""
    model = Linear2()
    x, y = linear_data(model)
    distance = (model.score(x).abs() / model.w.norm()).detach()
    inside = distance < 0.25  # so that the projection stays inside [0, 1]
    assert inside.sum() > 10
    perturbed = CW(steps=200, search_steps=9).perturb(model, x, y)
    found = perturbation_norms(x, perturbed).l2
    assert (model(perturbed).argmax(1) != y).all()
    assert (found >= distance * (1 - 1e-9)).all()
    assert (found / distance)[inside].max() < 1.05


def test_cw_search_beats_the_published_call():
    net, (x, y) = trained_net(), test_images(20)
    published = CW.published().perturb(net, x, y)
    searched = CW().perturb(net, x, y)
    assert accuracy(net, searched, y) == 0
    assert accuracy(net, published, y) > 0.2


def test_cw_budget_returns_the_input_beyond_it():
    net, (x, y) = trained_net(), test_images(40)
    free, held = CW(steps=30, search_steps=5), CW(eps=0.5, steps=30, search_steps=5)
    unbounded, bounded = free.perturb(net, x, y), held.perturb(net, x, y)
    norms = perturbation_norms(x, unbounded).l2
    assert (norms > 0.5).any()
    assert (norms <= 0.5).any()
    assert torch.equal(bounded[norms <= 0.5], unbounded[norms <= 0.5])
    assert torch.equal(bounded[norms > 0.5], x[norms > 0.5])


def test_random_starts_fill_the_ball_evenly():
    """In d dimensions the share of the ball within r is r^d; 4 standard errors at n = 4000."""
    n = 4000
    x = torch.full((n, 3), 0.5)
    for norm in ("l2", "linf"):
        start = Ball(x, 0.4, norm, (0, 1)).random_point(torch.Generator().manual_seed(0)) - x
        radius = start.norm(dim=1) if norm == "l2" else start.abs().amax(dim=1)
        assert radius.max() <= 0.4 * (1 + 1e-6)
        share = (radius < 0.2).double().mean()
        assert abs(share - 0.125) < 4 * math.sqrt(0.125 * 0.875 / n)
        assert start.mean(dim=0).abs().max() < 0.03


# Losses


def test_losses_by_hand():
    logits = torch.tensor([[1.0, 3.0, 0.0, 2.0], [5.0, 1.0, 0.0, -1.0]])
    labels, targets = torch.tensor([1, 2]), torch.tensor([3, 0])
    assert margins(logits, labels).tolist() == [-1.0, 5.0]
    assert margin(logits, labels) == 4.0
    assert cross_entropy(logits, labels) == F.cross_entropy(logits, labels, reduction="sum")
    # sorted: 3 2 1 0 and 5 1 0 -1
    assert dlr(logits, labels).item() == pytest.approx(-1 / 2 + 5 / 5)
    assert targeted_dlr(logits, labels, targets).item() == pytest.approx(-1 / 2.5 + 5 / 5.5)


def test_dlr_ignores_the_scale_of_the_logits():
    logits, labels = (
        torch.randn((6, 5), generator=torch.Generator().manual_seed(0)),
        torch.arange(5),
    )
    labels = torch.cat([labels, labels[:1]])
    assert dlr(100 * logits, labels).item() == pytest.approx(dlr(logits, labels).item(), rel=1e-5)
    assert margin(100 * logits, labels).item() == pytest.approx(
        100 * margin(logits, labels).item(), rel=1e-5
    )


def test_dlr_needs_classes():
    with pytest.raises(ValueError, match=r"compares the 3 largest logits, but the model has 2"):
        dlr(torch.zeros(1, 2), torch.zeros(1, dtype=torch.long))
    with pytest.raises(ValueError, match="4 largest"):
        targeted_dlr(torch.zeros(1, 3), torch.zeros(1).long(), torch.ones(1).long())
    with pytest.raises(ValueError, match=r"No loss named 'cee'\. Did you mean 'ce'"):
        get_loss("cee")


def test_margin_loss_attacks_where_cross_entropy_has_underflowed():
    net, (x, y) = trained_net(), test_images(60)
    scaled = nn.Sequential(net, Scale(1000.0))
    by_ce = accuracy(scaled, PGD(32 / 255, steps=20).perturb(scaled, x, y), y)
    by_margin = accuracy(scaled, PGD(32 / 255, steps=20, loss="margin").perturb(scaled, x, y), y)
    assert by_margin < by_ce - 0.2


class Scale(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return self.factor * x


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


def test_accuracy_falls_with_steps_and_restarts():
    net, (x, y) = trained_net(), test_images(80)
    by_steps = [
        accuracy(net, IFGSM(32 / 255, 4 / 255, steps).perturb(net, x, y), y)
        for steps in (1, 3, 10)
    ]
    assert by_steps[0] > by_steps[1] >= by_steps[2]
    one, four = PGD(24 / 255, steps=5), PGD(24 / 255, steps=5, restarts=4)
    lost = net(one.perturb(net, x, y)).argmax(1) != y
    assert (net(four.perturb(net, x, y)).argmax(1) != y)[lost].all()


def test_one_step_is_a_step():
    """Libraries that return the best iterate tested *before* stepping make FGSM do nothing."""
    net, (x, y) = trained_net(), test_images(50)
    assert torch.equal(
        IFGSM(8 / 255, step_size=8 / 255, steps=1).perturb(net, x, y),
        FGSM(8 / 255).perturb(net, x, y),
    )
    moved = FGSM(8 / 255).perturb(net, x, y) - x
    assert (moved.abs().flatten(1).amax(dim=1) > 7.9 / 255).all()


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


# Settings


def test_paper_settings():
    for numerator, steps in ((8, 10), (16, 20), (32, 36)):
        for name in ("ifgsm", "pgd"):
            attack = paper_attack(name, numerator / 255)
            assert (attack.steps, attack.step_size) == (steps, 1 / 255)
    assert paper_steps(0.0) == 1
    assert paper_steps(4 / 255) == 5
    assert paper_attack("cw") == CW(c=1, steps=50, learning_rate=0.01, search_steps=1)
    assert paper_attack("autoattack", 16 / 255) == AutoAttack(16 / 255)
    assert paper_attack("fgsm") == FGSM(8 / 255)
    assert paper_attack("clean") == Clean()
    assert set(ATTACKS) == {"clean", "fgsm", "ifgsm", "pgd", "cw", "autoattack"}


def test_configuration():
    assert attack_from_config({"name": "pgd", "eps": "16/255", "paper": True}) == paper_attack(
        "pgd", 16 / 255
    )
    assert attack_from_config({"name": "pgd", "bounds": [-1, 1]}).bounds == (-1, 1)
    with pytest.raises(ValueError, match=r"No attack named 'pgdd'\. Did you mean 'pgd'"):
        attack_from_config({"name": "pgdd"})
    with pytest.raises(ValueError, match=r"No setting of pgd named 'step'\. Did you mean 'steps'"):
        attack_from_config({"name": "pgd", "step": 3})
    with pytest.raises(ValueError, match="needs a `name`"):
        attack_from_config({"eps": 0.1})
    with pytest.raises(ValueError, match="fraction such as \"8/255\", got '8/0'"):
        attack_from_config({"name": "fgsm", "eps": "8/0"})
    with pytest.raises(ValueError, match=r"Did you mean 'fgsm' or 'ifgsm'|Did you mean 'ifgsm'"):
        paper_attack("i-fgsm")


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


def test_norms():
    norms = perturbation_norms(torch.zeros(2, 1, 2), torch.tensor([[[3.0, 4.0]], [[0.0, 1.0]]]))
    assert norms.l2.tolist() == [5.0, 1.0]
    assert norms.linf.tolist() == [4.0, 1.0]
    assert norms.summary()["l2_mean"] == 3.0
    with pytest.raises(ValueError, match="one shape"):
        perturbation_norms(torch.zeros(2, 2), torch.zeros(2, 3))


# Flags


def test_masking_flags_are_fine_for_a_plain_net_and_raised_for_a_masked_one():
    net, (x, y) = trained_net(), test_images(40)
    before = snapshot(net.train())
    assert not any(flag.raised for flag in masking_flags(net, x, y, eps=16 / 255))
    assert_unchanged(net, before)
    masked = nn.Sequential(net, Scale(1e4))
    zero, gap, left = masking_flags(masked, x, y, eps=16 / 255)
    assert zero.raised and gap.raised
    assert str(zero).endswith("(suspicious above 5.0 %): SUSPICIOUS")
    assert not left.raised  # the margin still finds the way
    blind = nn.Sequential(Scale(0.0), net)
    constant = torch.full_like(y, int(blind.eval()(x).argmax(1)[0]))
    assert masking_flags(blind, x, constant)[2].value == 100.0
