"""Options of several commands, and what is written there as values: shapes, data, attacks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from robustsplit.data import ImageData

__all__ = [
    "Arguments",
    "Folder",
    "Model",
    "Overrides",
    "Shortcuts",
    "Shown",
    "attack_table",
    "factory_arguments",
    "globs",
    "input_shape",
    "paper_attack_table",
    "read_data",
]

Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", help="Replace a setting: KEY=VALUE, such as algorithm1.trials=5."),
]
Shown = Annotated[
    bool | None,
    typer.Option("--progress/--no-progress", help="Force the progress bar on or off."),
]
Model = Annotated[str, typer.Argument(help="package.module:factory or path/to/file.py:factory.")]
Arguments = Annotated[
    list[str] | None, typer.Option("--arg", help="Argument of the factory, KEY=VALUE.")
]
Folder = Annotated[Path, typer.Argument(help="A run directory.")]
Shortcuts = Annotated[
    str,
    typer.Option(help="Whether projections on residual shortcuts are layers: exclude or include."),
]


def paper_attack_table(name: str, eps: str) -> dict[str, Any]:
    """Return the configuration table of an attack with the paper's settings.

    Args:
        name: The attack, such as "pgd".
        eps: Its radius, such as "8/255"; "cw" takes none, and it is left out.

    Returns:
        A table for `robustsplit.attacks.attack_from_config`.
    """
    return {"name": name, "paper": True} | ({} if name == "cw" else {"eps": eps})


def attack_table(name: str, eps: str | None) -> dict[str, Any]:
    """Return the configuration table of what the command line calls an attack.

    Args:
        name: "clean", or an attack.
        eps: Its radius; None: 8/255, where the attack has one.

    Returns:
        A table for `robustsplit.attacks.attack_from_config`.

    Raises:
        ValueError: For a radius where there is none.
    """
    if eps is not None and name in ("clean", "cw"):
        why = "there is no attack on `clean` inputs" if name == "clean" else "`cw` has no radius"
        raise ValueError(f"--eps {eps} would have no effect: {why}. Leave it out.")
    return {"name": name} if name == "clean" else paper_attack_table(name, eps or "8/255")


def globs(patterns: list[str] | None) -> list[str] | None:
    """Return layer names and globs.

    Args:
        patterns: Texts with one or more names, separated by commas.

    Returns:
        One entry for each name; None without any text.
    """
    return [name for text in patterns for name in text.split(",")] if patterns else None


def factory_arguments(texts: list[str] | None) -> dict[str, Any]:
    """Read ``KEY=VALUE`` texts.

    Args:
        texts: The texts. Values are read as in TOML; what is no TOML value is taken as text.

    Returns:
        The values by key.

    Raises:
        ValueError: For a text without a key or without "=".
    """
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
    """Read the shape of one input.

    Args:
        text: Such as "3x224x224" or "3,224,224".

    Returns:
        The numbers.

    Raises:
        ValueError: When a part is no whole number.
    """
    try:
        return [int(part) for part in text.replace(",", "x").split("x")]
    except ValueError:
        raise ValueError(f"--shape takes numbers such as 3x224x224, got {text!r}.") from None


def read_data(path: Path, size: int, grayscale: bool) -> ImageData:
    """Read one set of images; of several parts, the test part.

    Args:
        path: An npz file, or a folder with one folder of images per class.
        size: Side in pixels to which the images of a folder are resized; 0 keeps them as they are.
        grayscale: Whether to read the images of a folder with one channel.

    Returns:
        The images with their labels.

    Raises:
        FileNotFoundError: When there is neither a file nor a folder.
        TypeError: For arrays that are no numbers.
        ValueError: For `size` or `grayscale` with a file; as for `from_folder` and `from_npz`.
    """
    from robustsplit import data

    if path.is_dir():
        return data.from_folder(path, size=size or None, grayscale=grayscale, part="test")
    if not path.is_file():
        raise FileNotFoundError(f"No data at {path}: neither an npz file nor a folder.")
    if size or grayscale:
        raise ValueError(
            "--size and --grayscale are for folders of images; the arrays of an npz file are "
            "taken as they are. Resize them before saving."
        )
    return data.from_npz(path, part="test")
