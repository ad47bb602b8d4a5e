"""Flags of masked gradients."""

import torch
from torch import nn

from robustsplit.attacks import (
    masking_flags,
)
from tests.robustsplit.attack_models import (
    assert_unchanged,
    snapshot,
    test_images,
    trained_net,
)


class Scale(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return self.factor * x


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
