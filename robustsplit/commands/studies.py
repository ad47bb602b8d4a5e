"""run, resume and demo: a study from end to end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from robustsplit.commands.printed import accuracies
from robustsplit.errors import told_if_full, told_if_stopped
from robustsplit.options import Folder, Overrides, Shown

if TYPE_CHECKING:
    from robustsplit.study.config import Config
    from robustsplit.study.experiment import Experiment

__all__ = ["demo", "resume", "run"]


def run(
    config: Annotated[Path, typer.Argument(help="The study, as TOML.")],
    out: Annotated[Path | None, typer.Option(help="Run directory; runs/NAME by default.")] = None,
    overrides: Overrides = None,
    progress: Shown = None,
) -> None:
    """Run a study: regular and robust training, Algorithm 1 for each cut, figures, report.

    A run of the same study that was stopped is continued.
    """
    from robustsplit.study.config import load

    study = load(config, overrides or ())
    _finish(_begin(study, out or Path("runs") / study.name), progress)


def resume(folder: Folder, progress: Shown = None) -> None:
    """Continue a run that was stopped, or write the outputs of a finished one anew."""
    from robustsplit.study.experiment import Experiment

    _finish(Experiment.open(folder), progress)


def demo(
    out: Annotated[Path, typer.Option(help="Run directory.")] = Path("runs/demo"),
    overrides: Overrides = None,
    progress: Shown = None,
) -> None:
    """Run a complete small study on scikit-learn's digits, in about two minutes."""
    from importlib.resources import as_file, files

    from robustsplit.study.config import load

    with as_file(files("robustsplit") / "demo.toml") as path:
        study = load(path, overrides or ())
    _finish(_begin(study, out), progress)


def _begin(study: Config, folder: Path) -> Experiment:
    """Begin a study in a folder, or go on with it there, and say so."""
    from robustsplit.study.experiment import Experiment

    experiment = Experiment.begin(study, folder)
    directory = experiment.directory
    if directory.finished:
        typer.echo(f"{folder} holds this study, finished; its outputs are written anew.", err=True)
    elif directory.started:
        typer.echo(f"{folder} holds this study, unfinished; it is continued.", err=True)
    return experiment


def _finish(experiment: Experiment, progress: bool | None) -> None:
    """Run what is left of a study and print its table."""
    from robustsplit.report.conclusions import TOY
    from robustsplit.report.html import text_table
    from robustsplit.report.tables import summary_table

    folder = experiment.directory.path
    advice = (
        f"Every finished step is kept. Free some space, then run `robustsplit resume {folder}`."
    )
    stopped = (
        "Stopped. Every finished step is kept; go on with the same command, or with "
        f"`robustsplit resume {folder}`."
    )
    with told_if_full(advice), told_if_stopped(stopped):
        findings = experiment.run(progress=progress)
    typer.echo(text_table(summary_table(findings)))
    typer.echo(
        f"\nkept at tau, rho, null, excess and ceiling are in {findings.unit}; "
        f"Acc*, Acc_sr and Acc~ are in % of {findings.results[0].acc_star.n} test images "
        f"under {findings.attack} ({findings.protocol})."
    )
    typer.echo(accuracies(findings))
    for sentence in findings.warnings:
        typer.echo(f"Warning: {sentence}", err=True)
    if findings.toy:
        typer.echo(TOY)
    typer.echo(
        f"Table: {folder / 'rho.csv'}\nFigure: {folder / 'figures' / 'rho_vs_depth.png'}\n"
        f"Report (read it first): {folder / 'report.html'}"
    )
