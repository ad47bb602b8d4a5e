"""What is written on the command line, as values: shapes, factory arguments, data, attacks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from robustsplit.data import ImageData

__all__ = ["factory_arguments", "globs", "input_shape", "paper_attack_table", "read_data"]


def paper_attack_table(name: str, eps: str) -> dict[str, Any]:
    """Return the configuration table of a published attack at the radius `eps`."""
    return {"name": name, "paper": True} | ({} if name == "cw" else {"eps": eps})


def globs(patterns: list[str] | None) -> list[str] | None:
    """Return layer names and globs, split at commas; None without any."""
    return [name for text in patterns for name in text.split(",")] if patterns else None


def factory_arguments(texts: list[str] | None) -> dict[str, Any]:
    """Read ``KEY=VALUE`` texts, the values as in TOML; bare words are text."""
    import tomllib

    found: dict[str, Any] = {}
    for text in texts or ():
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise ValueError(f"--arg takes KEY=VALUE such as classes=10, got {text!r}.")
        try:
            found[key] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            found[key] = value
    return found


def input_shape(text: str) -> list[int]:
    """Read a shape such as ``3x224x224``."""
    try:
        return [int(part) for part in text.replace(",", "x").split("x")]
    except ValueError:
        raise ValueError(f"--shape takes numbers such as 3x224x224, got {text!r}.") from None


def read_data(path: Path, size: int, grayscale: bool) -> ImageData:
    """Read one set from an npz file, or from a folder with one folder per class."""
    from robustsplit import data

    if path.is_dir():
        return data.from_folder(path, size=size or None, grayscale=grayscale)
    if not path.is_file():
        raise FileNotFoundError(f"No data at {path}: neither an npz file nor a folder.")
    return data.from_npz(path)
