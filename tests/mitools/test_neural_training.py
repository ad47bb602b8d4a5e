"""Bounds of trained critics against their formulas, and when training stops."""

import math
import subprocess
import sys

import numpy as np
import pytest

from mitools import MINE, Training, distributions

torch = pytest.importorskip("torch")

from mitools.estimators.neural import bounds, training  # noqa: E402 - they need torch


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


# --- training -----------------------------------------------------------------------------------


def fitted(values, patience=3, decays=(0.0,), epochs=50):
    """Train one number by +1 a step, with a criterion that takes `values` in turn."""
    parameter = torch.zeros(1, 1, requires_grad=True)
    said, weights = iter(values), []

    def criterion(x, y):
        weights.append(float(parameter.detach()))
        return torch.tensor(next(said))

    side = torch.ones(8, 1)
    how = Training(
        batch_size=8, epochs=epochs, patience=patience, learning_rate=0.1, weight_decays=decays
    )
    done = training.fit(
        [parameter],
        lambda x, y: (parameter * x).mean(),
        criterion,
        (side, side),
        (side, side),
        how,
        np.random.default_rng(0),
    )
    return done, float(parameter.detach()), weights


def test_training_stops_when_the_criterion_stops_and_keeps_the_best_weights():
    done, weight, seen = fitted([0.0, 1.0, 2.0, 1.9, 1.8, 2.0, 9.0])
    assert (done.validation, done.best_epoch, done.epochs) == (2.0, 2, 5)
    assert len(seen) == 6
    assert weight == seen[2] != seen[-1]


def test_untrained_weights_stay_if_nothing_is_better():
    done, weight, _ = fitted([0.0, -1.0, -1.0, -1.0])
    assert (done.best_epoch, done.epochs, weight) == (0, 3, 0.0)


def test_each_weight_decay_starts_from_the_best_weights():
    done, weight, seen = fitted([0.0, 1.0, 0.5, 0.5, 2.0, 1.0, 1.0], patience=2, decays=(0.0, 0.0))
    assert (done.best_epoch, done.epochs) == (4, 6)
    assert seen[4] == pytest.approx(2 * seen[1], rel=1e-4)  # back to epoch 1, then a step
    assert weight == seen[4]


def test_epochs_end_training_while_it_still_gains():
    done, _, _ = fitted([float(i) for i in range(20)], epochs=7)
    assert (done.best_epoch, done.epochs) == (7, 7)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_divergence_is_an_error_that_says_what_to_do(value):
    with pytest.raises(FloatingPointError, match=r"diverged in epoch 2.*smaller `learning_rate`"):
        fitted([0.0, 1.0, value])


def test_a_huge_learning_rate_is_no_number():
    x, y = distributions.Gaussian((0.9,)).sample(200, seed=0)
    with pytest.raises(FloatingPointError, match="learning_rate"):
        MINE(learning_rate=1e30).estimate(x, y)


def test_the_optimizer_is_adam_with_decoupled_decay_of_matrices():
    weight, bias = torch.full((3, 2), 0.5), torch.ones(2)
    adam = training._optimizer([weight, bias], 0.01, 3.0)
    expected, mean, square = np.array([0.5, 1.0]), 0.0, 0.0
    for step in range(1, 6):
        gradient = (-0.7) ** step
        for item in (weight, bias):
            item.grad = torch.full_like(item, gradient)
        adam.step()
        mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
        move = mean / (1 - 0.9**step) / (math.sqrt(square / (1 - 0.999**step)) + 1e-8)
        expected = expected * [1 - 0.01 * 3.0, 1] - 0.01 * move
    np.testing.assert_allclose(weight, np.full((3, 2), expected[0]), rtol=1e-5)
    np.testing.assert_allclose(bias, np.full(2, expected[1]), rtol=1e-5)


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


def test_the_parts_import_each_other_in_one_order():
    """Settings know nothing of torch, and the training nothing of the estimators."""
    code = """
import sys, mitools.estimators.neural.settings
print('torch' in sys.modules, 'mitools.estimators.neural.base' in sys.modules)
import mitools.estimators.neural.training
print('mitools.estimators.neural.base' in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", "False"]
