"""FGSM: one step to the edge of the ball."""

import pytest
import torch

from robustsplit.attacks import (
    FGSM,
    IFGSM,
    paper_attack,
)
from tests.robustsplit.attack_models import (
    test_images,
    trained_net,
)

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


def test_one_step_is_a_step():
    """Libraries that return the best iterate tested *before* stepping make FGSM do nothing."""
    net, (x, y) = trained_net(), test_images(50)
    assert torch.equal(
        IFGSM(8 / 255, step_size=8 / 255, steps=1).perturb(net, x, y),
        FGSM(8 / 255).perturb(net, x, y),
    )
    moved = FGSM(8 / 255).perturb(net, x, y) - x
    assert (moved.abs().flatten(1).amax(dim=1) > 7.9 / 255).all()
