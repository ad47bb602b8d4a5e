"""Settings of training: by themselves, in text, and refused."""

import inspect
import pickle
from dataclasses import fields, replace

import numpy as np
import pytest

from mitools import (
    KSG,
    MINE,
    SMILE,
    InfoNCE,
    Learned,
    Training,
    parse_estimator,
)
from mitools.estimators.neural.base import Trained


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
