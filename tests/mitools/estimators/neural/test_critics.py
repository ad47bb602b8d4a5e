"""Critics: their start, and an encoder by its formula."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mitools.estimators.neural import training  # noqa: E402 - needs torch


def test_an_untrained_critic_is_zero_everywhere():
    g = training.Encoder((3, 5, 2), np.random.default_rng(0), "cpu", zero=True)
    assert not g(torch.randn(4, 3, generator=torch.Generator().manual_seed(0))).any()
    other = training.Encoder((3, 5, 2), np.random.default_rng(0), "cpu")
    assert other(torch.ones(1, 3)).any()


def test_an_encoder_is_its_formula():
    encoder = training.Encoder((3, 5, 4, 2), np.random.default_rng(0), "cpu")
    rng = np.random.default_rng(0)  # the layers' weights, then the linear map's
    sizes = [(3, 5, 2.0), (5, 4, 2.0), (4, 2, 1.0), (3, 2, 1.0)]
    *layers, linear = (rng.normal(size=(a, b)) * math.sqrt(gain / a) for a, b, gain in sizes)
    rows = np.random.default_rng(1).normal(size=(7, 3))
    hidden = rows
    for layer in layers[:-1]:
        hidden = hidden @ layer
        hidden = hidden / (1 + np.exp(-hidden))
    expected = hidden @ layers[-1] + rows @ linear
    with torch.no_grad():
        got = encoder(torch.tensor(rows, dtype=torch.float32)).numpy()
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
    assert [name for name, each in encoder.named_parameters() if each.ndim == 1] == [
        "network.0.bias", "network.2.bias", "network.4.bias",
    ]  # fmt: skip
