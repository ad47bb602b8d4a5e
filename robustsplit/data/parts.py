"""Which of the three parts a name means: "train", "Training_Set", "val", "test", ..."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypeVar

__all__ = ["as_published", "part_of", "parts_of"]

_PARTS = {
    "train": re.compile(r"tr(ai)?n(ing)?"),
    "validation": re.compile(r"val(id(ation)?)?|dev(el(opment)?)?"),
    "test": re.compile(r"te?st(ing)?|eval(uation)?"),
}
_AROUND = re.compile(r"^(seg|images?|data)[_-]|[_-]?(set|data|images?|dir)$")

T = TypeVar("T")


def part_of(name: str) -> str | None:
    """Return "train", "validation" or "test" if `name` is a usual name for it, else None."""
    core = _AROUND.sub("", name.lower())
    return next((part for part, known in _PARTS.items() if known.fullmatch(core)), None)


def parts_of(names: Iterable[str]) -> dict[str, str]:
    """Return which part each of some names beside one another means, of those that mean one.

    Besides the usual names, names count that differ in the part's word alone: "train2017" and
    "val2017", "ILSVRC2012_img_train" and "ILSVRC2012_img_val".
    """
    names = list(names)
    found = {name: part for name in names if (part := part_of(name))}
    alike: dict[tuple[str, ...], dict[str, str]] = {}
    for name in names:
        words = re.findall(r"[a-z]+|[0-9]+|[^a-z0-9]+", name.lower())
        parts = [part_of(word) if word.isalpha() else None for word in words]
        if name not in found and sum(map(bool, parts)) == 1:
            at = next(index for index, part in enumerate(parts) if part)
            rest = (*words[:at], "", *words[at + 1 :])
            alike.setdefault(rest, {})[name] = str(parts[at])
    for group in alike.values():
        if len(set(group.values())) > 1:
            found |= group
    return found


def as_published(found: Mapping[str, T]) -> dict[str, T]:
    """Let the validation part stand for the test part where there is none.

    ImageNet and Imagenette are published as train/ and val/, and papers report accuracies on
    val/. A set with all three parts stays as it is.

    Args:
        found: Something for each part by its name: "train", "validation", "test".

    Returns:
        The same, with what stood for "validation" under "test" if there was no "test".
    """
    parts = dict(found)
    if "test" not in parts and "validation" in parts:
        parts["test"] = parts.pop("validation")
    return parts
