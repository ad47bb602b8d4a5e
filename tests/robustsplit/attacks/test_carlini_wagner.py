"""C&W: the distance to a hyperplane, the search over c, the budget."""

import pytest
import torch

from robustsplit.attacks import (
    CW,
    perturbation_norms,
)
from tests.robustsplit.attack_models import (
    Linear2,
    accuracy,
    linear_data,
    test_images,
    trained_net,
)


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
