"""plot and report: what a finished run shows, drawn and written again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from robustsplit.options import Folder

__all__ = ["plot", "report"]


def plot(
    source: Annotated[Path, typer.Argument(help="A run directory or a rho.csv.")],
    out: Annotated[
        Path | None,
        typer.Option(help="File for the figure of a rho.csv, or folder for those of a run."),
    ] = None,
    x: Annotated[str, typer.Option(help="Axis: depth, or from_output as in the paper.")] = "depth",
    unit: Annotated[str, typer.Option(help="bits or nats.")] = "bits",
) -> None:
    """Draw the figures of a run or of a rho.csv again."""
    from dataclasses import replace

    from robustsplit.io import write_bytes
    from robustsplit.report.figures import draw_depth, render
    from robustsplit.report.files import displays_of_frame, write_figures
    from robustsplit.report.findings import Findings
    from robustsplit.report.rho_csv import read_rho_csv

    if source.is_dir():
        findings = replace(Findings.load(source / "assessment.json"), unit=unit)  # type: ignore[arg-type]
        folder = out or source / "figures"
        write_figures(findings, folder, formats=_formats(source), x=x)  # type: ignore[arg-type]
        typer.echo(f"Figures are in {folder}.")
        return
    if not source.is_file():
        raise FileNotFoundError(f"No run directory and no file {source}.")
    target = out or source.with_name("rho_vs_depth.png")
    kind = target.suffix.lstrip(".").lower()
    if kind not in ("png", "svg", "pdf"):
        raise ValueError(f"--out takes a .png, .svg or .pdf file, got {target}.")
    displays = displays_of_frame(read_rho_csv(source))
    write_bytes(target, render(draw_depth(displays, unit=unit, x=x), kind))  # type: ignore[arg-type]
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
