"""I-FGSM: FGSM in small steps, from the input itself."""

import pytest
import torch

from robustsplit.attacks import FGSM, IFGSM
from tests.robustsplit.attack_models import (
    Linear2,
    accuracy,
    linear_data,
    test_images,
    trained_net,
)


def test_one_step_of_the_whole_radius_is_fgsm():
    net, (x, y) = trained_net(), test_images(30)
    once = IFGSM(0.05, step_size=0.05, steps=1).perturb(net, x, y)
    assert torch.equal(once, FGSM(0.05).perturb(net, x, y))


def test_it_has_no_random_start():
    net, (x, y) = trained_net(), test_images(20)
    attack = IFGSM(0.05, steps=3)
    assert torch.equal(attack.perturb(net, x, y, seed=1), attack.perturb(net, x, y, seed=2))


@pytest.mark.parametrize(("steps", "reach"), [(2, 0.02), (10, 0.1), (30, 0.1)])
def test_on_a_linear_model_it_goes_as_far_as_its_steps_and_its_ball_let_it(steps, reach):
    model = Linear2()
    x, y = linear_data(model)
    moved = IFGSM(0.1, step_size=0.01, steps=steps).perturb(model, x, y) - x
    expected = -reach * torch.sign(model.w) * (2.0 * y - 1)[:, None]
    assert torch.allclose(moved, expected, atol=1e-9)


def test_small_steps_find_what_one_large_step_misses():
    net, (x, y) = trained_net(), test_images(100)
    once = accuracy(net, FGSM(0.1).perturb(net, x, y), y)
    assert accuracy(net, IFGSM(0.1, step_size=0.01, steps=20).perturb(net, x, y), y) < once
