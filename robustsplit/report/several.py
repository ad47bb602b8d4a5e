"""Several runs in one figure: each a run directory or a `rho.csv`, with a name of its own."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from mitools.samples.messages import unknown
from robustsplit.drawing import RhoDepthDisplay
from robustsplit.report.files import displays_of, displays_of_frame
from robustsplit.report.findings import Findings
from robustsplit.report.rho_csv import read_rho_csv

__all__ = ["FORMATS", "displays_of_runs", "figure_size", "format_of", "style_context"]

#: Endings of the files that figures are written to.
FORMATS = ("png", "svg", "pdf")


def displays_of_runs(sources: Sequence[Path], labels: Sequence[str] = ()) -> list[RhoDepthDisplay]:
    """Return what a figure of several runs draws.

    A run with one line is called by its label. One with several lines (whole networks, then each
    cut) puts the label in front of each.

    Args:
        sources: Run directories and files like `rho.csv`.
        labels: A name for each; by default the names of the folders, and none for a single run.

    Returns:
        The displays, run after run.

    Raises:
        FileNotFoundError: For a source that is not there or not finished.
        ValueError: For a file that is no `rho.csv`, another number of labels, and a label twice.
    """
    if labels and len(labels) != len(sources):
        raise ValueError(
            f"Give one --label for each run or none, got {len(labels)} for {len(sources)} runs."
        )
    folders = [path if path.is_dir() else path.parent for path in map(Path.resolve, sources)]
    names = list(labels) or ([folder.name for folder in folders] if len(sources) > 1 else [""])
    if len(set(names)) < len(names):
        raise ValueError(
            f"Two runs would have the same name, got {', '.join(names)}. Give each a --label."
        )
    displays = []
    for source, name in zip(sources, names, strict=True):
        lines = _displays(source)
        for line in lines:
            whole = name if len(lines) == 1 else f"{name}: {line.label}"
            displays.append(replace(line, label=whole) if name else line)
    return displays


def _displays(source: Path) -> list[RhoDepthDisplay]:
    if source.is_dir():
        return displays_of(Findings.load(source / "assessment.json"))
    if not source.is_file():
        raise FileNotFoundError(f"No run directory and no file {source}.")
    return displays_of_frame(read_rho_csv(source))


def figure_size(text: str) -> tuple[float, float]:
    """Return width and height in inches from text such as "3.3x2.6".

    Args:
        text: Two numbers with an x between them.

    Returns:
        Width and height.

    Raises:
        ValueError: For other text, and for sizes that no figure has.
    """
    try:
        width, height = (float(part) for part in text.lower().split("x"))
    except ValueError:
        width = height = float("nan")
    if not (1 <= width <= 100 and 1 <= height <= 100):
        raise ValueError(
            "--size takes width and height in inches, from 1 to 100, such as 3.3x2.6; got "
            f"{text!r}."
        )
    return width, height


def format_of(target: Path) -> str:
    """Return the format of a figure's file.

    Args:
        target: The file.

    Returns:
        "png", "svg" or "pdf".

    Raises:
        ValueError: For another ending.
    """
    kind = target.suffix.lstrip(".").lower()
    if kind not in FORMATS:
        raise ValueError(f"--out takes a .png, .svg or .pdf file, got {target}.")
    return kind


def style_context(style: str) -> AbstractContextManager[Any]:
    """Return matplotlib's settings of a style, to draw within.

    Args:
        style: A name that matplotlib knows, a file like ``paper.mplstyle``, or "" for none.

    Returns:
        A context that restores the settings on leaving.

    Raises:
        ValueError: For a style that is neither.
    """
    import matplotlib.style

    if style and style not in matplotlib.style.available and not Path(style).is_file():
        raise ValueError(unknown("style", style, matplotlib.style.available))
    context: AbstractContextManager[Any] = matplotlib.style.context(style or [])
    return context
