"""The error messages both packages need: what they say, and that they do not hide others."""

from dataclasses import dataclass

import numpy as np
import pytest

from mitools.samples.messages import (
    LISTED,
    MissingExtraError,
    check_flag,
    check_settings,
    check_whole,
    gone,
    removed,
    require,
    unknown,
    visible,
)


def test_the_nearest_names_come_first():
    said = unknown("layer", "fc3", ["conv1", "fc2"])
    assert said == "No layer named 'fc3'. Did you mean 'fc2'? Known layers: conv1, fc2."
    assert "Did you mean" not in unknown("layer", "zzz", ["conv1"])
    assert unknown("layer", 3, []) == "No layer named '3'. Known layers: none."


def test_long_lists_are_counted():
    names = [f"name{i}" for i in range(LISTED + 3)]
    said = unknown("name", "x", names)
    assert f"name{LISTED - 1} ... (3 more)." in said
    assert f"name{LISTED}" not in said


@pytest.mark.parametrize(
    ("kind", "plural"),
    [
        ("key", "keys"),
        ("strategy", "strategies"),
        ("axis", "axes"),
        ("loss", "losses"),
        ("batch", "batches"),
        ("setting of EDGE", "settings of EDGE"),
    ],
)
def test_kinds_have_their_plural(kind, plural):
    assert f"Known {plural}: a." in unknown(kind, "q", ["a"])


@pytest.mark.parametrize("good", [1, 7, np.int32(3), np.uint8(1)])
def test_whole_numbers_of_any_width_are_taken(good):
    check_whole("k", good)


@pytest.mark.parametrize(
    ("bad", "least", "message"),
    [
        (0, 1, "`k` must be at least 1, got 0"),
        (-1, 0, "`k` must be at least 0, got -1"),
        (2.0, 1, "`k` must be a whole number, got 2.0"),
        (True, 1, "`k` must be a whole number, got True"),
        ("3", 1, "`k` must be a whole number, got '3'"),
        (None, 1, "`k` must be a whole number, got None"),
    ],
)
def test_other_numbers_are_refused(bad, least, message):
    with pytest.raises(ValueError, match=message):
        check_whole("k", bad, least)


def test_a_missing_package_says_how_to_add_it():
    assert require("json", extra="any", purpose="This").__name__ == "json"
    message = r"Reading needs the package 'nowhere_at_all'.*pip install"
    with pytest.raises(MissingExtraError, match=message) as caught:
        require("nowhere_at_all.inside", extra="tables", purpose="Reading")
    assert isinstance(caught.value, ImportError)


def test_a_package_that_is_broken_says_so_itself(tmp_path, monkeypatch):
    (tmp_path / "broken_inside.py").write_text("import nowhere_at_all\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="nowhere_at_all") as caught:
        require("broken_inside", extra="tables", purpose="Reading")
    assert not isinstance(caught.value, MissingExtraError)


def test_settings_that_are_gone_name_what_replaces_them():
    @removed(old="Use `new`.")
    class Settings:
        def __init__(self, new=1):
            self.new = new

    assert Settings(new=2).new == 2
    with pytest.raises(TypeError, match=r"Settings has no setting 'old' any more\. Use `new`\."):
        Settings(old=3)
    with pytest.raises(TypeError, match="unexpected keyword argument 'other'"):
        Settings(other=3)
    assert gone(Settings, "old") == "Settings has no setting 'old' any more. Use `new`."
    assert gone(Settings, "new") is None
    assert gone(int, "old") is None


def test_flags_are_true_or_false():
    for value in (True, False, np.True_):
        check_flag("sweep", value)
    for value in ("no", 0, 1, None, []):
        with pytest.raises(TypeError, match="`sweep` must be True or False"):
            check_flag("sweep", value)


def test_nothing_in_a_visible_text_acts():
    assert visible("conv1 -> größe 漢\n\t") == "conv1 -> größe 漢\n\t"
    assert visible("a\x1b]0;b\x07\u202e\u2028\ud800") == "a\\x1b]0;b\\x07\\u202e\\u2028\\ud800"


def test_settings_are_checked_by_their_types():
    @dataclass(frozen=True)
    class Settings:
        seed: int = 0
        sweep: bool = True

    made = Settings(np.int8(3))
    check_settings(made)
    assert type(made.seed) is int
    for wrong in (Settings(None), Settings("2"), Settings(True), Settings(-1), Settings(1.5)):
        with pytest.raises(ValueError, match="`seed` must be"):
            check_settings(wrong)
    with pytest.raises(TypeError, match="`sweep` must be True or False"):
        check_settings(Settings(sweep="no"))
