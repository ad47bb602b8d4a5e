"""Error messages that both packages need: unknown names, bad numbers, missing packages."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from numbers import Integral
from types import ModuleType
from typing import Any, TypeVar

__all__ = ["MissingExtraError", "check_whole", "gone", "removed", "require", "unknown"]

Class = TypeVar("Class", bound=type)

#: How many known names an error lists before it only counts the rest.
LISTED = 12


class MissingExtraError(ImportError):
    """An optional package is needed and missing; the message has the pip line that adds it."""


def unknown(kind: str, name: object, known: Iterable[object]) -> str:
    """Say that `name` is no known `kind`, with the nearest matches first.

    Args:
        kind: What the name should have been, in the singular ("layer", "configuration key").
        name: The name that was given.
        known: The names that would have been right, in their natural order.

    Returns:
        One line, such as ``No layer named 'fc3'. Did you mean 'fc2'? Known layers: conv1, fc2.``
    """
    names = [str(item) for item in known]
    near = get_close_matches(str(name), names, n=3, cutoff=0.5)
    hint = f" Did you mean {' or '.join(repr(item) for item in near)}?" if near else ""
    rest = f" ... ({len(names) - LISTED} more)" if len(names) > LISTED else ""
    head, of, rest_of_kind = kind.partition(" of ")
    plural = _plural(head)
    listed = ", ".join(names[:LISTED]) or "none"
    return (
        f"No {kind} named {str(name)!r}.{hint} Known {plural}{of}{rest_of_kind}: {listed}{rest}."
    )


def check_whole(name: str, value: Any, least: int = 1) -> None:
    """Check that a setting is a whole number of at least `least`.

    Args:
        name: The name of the setting.
        value: Its value.
        least: The least value allowed.

    Raises:
        ValueError: If it is not.
    """
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise ValueError(f"`{name}` must be a whole number, got {value!r}.")
    if int(value) < least:
        raise ValueError(f"`{name}` must be at least {least}, got {value}.")


def _plural(noun: str) -> str:
    if noun.endswith("y") and noun[-2:] not in ("ay", "ey", "oy"):
        return noun[:-1] + "ies"
    if noun.endswith("axis"):
        return noun[:-2] + "es"
    return noun + ("es" if noun.endswith(("s", "x", "ch", "sh")) else "s")


def require(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import an optional package, or say how to add it.

    Args:
        module: The name to import.
        extra: The extra of this distribution that brings it.
        purpose: What needs it, as the subject of a sentence ("Reading Parquet files").

    Returns:
        The imported module.

    Raises:
        MissingExtraError: When it is not installed.
        ImportError: When it is installed but cannot be imported; the package's own error.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        if error.name is not None and error.name.partition(".")[0] != package:
            raise  # installed, but broken in a way of its own: that message is the useful one
        raise MissingExtraError(
            f"{purpose} needs the package {package!r}, which is not installed. "
            f'Add it with: pip install "robustsplit[{extra}]"'
        ) from error


def removed(**settings: str) -> Callable[[Class], Class]:
    """Let a class say what to do instead when it is given a setting that it used to have.

    Args:
        **settings: For each setting that is gone, what replaces it, as one or two sentences.

    Returns:
        A class decorator. The signature stays as it is; passing one of the settings raises a
        TypeError with its sentence, and `gone` tells other readers of settings.
    """

    def decorated(cls: Class) -> Class:
        changed: Any = cls
        made = changed.__init__

        @functools.wraps(made)
        def __init__(self: Any, *args: Any, **given: Any) -> None:
            for name in given:
                if name in settings:
                    raise TypeError(_gone(type(self).__name__, name, settings[name]))
            made(self, *args, **given)

        changed.__init__ = __init__
        changed.REMOVED_SETTINGS = settings
        return cls

    return decorated


def gone(maker: Any, setting: str) -> str | None:
    """Return what to do instead of a setting that a class had once, or None if it had none.

    Args:
        maker: The class, or a function that makes it.
        setting: The setting's name.
    """
    instead = getattr(maker, "REMOVED_SETTINGS", {}).get(setting)
    return None if instead is None else _gone(maker.__name__, setting, instead)


def _gone(name: str, setting: str, instead: str) -> str:
    return f"{name} has no setting {setting!r} any more. {instead}"
