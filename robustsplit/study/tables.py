"""Tables of settings as frozen dataclasses, and back: every key, type and range is checked.

Nothing here knows what is set. A field says its meaning and its values through
`robustsplit.settings.setting`; a field with ``rest=True`` in its metadata takes the keys that the
dataclass has no field for.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from fractions import Fraction
from math import isfinite
from typing import Any, Literal, get_args, get_origin, get_type_hints

from mitools.samples.messages import unknown

#: What a table is called; or a function of a key, where keys come from several places.
Source = str | Callable[[str], str]

__all__ = ["ConfigError", "build", "number", "plain"]


class ConfigError(ValueError):
    """A setting that cannot be used; the message names file and key and what to write instead."""


def build(kind: type[Any], table: Mapping[str, Any], source: Source, where: str = "") -> Any:
    """Make a dataclass from a table, every key checked.

    Args:
        kind: The dataclass.
        table: Values by name of its fields; a field that is a dataclass takes a table of its own.
        source: What error messages call the table, such as the name of its file; or a function
            that says it for each key.
        where: The key under which the table stands, such as "robust.attack"; empty at the top.

    Returns:
        The dataclass.

    Raises:
        ConfigError: For an unknown key, a wrong type, or a value out of range.
    """
    if not isinstance(table, Mapping):
        raise ConfigError(
            f"{_said(source, where)}: {where or 'the file'} must be a table, got {table!r}."
        )
    known = {item.name: item for item in fields(kind)}
    hints = get_type_hints(kind)
    if rest := _rest(kind):
        others = {key: value for key, value in table.items() if key not in known}
        table = {key: value for key, value in table.items() if key in known}
        if isinstance(table.setdefault(rest, {}), Mapping):
            table[rest] = {**table[rest], **others}
    values = {}
    for key, value in table.items():
        name = f"{where}.{key}" if where else key
        if key not in known:
            raise ConfigError(
                f"{_said(source, name)}: "
                + unknown("configuration key", name, _siblings(kind, where))
            )
        if is_dataclass(hints[key]):
            values[key] = build(hints[key], value, source, name)
        else:
            values[key] = _checked(
                value, hints[key], known[key].metadata, f"{_said(source, name)}: `{name}`"
            )
    return kind(**values)


def _said(source: Source, key: str) -> str:
    return source if isinstance(source, str) else source(key)


def _rest(kind: type[Any]) -> str | None:
    """Return the field that takes the keys which have no field of their own, if there is one."""
    return next((item.name for item in fields(kind) if item.metadata.get("rest")), None)


def _siblings(kind: type[Any], where: str) -> list[str]:
    return [f"{where}.{item.name}" if where else item.name for item in fields(kind)]


def _checked(value: Any, hint: Any, metadata: Mapping[str, Any], label: str) -> Any:
    """Return `value` as the type `hint`, inside its range, or say what was expected."""
    origin = get_origin(hint)
    hint = str if origin is Literal else hint
    if origin is types.UnionType:  # text, or a list
        return _checked(
            value, str if isinstance(value, str) else get_args(hint)[0], metadata, label
        )
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{label} must be a list, got {value!r}. Write it as [{value!r}].")
        (inner, _) = get_args(hint)
        return tuple(
            _checked(item, inner, metadata, f"{label[:-1]}[{i}]`") for i, item in enumerate(value)
        )
    if origin is dict:
        if not isinstance(value, Mapping):
            raise ConfigError(f"{label} must be a table, got {value!r}.")
        return dict(value)
    if hint is float:
        value = number(value)
        value = float(value) if isinstance(value, int) and not isinstance(value, bool) else value
    expected = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}[hint]
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise ConfigError(f"{label} must be {expected}, got {value!r}.")
    if isinstance(value, float) and not isfinite(value):
        raise ConfigError(f"{label} must be a finite number, got {value!r}.")
    least, most, choices = metadata["least"], metadata["most"], metadata["choices"]
    if choices and value not in choices:
        raise ConfigError(f"{label}: " + unknown("value", value, choices))
    if (least is not None and value < least) or (most is not None and value > most):
        bounds = f"at least {least}" if most is None else f"from {least} to {most}"
        raise ConfigError(f"{label} must be {bounds}, got {value!r}.")
    return value


def number(value: Any) -> Any:
    """Return text such as "8/255" as a number; everything else as it is."""
    if isinstance(value, str) and "/" in value:
        try:
            return float(Fraction(value.replace(" ", "")))
        except (ValueError, ZeroDivisionError):
            return value
    return value


def plain(value: Any) -> Any:
    """Return nested plain values, as they stand in a TOML file.

    Args:
        value: A dataclass of settings, or anything in one.

    Returns:
        Dicts, lists, and values without parts. Empty dicts are left out.
    """
    if is_dataclass(value) and not isinstance(value, type):
        if not value:  # a section that says it is absent
            return {}
        table = {item.name: plain(getattr(value, item.name)) for item in fields(value)}
        if rest := _rest(type(value)):
            table |= table.pop(rest)
        return {key: item for key, item in table.items() if item != {}}
    if isinstance(value, Mapping | types.MappingProxyType):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value
