"""Bounds of trained critics against their formulas, and when training stops."""

import math
import subprocess
import sys

import numpy as np
import pytest

from mitools import MINE, Training, distributions

torch = pytest.importorskip("torch")

from mitools.estimators.neural import training  # noqa: E402 - needs torch


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
