"""Attacks of other libraries, inside the guard."""

import pytest
import torch

from robustsplit.attacks import (
    from_foolbox,
)
from tests.robustsplit.attack_models import (
    accuracy,
    assert_unchanged,
    snapshot,
    test_images,
    trained_net,
)


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
