"""Norms of perturbations."""

import pytest
import torch

from robustsplit.attacks import (
    perturbation_norms,
)


def test_norms():
    norms = perturbation_norms(torch.zeros(2, 1, 2), torch.tensor([[[3.0, 4.0]], [[0.0, 1.0]]]))
    assert norms.l2.tolist() == [5.0, 1.0]
    assert norms.linf.tolist() == [4.0, 1.0]
    assert norms.summary()["l2_mean"] == 3.0
    with pytest.raises(ValueError, match="one shape"):
        perturbation_norms(torch.zeros(2, 2), torch.zeros(2, 3))
