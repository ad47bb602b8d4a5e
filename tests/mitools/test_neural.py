"""Estimators that train a critic or codes: known answers, controls, settings."""

import inspect
import math
import pickle
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from mitools import (
    KSG,
    MINE,
    SMILE,
    Gaussian,
    GaussianCopula,
    InfoNCE,
    Learned,
    MissingExtraError,
    Training,
    assess,
    distributions,
    mutual_information,
    parse_estimator,
)
from mitools.estimators.neural.base import Trained
from mitools.estimators.neural.settings import BLOCK

torch = pytest.importorskip("torch")

ROOT = Path(__file__).parents[2]
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


# --- learned codes ------------------------------------------------------------------------------


def low_rank(n, width, seed, information=1.0):
    """Two normal signals spread over many columns a side."""
    rng, fixed = np.random.default_rng(seed), np.random.default_rng(99)
    r = math.sqrt(-math.expm1(-information))  # each of two pairs has half of the information
    signal = rng.normal(size=(n, 2))
    other = r * signal + math.sqrt(1 - r**2) * rng.normal(size=(n, 2))
    return tuple(side @ fixed.normal(size=(2, width)) for side in (signal, other))


def test_learned_codes_of_wide_data():
    x, y = low_rank(600, 100, seed=0)
    estimator = Learned(n_components=2, epochs=40, learning_rate=3e-3, weight_decays=(1.0,))
    found = estimator.estimate(x, y)
    assert 0.75 < found.value < 1.1
    assert found.ceiling == estimator.then.ceiling(300)


def test_learned_takes_any_estimator_of_codes():
    x, y = distributions.Gaussian((0.9,)).sample(200, seed=0)
    found = Learned(
        then=GaussianCopula(),
        n_components=1,
        hidden=(16,),
        batch_size=16,
        epochs=40,
        learning_rate=3e-3,
        weight_decays=(0.2,),
    ).estimate(x, y)
    assert 0.5 < found.value < 1.0  # 0.83
    assert Learned(then=Gaussian()).ceiling(200) == math.inf
    assert Learned(then=KSG(k=50)).minimum_samples() == 102
    assert Learned().minimum_samples() == 40


@pytest.mark.parametrize("reconstruction", [0.0, 1.0])
def test_learned_codes_of_independent_data(reconstruction):
    estimator = Learned(reconstruction=reconstruction, **SHORT)
    values = [
        estimator.estimate(*np.random.default_rng(seed).normal(size=(2, 120, 3))).value
        for seed in range(10)
    ]
    assert abs(np.mean(values)) < 0.1


# --- settings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden": 64}, "`hidden` must be a tuple of layer sizes"),
        ({"hidden": (64, 0)}, "`hidden` must be at least 1, got 0"),
        ({"folds": 1}, "`folds` must be at least 2, got 1"),
        ({"batch_size": 1}, "`batch_size` must be at least 2"),
        ({"epochs": 0}, "`epochs` must be at least 1"),
        ({"patience": 2.5}, "`patience` must be a whole number"),
        ({"validation": 0.9}, "`validation` must be a share above 0 and at most 0.5, got 0.9"),
        ({"learning_rate": 0}, "`learning_rate` must be a positive number"),
        ({"weight_decays": ()}, "`weight_decays` must be a tuple of numbers"),
        ({"weight_decays": (1.0, -1.0)}, "`weight_decays` must be a tuple of numbers"),
        ({"device": None}, "`device` must be text"),
        ({"seed": -1}, "`seed` must be at least 0"),
    ],
)
@pytest.mark.parametrize("kind", [InfoNCE, Learned])
def test_bad_settings(kind, settings, message):
    with pytest.raises(ValueError, match=message):
        kind(**settings)


def test_settings_of_the_training_may_be_given_by_themselves():
    quick = Training(epochs=40, hidden=(8,))
    assert InfoNCE(epochs=40, hidden=(8,)) == InfoNCE(training=quick)
    assert InfoNCE(training=quick, epochs=9).training == Training(epochs=9, hidden=(8,))
    assert replace(InfoNCE(training=quick), seed=3) == InfoNCE(training=quick, seed=3)
    assert replace(Learned(training=quick), epochs=3).training == Training(epochs=3, hidden=(8,))
    assert pickle.loads(pickle.dumps(SMILE(training=quick))) == SMILE(training=quick)
    assert hash(InfoNCE(epochs=40)) == hash(InfoNCE(training=Training(epochs=40)))
    assert {critic().training for critic in (InfoNCE, MINE, SMILE, Learned)} == {Training()}
    names = {item.name for item in fields(Training)}
    for kind in (InfoNCE, Learned):
        assert not names & {item.name for item in fields(kind)}
        assert str(inspect.signature(kind)).startswith("(*, training: 'Training'")


def test_what_is_no_training_is_refused():
    with pytest.raises(TypeError, match=r"`training` must be a Training\(...\), got 40"):
        InfoNCE(training=40)
    with pytest.raises(TypeError, match="unexpected keyword argument 'epoch'"):
        InfoNCE(epoch=40)
    with pytest.raises(ValueError, match="No setting of infonce named 'epoch'"):
        parse_estimator("infonce:epoch=40")
    with pytest.raises(ValueError, match=r"is not a usable setting.*`training` must be a Train"):
        parse_estimator("infonce:training=fast")


def test_bad_settings_of_its_own():
    with pytest.raises(ValueError, match="`clip` must be above 0"):
        SMILE(clip=0)
    with pytest.raises(ValueError, match="`clip` must be a number, got 'wide'"):
        SMILE(clip="wide")
    with pytest.raises(ValueError, match="`n_components` must be at least 1"):
        Learned(n_components=0)
    with pytest.raises(TypeError, match="`then` must be an estimator such as KSG"):
        Learned(then="ksg")
    with pytest.raises(ValueError, match="`reconstruction` must be a number of at least 0"):
        Learned(reconstruction=-1.0)
    with pytest.raises(ValueError, match="needs at least 60 samples, got 30"):
        InfoNCE().estimate(np.arange(30), np.arange(30))


def test_text_and_repr():
    assert parse_estimator("infonce:folds=5,epochs=9") == InfoNCE(folds=5, epochs=9)
    assert parse_estimator("smile:clip=2") == SMILE(clip=2)
    assert parse_estimator("mine") == MINE()
    assert parse_estimator("learned:n_components=2,then=ksg") == Learned(
        n_components=2, then=KSG()
    )
    assert repr(SMILE(clip=2.0, seed=3)) == "SMILE(seed=3, clip=2.0)"
    assert repr(Learned()) == "Learned()"
    quick = parse_estimator("mine:epochs=30,hidden=32x32,device=cpu,folds=2")
    assert repr(quick) == "MINE(training=Training(hidden=(32, 32), epochs=30), folds=2)"
    assert quick == MINE(training=Training(hidden=(32, 32), epochs=30), folds=2)
    assert issubclass(InfoNCE, Trained)


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
    assert all('pip install "robustsplit[torch]"' in line for line in lines)
    assert issubclass(MissingExtraError, ImportError)
