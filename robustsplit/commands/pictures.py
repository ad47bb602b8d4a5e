"""plot and report: what a finished run shows, drawn and written again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from robustsplit.options import Folder

__all__ = ["plot", "report"]


def plot(
    sources: Annotated[
        list[Path], typer.Argument(help="Run directories and rho.csv files, for one figure.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="File for one figure (.png, .svg, .pdf), or folder for those of a run."),
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option(help="Name of a run in the legend; one for each, in order.")
    ] = None,
    size: Annotated[
        str, typer.Option(help="Width and height in inches: 3.3x2.6 for one column of a paper.")
    ] = "",
    style: Annotated[
        str, typer.Option(help="A style of matplotlib, or a file such as paper.mplstyle.")
    ] = "",
    published: Annotated[
        bool, typer.Option(help="Draw the panel of the published code's estimator.")
    ] = True,
    x: Annotated[
        str, typer.Option(help="Axis: depth, from_output as in the paper, or relative.")
    ] = "depth",
    unit: Annotated[str, typer.Option(help="bits or nats.")] = "bits",
) -> None:
    """Draw the figures of a run again, or several runs in one figure."""
    from dataclasses import replace

    from robustsplit.io import write_bytes
    from robustsplit.report.figures import draw_depth, render
    from robustsplit.report.files import write_figures
    from robustsplit.report.findings import Findings
    from robustsplit.report.several import (
        displays_of_runs,
        figure_size,
        format_of,
        style_context,
    )

    first = sources[0]
    asked = label or size or not published or len(sources) > 1
    with style_context(style):
        if first.is_dir() and not asked and (out is None or not out.suffix):
            findings = replace(Findings.load(first / "assessment.json"), unit=unit)  # type: ignore[arg-type]
            folder = out or first / "figures"
            write_figures(findings, folder, formats=_formats(first), x=x)  # type: ignore[arg-type]
            typer.echo(f"Figures are in {folder}.")
            return
        beside = first / "figures" if first.is_dir() else first.parent
        target = out or (Path() if len(sources) > 1 else beside) / "rho_vs_depth.png"
        kind, inches = format_of(target), figure_size(size) if size else None
        displays = displays_of_runs(sources, label or ())
        figure = draw_depth(displays, unit=unit, x=x, size=inches, published=published)  # type: ignore[arg-type]
        write_bytes(target, render(figure, kind, dpi=300 if inches else 150))
    typer.echo(f"Wrote {target}.")


def report(folder: Folder) -> None:
    """Write the report of a finished run again."""
    from robustsplit.io import write_text
    from robustsplit.report.files import write_figures
    from robustsplit.report.findings import Findings
    from robustsplit.report.html import render_report

    findings = Findings.load(folder / "assessment.json")
    pictures = write_figures(findings, folder / "figures", formats=_formats(folder))
    write_text(folder / "report.html", render_report(findings, pictures))
    typer.echo(f"Wrote {folder / 'report.html'}.")


def _formats(folder: Path) -> tuple[str, ...]:
    from robustsplit.study.config import load

    path = folder / "config.toml"
    return load(path).output.formats if path.is_file() else ("png", "svg")
