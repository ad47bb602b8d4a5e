"""One value for how connectivity is measured: read from text, changed, described, completed."""

import inspect
import json
from dataclasses import fields, replace

import pytest

from mitools import EDGE, KSG, PCA, Reduced
from robustsplit.analysis import connectivity
from robustsplit.measurement import DEFAULT_ESTIMATOR, Measurement, shows_settings


def test_settings_are_taken_from_a_mapping_a_value_or_keywords_and_keywords_come_first():
    expected = Measurement(point="pre", n_permutations=7)
    assert Measurement.of({"point": "pre"}, n_permutations=7) == expected
    assert Measurement.of(expected) == expected
    assert Measurement.of(expected, n_permutations=9) == replace(expected, n_permutations=9)
    assert Measurement.of({"n_permutations": 3}, n_permutations=9).n_permutations == 9
    assert Measurement.of() == Measurement.of(None) == Measurement()


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"n_permutation": 5}, TypeError, "Did you mean 'n_permutations'"),
        ({"point": "past"}, ValueError, "No point named 'past'. Did you mean 'post'"),
        ({"shortcuts": "some"}, ValueError, "No treatment of shortcuts named 'some'"),
        ({"small_classes": "merge"}, ValueError, "No treatment of small classes named 'merge'"),
    ],
)
def test_what_there_is_not_is_refused_with_the_nearest(settings, error, message):
    with pytest.raises(error, match=message):
        Measurement.of(settings)


def test_texts_of_files_and_commands_become_values():
    read = Measurement.from_text(estimator="ksg+pca:2", reduce="gap", max_per_class=9)
    assert read == Measurement(estimator=Reduced(KSG(), PCA(2)), reduce="gap", max_per_class=9)
    assert Measurement.from_text() == Measurement()
    with pytest.raises(ValueError, match="Did you mean 'gap'"):
        Measurement.from_text(reduce="gapp")
    with pytest.raises(ValueError, match="Did you mean 'ksg'"):
        Measurement.from_text(estimator="kgs")


def test_without_an_estimator_the_packages_choice_is_used():
    assert Measurement().estimator_used is DEFAULT_ESTIMATOR
    assert Measurement(estimator=EDGE()).estimator_used == EDGE()


def test_every_setting_is_described_and_survives_json():
    described = Measurement(estimator=KSG(k=5), reduce=len).describe()
    assert list(described) == [item.name for item in fields(Measurement)]
    assert json.loads(json.dumps(described)) == described
    assert described["estimator"] == repr(KSG(k=5)) and described["reduce"] == repr(len)


def test_a_description_that_names_fewer_settings_is_that_of_the_defaults():
    """Stores of earlier versions name the seven settings of a configuration file."""
    old = {
        "estimator": None,
        "point": "post",
        "reduce": None,
        "released": True,
        "n_permutations": 5,
        "max_per_class": None,
        "small_classes": "error",
    }
    assert Measurement.completed(old) == Measurement(n_permutations=5).describe()
    assert Measurement.completed({**old, "point": "pre"}) != Measurement.completed(old)


def test_every_setting_is_documented():
    text = inspect.getdoc(Measurement)
    assert all(f"\n    {item.name}: " in text for item in fields(Measurement))


@pytest.mark.parametrize("function", [connectivity, Measurement.of, Measurement.from_text])
def test_the_signature_lists_every_setting_with_its_default(function):
    shown = inspect.signature(function).parameters
    own = ["estimator", "point", "reduce", "max_per_class"]  # `from_text` reads these from words
    for item in fields(Measurement):
        assert shown[item.name].kind is inspect.Parameter.KEYWORD_ONLY
        if function != Measurement.from_text or item.name not in own:
            assert shown[item.name].default == item.default
            assert shown[item.name].annotation == item.type
    assert not any(p.kind is p.VAR_KEYWORD for p in shown.values())
    assert "n_permutations: 'int' = 50" in str(inspect.signature(function))


def test_only_a_function_that_takes_settings_can_show_them():
    with pytest.raises(TypeError, match="must be \\*\\*settings, got model"):
        shows_settings(lambda model: None)
