"""The comparison with pinned values sees the last bit at home, and 1e-9 elsewhere."""

import json
import math

import numpy as np
import pytest

from tests.pinned import assessments, estimates, stored

OLD = {"a | value": 0.1, "a | ceiling": math.inf, "a | stats": math.nan, "a | verdict": "usable"}


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A file of pinned values, and what makes this another machine than the file's."""
    monkeypatch.setattr(stored, "FILE", tmp_path / "values.json")
    stored.write({"a": OLD}, {}, stored.machine())

    def move(**tolerances):
        whole = json.loads(stored.FILE.read_text())
        whole["machine"]["processor"] = "another one"
        stored.FILE.write_text(json.dumps({**whole, "tolerances": tolerances}))

    return move


def test_the_same_values_are_no_difference():
    assert stored.differences(OLD, dict(OLD)) == []


def test_the_file_keeps_every_bit(elsewhere):
    assert repr(stored.read()["values"]["a"]) == repr(dict(sorted(OLD.items())))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("a | value", np.nextafter(0.1, 1)),
        ("a | value", math.nan),
        ("a | ceiling", 1e300),
        ("a | stats", 0.0),
        ("a | verdict", "suspect"),
        ("a | new", 0.0),
    ],
)
def test_at_home_the_last_bit_counts(key, value, elsewhere):
    (line,) = stored.deviations("a", {**OLD, key: value})
    assert line.startswith(key)


def test_a_value_that_is_gone_is_named(elsewhere):
    (line,) = stored.deviations("a", {k: v for k, v in OLD.items() if k != "a | value"})
    assert line == "a | value: 0.1 is gone"


def test_elsewhere_the_last_digits_are_free(elsewhere):
    elsewhere()
    assert stored.deviations("a", {**OLD, "a | value": 0.1 + 5e-10}) == []
    assert stored.deviations("a", {**OLD, "a | value": 0.1 + 2e-9})
    assert stored.deviations("a", {**OLD, "a | verdict": "suspect"})


def test_a_value_may_have_a_tolerance_of_its_own(elsewhere):
    changed = {**OLD, "a | value": 0.1 + 1e-4}
    assert stored.deviations("a", changed)
    elsewhere(a={"a | value": 1e-3})
    assert stored.deviations("a", changed) == []
    assert stored.deviations("a", {**OLD, "a | value": 0.11})
    assert stored.deviations("a", {**changed, "a | ceiling": 1.0})


def test_the_file_has_the_groups_that_are_tested():
    pytest.importorskip("torch")
    from tests.pinned import networks, trained

    modules = (estimates, assessments, networks, trained)
    groups = [group for module in modules for group in module.GROUPS]
    whole = stored.read()
    assert sorted(groups) == sorted(whole["values"])
    for group, own in whole["tolerances"].items():
        assert own.keys() <= whole["values"][group].keys()
