"""Error messages that both packages need: unknown names, bad numbers, missing packages."""

from __future__ import annotations

import functools
import importlib
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import fields
from difflib import get_close_matches
from numbers import Integral
from types import ModuleType
from typing import Any, TypeVar

from mitools.samples.installed import install_line

__all__ = [
    "MissingExtraError",
    "check_flag",
    "check_settings",
    "check_whole",
    "gone",
    "removed",
    "require",
    "unknown",
    "visible",
]

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


def check_flag(name: str, value: Any) -> None:
    """Check that a setting is True or False; "no" and 0 are taken for neither.

    Args:
        name: The name of the setting.
        value: Its value.

    Raises:
        TypeError: If it is not.
    """
    if not isinstance(value, bool) and type(value).__name__ not in ("bool_", "bool"):
        raise TypeError(f"`{name}` must be True or False, got {value!r}.")


def check_settings(settings: Any) -> None:
    """Check what every dataclass of settings has alike: flags are Booleans, seeds whole numbers.

    NumPy's whole numbers become Python's, which no arithmetic on seeds overflows.

    Args:
        settings: An instance; its fields are read by their annotated types.

    Raises:
        TypeError: For a flag that is neither True nor False.
        ValueError: For a seed that is no whole number of at least 0.
    """
    for item in fields(settings):
        value = getattr(settings, item.name)
        if item.type in (bool, "bool"):
            check_flag(item.name, value)
        elif item.name == "seed" and item.type in (int, "int"):
            check_whole("seed", value, 0)
            object.__setattr__(settings, "seed", int(value))


def visible(text: str) -> str:
    r"""Return text in which nothing acts: no character steers a terminal or turns the line round.

    Args:
        text: Any text, such as the name of a layer.

    Returns:
        The text with its control characters, marks of direction, line separators and lone
        surrogates written as escapes, such as ``\x1b``; line ends and tabs stay.
    """
    return "".join(map(_seen, text)) if not (text.isascii() and text.isprintable()) else text


def _seen(character: str) -> str:
    acts = unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    if not acts or character in "\n\t\u200c\u200d":  # joiners are part of words and pictures
        return character
    return character.encode("unicode_escape", "surrogatepass").decode()


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
            f"Add it with: {install_line(extra)}"
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
