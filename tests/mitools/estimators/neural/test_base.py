"""Estimators that train a critic or codes: known answers, controls, settings."""

import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mitools import (
    KSG,
    MINE,
    SMILE,
    GaussianCopula,
    InfoNCE,
    Learned,
    MissingExtraError,
    assess,
    distributions,
    mutual_information,
)
from mitools.estimators.neural.settings import BLOCK
from mitools.samples.installed import install_line

torch = pytest.importorskip("torch")


ROOT = Path(__file__).parents[4]


CRITICS = [InfoNCE, MINE, SMILE]


#: Short trainings, for tests that ask for no accuracy.
SHORT = {"epochs": 4, "patience": 2, "hidden": (8,), "weight_decays": (0.1,)}


def rotated_xor(n, seed):
    """The sign of y is the product of the signs of x: no two columns are dependent."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    y = np.sign(x[:, :1] * x[:, 1:]) * np.abs(rng.normal(size=(n, 1)))
    return x, y  # I = ln 2: the sign of y is a function of x, its size is independent


@pytest.mark.parametrize("critic", CRITICS)
def test_normal_pair(critic):
    truth = distributions.Gaussian((0.8,))
    estimator = critic(epochs=40, hidden=(32,), learning_rate=3e-3, weight_decays=(0.5,))
    found = estimator.estimate(*truth.sample(700, seed=1))
    assert truth.mutual_information - 0.2 < found.value < truth.mutual_information + 0.08
    assert 0 < found.stats["best_epoch"] <= found.stats["epochs"] <= 40


def test_xor_that_no_correlation_shows():
    x, y = rotated_xor(900, 0)
    assert abs(GaussianCopula().estimate(x, y).value) < 0.02
    found = InfoNCE(
        epochs=40, hidden=(32, 32), learning_rate=3e-3, weight_decays=(0.5,), folds=2
    ).estimate(x, y)
    assert 0.3 < found.value < math.log(2) + 0.05


@pytest.mark.parametrize("critic", CRITICS)
def test_independent_data_are_not_above_zero(critic):
    estimator = critic(epochs=15, patience=3, hidden=(16,), weight_decays=(0.2,))
    values = []
    for seed in range(12):
        x, y = np.random.default_rng(seed).normal(size=(2, 150, 2))
        values.append(replace(estimator, seed=seed).estimate(x, y).value)
    assert np.mean(values) < 2 * np.std(values) / math.sqrt(len(values)) + 1e-6
    assert np.mean(values) > -0.05


@pytest.mark.parametrize("estimator", [critic(**SHORT) for critic in CRITICS] + [Learned(**SHORT)])
def test_same_seed_same_bits_and_nothing_global_changes(estimator):
    x, y = distributions.Gaussian((0.9,)).sample(120, seed=0)
    state, threads = torch.random.get_rng_state(), torch.get_num_threads()
    np.random.seed(5)  # noqa: NPY002 - the state that must not be used
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first = estimator.estimate(x, y).value
    torch.manual_seed(77)
    assert estimator.estimate(x, y).value == first
    torch.random.set_rng_state(state)
    estimator.estimate(x, y)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.get_num_threads() == threads
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    assert replace(estimator, seed=1).estimate(x, y).value != first


def test_monotone_changes_of_columns_change_nothing():
    x, y = distributions.Gaussian((0.9,)).sample(120, seed=0)
    quick = InfoNCE(**SHORT)
    assert quick.estimate(np.exp(x), y**3).value == quick.estimate(x, y).value
    wide = np.hstack([x, np.ones((120, 1))])
    assert quick.estimate(wide, y).value == quick.estimate(x, y).value


def test_constant_sides_have_no_information():
    found = InfoNCE().estimate(np.ones(100), np.arange(100.0))
    assert (found.value, found.stats["epochs"]) == (0.0, 0.0)


@pytest.mark.parametrize("critic", [InfoNCE, MINE])
def test_ceiling_is_ln_of_the_pairs_measured_together(critic):
    assert critic().ceiling(300) == math.log(100)
    assert critic(folds=2).ceiling(301) == math.log(151)
    assert critic(folds=2).ceiling(4 * BLOCK) == math.log(BLOCK)
    x = np.random.default_rng(0).normal(size=(90, 1))
    quick = {"epochs": 40, "weight_decays": (0.0,), "learning_rate": 1e-2, "hidden": (32,)}
    found = critic(batch_size=20, **quick).estimate(x, x)
    assert 0.4 < found.value <= found.ceiling == math.log(30)


def test_ceiling_of_smile():
    assert SMILE().ceiling(300) == math.inf
    assert SMILE(clip=math.inf).ceiling(300) == math.log(100)


def test_smile_without_a_clip_reports_the_bound_of_its_critic():
    x, y = distributions.Gaussian((0.9,)).sample(150, seed=0)
    clipped = SMILE(clip=0.1, **SHORT).estimate(x, y).value
    assert SMILE(clip=math.inf, **SHORT).estimate(x, y).value < clipped


def test_more_than_a_block_is_measured_in_blocks(monkeypatch):
    from mitools.estimators.neural import critics

    monkeypatch.setattr(critics, "BLOCK", 20)
    x = np.random.default_rng(0).normal(size=(150, 1))
    found = InfoNCE(epochs=30, weight_decays=(0.0,)).estimate(x, x)
    assert found.value <= found.ceiling == math.log(17)


def test_permutations_train_anew_and_labels_are_taken_apart():
    rng = np.random.default_rng(0)
    label = rng.integers(2, size=160)
    x, y = distributions.Gaussian((0.95,)).sample(160, seed=0)
    estimator = InfoNCE(epochs=20, patience=10, weight_decays=(0.1,), folds=2)
    order = rng.permutation(160)
    null = estimator.prepare(x, y).permuted(np.stack([np.arange(160), order]))
    assert null[0] == estimator.estimate(x, y).value
    assert null[1] == estimator.estimate(x, y[order]).value
    within = mutual_information(x, y, given=label, estimator=estimator)
    assert set(within.parts) == {0, 1}
    assert 0.3 < within.value <= within.ceiling


def test_assessment():
    x, y = distributions.Gaussian((0.95,)).sample(160, seed=0)
    estimator = InfoNCE(epochs=20, patience=5, weight_decays=(0.1,), folds=2)
    assessment = assess(x, y, estimator=estimator, n_permutations=9, n_halves=2)
    assert assessment.p_value == 0.1
    assert assessment.null.max() < 0.2 < assessment.value
    assert isinstance(assessment.cross_check.estimate.estimator, KSG)


def test_without_torch_the_error_says_what_to_install():
    code = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] == 'torch':
            raise ImportError(f'{name} is blocked', name=name)
sys.meta_path.insert(0, Blocked())
import numpy as np, mitools
for name in ('infonce', 'mine', 'smile', 'learned'):
    estimator = mitools.parse_estimator(name)
    assert estimator.ceiling(300) > 0
    try:
        estimator.estimate(np.arange(90.0), np.arange(90.0))
    except mitools.MissingExtraError as error:
        print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("Training InfoNCE needs the package 'torch'")
    assert all(install_line("torch") in line for line in lines)
    assert issubclass(MissingExtraError, ImportError)
