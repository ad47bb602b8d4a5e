"""Bounds by critics against their formulas."""

import math

import numpy as np
import pytest

from mitools import distributions

torch = pytest.importorskip("torch")

from mitools.estimators.neural import bounds, training  # noqa: E402 - needs torch


def scores_of(n=40, scale=2.0, seed=0):
    return scale * np.random.default_rng(seed).normal(size=(n, n))


def naive_log_mean(values):
    return math.log(sum(math.exp(v) for v in values) / len(values))


def naive_info_nce(f):
    n = len(f)
    rows = sum(f[i, i] - naive_log_mean(f[i]) for i in range(n)) / n
    columns = sum(f[i, i] - naive_log_mean(f[:, i]) for i in range(n)) / n
    return (rows + columns) / 2


def naive_dv(f, clip=math.inf):
    n = len(f)
    pairs = sum(f[i, i] for i in range(n)) / n
    total = sum(min(max(math.exp(v), math.exp(-clip)), math.exp(clip)) for v in f.ravel())
    return pairs - math.log(total / n**2)


def naive_js(f):
    n = len(f)
    pairs = sum(-math.log1p(math.exp(-f[i, i])) for i in range(n)) / n
    others = [math.log1p(math.exp(f[i, j])) for i in range(n) for j in range(n) if i != j]
    return pairs - sum(others) / len(others)


@pytest.mark.parametrize("n", [2, 3, 40])
def test_bounds_equal_their_formulas(n):
    f = scores_of(n)
    tensor = torch.tensor(f)
    assert float(bounds.info_nce(tensor)) == pytest.approx(naive_info_nce(f), rel=1e-12)
    assert float(bounds.donsker_varadhan(tensor)) == pytest.approx(naive_dv(f), rel=1e-12)
    assert float(bounds.smile(tensor, 1.5)) == pytest.approx(naive_dv(f, 1.5), rel=1e-12)
    assert float(bounds.jensen_shannon(tensor)) == pytest.approx(naive_js(f), rel=1e-12)


def test_smile_without_a_clip_is_donsker_varadhan():
    tensor = torch.tensor(scores_of())
    assert bounds.smile(tensor, math.inf) == bounds.donsker_varadhan(tensor)
    assert bounds.smile(tensor, 0.5) > bounds.donsker_varadhan(tensor)


@pytest.mark.parametrize("scale", [0.0, 0.1, 3.0, 300.0])
def test_bounds_are_ordered_and_end_at_ln_n(scale):
    f = scores_of(30, scale)
    for scores in (f, f + scale * np.eye(30)):
        tensor = torch.tensor(scores)
        dv, nce = bounds.donsker_varadhan(tensor), bounds.info_nce(tensor)
        assert dv <= nce + 1e-12
        assert nce <= math.log(30) + 1e-12
    everything = torch.tensor(1000 * np.eye(30))
    assert float(bounds.info_nce(everything)) == pytest.approx(math.log(30))
    assert float(bounds.donsker_varadhan(everything)) == pytest.approx(math.log(30))


def test_best_critic_gives_the_truth_on_average_and_no_more():
    """The log ratio of a normal pair as the critic: unbiased up to the log of a mean."""
    truth = distributions.Gaussian((0.8,))
    found = {"nce": [], "dv": []}
    for seed in range(60):
        x, y = truth.sample(200, seed=seed)
        r, u, v = 0.8, x, y.T
        f = -0.5 * math.log(1 - r**2) - (r**2 * (u**2 + v**2) - 2 * r * u * v) / (2 * (1 - r**2))
        found["nce"].append(float(bounds.info_nce(torch.tensor(f))))
        found["dv"].append(float(bounds.donsker_varadhan(torch.tensor(f))))
    for values in found.values():
        error = np.std(values) / math.sqrt(len(values))
        assert np.mean(values) < truth.mutual_information + 2 * error
        assert np.mean(values) == pytest.approx(truth.mutual_information, abs=0.04)


def test_averaged_gradient_divides_by_the_moving_average():
    objective = bounds.averaged_gradient()
    logs = []
    for step, scale in enumerate((0.5, 2.0, 1.0)):
        f = scores_of(6, scale, seed=step)
        tensor = torch.tensor(f, requires_grad=True)
        (gradient,) = torch.autograd.grad(objective(tensor), tensor)
        off = ~np.eye(6, dtype=bool)
        z = np.exp(f[off]).mean()
        logs.append(z if not logs else 0.9 * logs[-1] + 0.1 * z)
        expected = np.eye(6) / 6 - np.where(off, np.exp(f) / 30, 0) / logs[-1]
        np.testing.assert_allclose(gradient, expected, rtol=1e-10)


def test_blocks_are_weighted_by_their_size():
    rows = torch.arange(10.0)
    mean = training.mean_over_blocks(lambda x, y: (x + y).mean(), (rows, rows), block=4)
    assert mean == pytest.approx(9.0)
    largest = []
    training.mean_over_blocks(lambda x, y: largest.append(len(x)) or 0, (rows, rows), block=4)
    assert largest == [4, 3, 3]
