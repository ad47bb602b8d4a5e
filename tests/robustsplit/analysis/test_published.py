"""The published code's estimate of a pair."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mitools import EDGE, mutual_information
from robustsplit.analysis import connectivity
from robustsplit.data import ImageData
from robustsplit.network import collect
from robustsplit.zoo import small_cnn

QUICK = {"released": False, "n_permutations": 30, "n_halves": 2, "cross_check": None}


def images(n: int = 400, classes: int = 4) -> ImageData:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.rand(n, 1, 8, 8, generator=generator)
    return ImageData(inputs, torch.arange(n) % classes)


def test_the_published_call_is_the_public_one_and_needs_twenty_a_class():
    model, data = small_cnn(classes=2, width=4), images(60, 2)
    found = connectivity(model, data, ["fc1", "fc2"], point="pre", **{**QUICK, "released": True})
    rows = collect(model, data.inputs, ["fc1", "fc2"], point="pre").numpy()
    expected = mutual_information(
        rows["fc1"], rows["fc2"], given=data.labels, estimator=EDGE.semirobust()
    )
    assert found.pairs[0].released == pytest.approx(expected.value, abs=1e-12)
    few = connectivity(model, images(30, 2), ["fc1", "fc2"], **{**QUICK, "released": True})
    assert np.isnan(few.pairs[0].released) and "at least 20 inputs" in few.settings["notes"][0]
