"""How one setting is declared: its default, its meaning, and the values it takes."""

from __future__ import annotations

from dataclasses import field
from typing import Any

__all__ = ["setting"]


def setting(
    default: Any,
    help: str,
    *,
    least: float | None = None,
    most: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """Declare a dataclass field that a configuration file may set.

    Args:
        default: Its value where nothing is said.
        help: Its meaning; shown in the docs.
        least: Smallest number it may be.
        most: Largest number it may be.
        choices: The words it may be.

    Returns:
        The field; `robustsplit.study.config` checks values against its metadata.
    """
    metadata = {"help": help, "least": least, "most": most, "choices": choices}
    return field(default=default, metadata=metadata)
