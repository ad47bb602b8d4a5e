"""PGD: the L2 ball, other losses, steps and restarts."""

import pytest
from torch import nn

from robustsplit.attacks import (
    IFGSM,
    PGD,
)
from tests.robustsplit.attack_models import (
    Linear2,
    accuracy,
    linear_data,
    test_images,
    trained_net,
)


def test_l2_pgd_agrees_with_foolbox():
    foolbox = pytest.importorskip("foolbox")
    net, (x, y) = trained_net(), test_images(50)
    attack = foolbox.attacks.L2BasicIterativeAttack(abs_stepsize=0.1, steps=10, random_start=False)
    theirs = attack(foolbox.PyTorchModel(net, bounds=(0, 1)), x, y, epsilons=0.5)[1]
    ours = PGD(0.5, 0.1, 10, random_start=False, norm="l2").perturb(net, x, y)
    assert (ours - theirs).abs().max() < 1e-5


def test_l2_pgd_reaches_the_optimum_of_a_linear_model():
    model = Linear2()
    x, y = linear_data(model)
    sign = 2.0 * y - 1
    best = sign * model.score(x) - 0.2 * model.w.norm()
    reached = sign * model.score(PGD(0.2, 0.05, 40, norm="l2").perturb(model, x, y))
    assert (reached - best).abs().max() < 1e-6


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
