"""Losses by hand, and what each ignores."""

import pytest
import torch
from torch.nn import functional as F

from robustsplit.attacks.losses import (
    cross_entropy,
    dlr,
    get_loss,
    margin,
    margins,
    targeted_dlr,
)

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
