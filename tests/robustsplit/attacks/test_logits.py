"""Outputs that hold logits in some form, and outputs that do not."""

import warnings
from collections import namedtuple

import pytest
import torch
from torch import nn

from robustsplit.attacks import (
    CW,
    FGSM,
    PGD,
    SelectOutput,
    as_attack,
)
from tests.robustsplit.attack_models import (
    Fixed,
)

X = torch.rand((16, 6), generator=torch.Generator().manual_seed(0))

Y = torch.arange(16) % 3


def honest(model, x, y):
    """FGSM by hand, with everything a careless library leaves behind."""
    x = x.clone().requires_grad_()
    nn.functional.cross_entropy(model(x), y).backward()
    return (x + 8 / 255 * x.grad.sign()).clamp(0, 1).detach()


@pytest.mark.parametrize("attack", [FGSM(), PGD(), CW(steps=10), as_attack(honest, eps=8 / 255)])
@pytest.mark.parametrize("change", [lambda z: z, lambda z: z[:, 0]], ids=["column", "flat"])
def test_single_logit_heads_are_two_classes(attack, change):
    single = Fixed(1, change)
    double = Fixed(1, lambda z: torch.cat([torch.zeros_like(z), z], 1))
    labels = Y % 2
    assert torch.equal(attack.perturb(single, X, labels), attack.perturb(double, X, labels))


Output = namedtuple("Output", "loss logits")


@pytest.mark.parametrize(
    "change", [lambda z: {"logits": z, "loss": None}, lambda z: Output(None, z)]
)
def test_outputs_with_logits_are_understood(change):
    model, plain = Fixed(3, change), Fixed(3)
    for attack in (PGD(), as_attack(honest, eps=8 / 255)):
        assert torch.equal(attack.perturb(model, X, Y), attack.perturb(plain, X, Y))


def test_tuples_and_dictionaries_are_explained():
    with pytest.raises(
        TypeError,
        match=r"a tuple of \(0: Tensor \(16, 3\), 1: NoneType\).*SelectOutput\(model, 0\)",
    ):
        PGD().perturb(Fixed(3, lambda z: (z, None)), X, Y)
    with pytest.raises(TypeError, match=r"returned a dict of \(out: Tensor \(16, 3\)\)"):
        PGD().perturb(Fixed(3, lambda z: {"out": z}), X, Y)
    with pytest.raises(TypeError, match="returned a NoneType; attacks need one tensor"):
        PGD().perturb(Fixed(3, lambda z: None), X, Y)
    chosen = SelectOutput(Fixed(3, lambda z: {"out": z}), "out")
    assert torch.equal(PGD().perturb(chosen, X, Y), PGD().perturb(Fixed(3), X, Y))


def test_probabilities_are_warned_of():
    with pytest.warns(UserWarning, match="look like probabilities .rows sum to 1."):
        PGD().perturb(Fixed(3, lambda z: z.softmax(1)), X, Y)
    with pytest.warns(UserWarning, match="look like probabilities .all in"):
        PGD().perturb(Fixed(1, torch.sigmoid), X, Y % 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        PGD().perturb(Fixed(3), X, Y)
        PGD().perturb(Fixed(3, lambda z: z.log_softmax(1)), X, Y)
