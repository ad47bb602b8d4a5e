"""Tables become dataclasses key by key, and go back."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from robustsplit.settings import setting
from robustsplit.study.tables import ConfigError, build, number, plain


@dataclass(frozen=True)
class Inner:
    size: int = setting(1, "pixels", least=0, most=9)
    others: dict[str, Any] = field(default_factory=dict, metadata={"rest": True})


@dataclass(frozen=True)
class Outer:
    names: tuple[str, ...] = setting((), "words", choices=("a", "b"))
    inner: Inner = field(default_factory=Inner)


def test_a_table_goes_there_and_back():
    table = {"names": ["a", "b"], "inner": {"size": 3, "anything": [1, "2"]}}
    made = build(Outer, table, "file")
    assert made == Outer(("a", "b"), Inner(3, {"anything": [1, "2"]}))
    assert plain(made) == table


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"name": []}, r"file: No configuration key named 'name'. Did you mean 'names'"),
        ({"names": "a"}, r"`names` must be a list, got 'a'. Write it as \['a'\]"),
        ({"names": ["c"]}, r"`names\[0\]`: No value named 'c'"),
        ({"inner": 3}, "file: inner must be a table, got 3"),
        ({"inner": {"size": 10}}, "`inner.size` must be from 0 to 9, got 10"),
        ({"inner": {"size": True}}, "`inner.size` must be a whole number, got True"),
        ({"inner": {"others": 3}}, "`inner.others` must be a table, got 3"),
    ],
)
def test_wrong_tables_name_the_key(table, message):
    with pytest.raises(ConfigError, match=message):
        build(Outer, table, "file")


def test_fractions_are_numbers():
    assert number("8/255") == 8 / 255 and number(" 1 / 2 ") == 0.5
    assert number("a/b") == "a/b" and number("1/0") == "1/0" and number(3) == 3
