"""One network of the user's: what is measured, what is said of it."""

import numpy as np
import pytest
import torch

from robustsplit.data import ImageData
from robustsplit.measurement import Measurement
from robustsplit.profiling import profile_model
from tests.robustsplit.tiny import images

QUICK = Measurement(n_permutations=3, n_halves=2, cross_check=None, released=False)


@pytest.fixture(scope="module")
def data():
    x, y = images()
    return ImageData(torch.from_numpy(x[:150]), torch.from_numpy(y[:150]), name="some digits")


def test_it_measures_as_it_is_told(user, data):
    address, weights = f"{user}/nets.py:tiny", user / "w.safetensors"
    with pytest.warns(UserWarning, match="no better than chance"):  # weights without training
        found = profile_model(address, data, weights=weights, measurement=QUICK, shown=False)
    (profile,) = found.profiles.values()
    assert list(found.profiles) == ["tiny"] and found.results == ()
    assert ["no better than chance" in text for text in found.warnings] == [True]
    assert profile.settings["n_permutations"] == 3 and np.isnan(profile.pairs[0].released)
    assert set(found.scores["tiny"]) == {"clean"} and found.attack == "clean"
    assert found.data == "some digits, 150 images"


def test_untrained_networks_and_notes_are_told(user, data):
    how = Measurement.of(QUICK, memory=1000, point="pre")
    found = profile_model(f"{user}/nets.py:tiny", data, measurement=how, shown=False, unit="nats")
    assert "No weights were given: the network is untrained." in found.warnings
    assert any("would take" in text for text in found.warnings)
    assert found.profiles["tiny"].settings["point"] == "pre" and found.unit == "nats"


def test_under_an_attack_both_accuracies_are_given(user, data):
    attack = {"name": "fgsm", "eps": "16/255"}
    address, weights = f"{user}/nets.py:tiny", user / "w.safetensors"
    found = profile_model(
        address, data, weights=weights, attack=attack, layers=["1", "3"], measurement=QUICK,
        shown=False,
    )  # fmt: skip
    assert set(found.scores["tiny"]) == {"clean", "attacked"}
    assert [(p.parent, p.child) for p in found.profiles["tiny"].pairs] == [("1", "3")]
    assert found.profiles["tiny"].settings["inputs"] == "adversarial"
