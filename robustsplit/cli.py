"""The command line: run, resume and demo for studies; rho and layers for a network; plot, report.

Results go to standard output; progress, warnings and errors to the error stream. An error is one
message and exit code 2; ``--debug`` anywhere on the line shows the traceback as well.
"""

from __future__ import annotations

import json
import shlex
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from robustsplit.errors import explain, told_if_full
from robustsplit.options import (
    Arguments,
    Folder,
    Model,
    Overrides,
    Shortcuts,
    Shown,
    factory_arguments,
    globs,
    input_shape,
    paper_attack_table,
    read_data,
)

if TYPE_CHECKING:
    from robustsplit.report.findings import Findings
    from robustsplit.study.config import Config
    from robustsplit.study.experiment import Experiment

__all__ = ["app", "main"]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Measure how strongly the layers of a network depend on each other, and how far each "
    "number can be trusted. `--debug` anywhere on the line shows tracebacks.",
)


@app.command()
def run(
    config: Annotated[Path, typer.Argument(help="The study, as TOML.")],
    out: Annotated[Path | None, typer.Option(help="Run directory; runs/NAME by default.")] = None,
    overrides: Overrides = None,
    progress: Shown = None,
) -> None:
    """Run a study: regular and robust training, Algorithm 1 for each cut, figures, report."""
    from robustsplit.study.config import load

    study = load(config, overrides or ())
    _finish(_create(study, out or Path("runs") / study.name), progress)


@app.command()
def resume(folder: Folder, progress: Shown = None) -> None:
    """Continue a run that was stopped, or write the outputs of a finished one anew."""
    from robustsplit.study.experiment import Experiment

    _finish(Experiment.open(folder), progress)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Run directory.")] = Path("runs/demo"),
    overrides: Overrides = None,
    progress: Shown = None,
) -> None:
    """Run a complete small study on scikit-learn's digits, in about two minutes."""
    from importlib.resources import as_file, files

    from robustsplit.study.config import differences, load
    from robustsplit.study.experiment import Experiment

    with as_file(files("robustsplit") / "demo.toml") as path:
        study = load(path, overrides or ())
    if (out / "config.toml").is_file():
        there = Experiment.open(out)
        threads = there.directory.config.threads
        if not differences(there.directory.config, study.with_threads(study.threads or threads)):
            typer.echo(f"{out} already holds this demo; it is continued.", err=True)
            _finish(there, progress)
            return
    _finish(_create(study, out), progress)


@app.command()
def layers(
    model: Model,
    shape: Annotated[
        str, typer.Option(help="Shape of one input, such as 3x224x224. Or give --data.")
    ] = "",
    data: Annotated[
        Path | None,
        typer.Option(help="npz file or folder of images, to read the shape of the inputs."),
    ] = None,
    arguments: Arguments = None,
    shortcuts: Shortcuts = "exclude",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the layers of a network in execution order, with their shapes."""
    import torch

    from robustsplit.loading import build_model
    from robustsplit.network import list_layers

    network = build_model(model, factory_arguments(arguments))
    if data is not None:
        example = read_data(data, 0, False).inputs[:2]
    elif shape:
        example = torch.zeros(2, *input_shape(shape))
    else:
        raise ValueError("Give the shape of one input, such as --shape 1x8x8, or --data.")
    table = list_layers(network, example, shortcuts=shortcuts)  # type: ignore[arg-type]
    if as_json:
        _print_json(json.loads(table.to_json(orient="records")))
        return
    typer.echo(table.to_string(index=False))
    if left_out := table.attrs["left_out"]:
        typer.echo(f"Left out, on residual shortcuts (--shortcuts include): {', '.join(left_out)}")


@app.command()
def rho(
    model: Model,
    data: Annotated[
        Path, typer.Option(help="Test images: an npz file with x and y, or one folder per class.")
    ],
    weights: Annotated[
        Path | None,
        typer.Option(
            help="A .safetensors file, or a .pt file with tensors only. Without: untrained."
        ),
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="Where in the weights file, such as state_dict_ema.")
    ] = None,
    prefix: Annotated[
        str | None, typer.Option(help="What to take off the weights' names, such as model.")
    ] = None,
    mean: Annotated[
        str, typer.Option(help="The network's training normalised: imagenet, or 0.5,0.5,0.5.")
    ] = "",
    std: Annotated[str, typer.Option(help="Likewise; a name as --mean stands for both.")] = "",
    arguments: Arguments = None,
    attack: Annotated[
        str, typer.Option(help="clean, fgsm, ifgsm, pgd, cw or autoattack.")
    ] = "clean",
    eps: Annotated[str, typer.Option(help="Radius of the attack, such as 8/255.")] = "8/255",
    pattern: Annotated[
        list[str] | None,
        typer.Option("--layers", help="Layer names or globs, such as 'conv*'. Default: all."),
    ] = None,
    estimator: Annotated[
        str, typer.Option(help="Such as ksg, ksg+pca:4 or edge. Default: the package's choice.")
    ] = "",
    point: Annotated[
        str, typer.Option(help="Layer outputs after (post) or before (pre) the activation.")
    ] = "post",
    reduce: Annotated[
        str, typer.Option(help="none, or gap to average each feature map.")
    ] = "none",
    shortcuts: Shortcuts = "exclude",
    n_permutations: Annotated[int, typer.Option(min=1, help="Permutations for the null.")] = 50,
    max_per_class: Annotated[
        int, typer.Option(min=0, help="Use at most so many images per class. 0: all.")
    ] = 0,
    small_classes: Annotated[
        str,
        typer.Option(help="What to do with a class too small for the estimator: error or drop."),
    ] = "error",
    size: Annotated[
        int,
        typer.Option(
            min=0, help="Resize the images of a folder to this side, in pixels. 0: do not."
        ),
    ] = 0,
    grayscale: Annotated[bool, typer.Option(help="Read the images of a folder in grey.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
    unit: Annotated[str, typer.Option(help="bits or nats.")] = "bits",
    out: Annotated[
        Path | None, typer.Option(help="Folder for tables, figures and the report.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    progress: Shown = None,
) -> None:
    """Measure how strongly the layers of your own network depend on each other."""
    from mitools.samples.messages import unknown
    from robustsplit.measurement import Measurement
    from robustsplit.profiling import profile_model

    if unit not in ("bits", "nats"):
        raise ValueError(unknown("unit", unit, ("bits", "nats")))
    measurement = Measurement.from_text(
        estimator=estimator,
        point=point,
        reduce=reduce,
        shortcuts=shortcuts,
        n_permutations=n_permutations,
        max_per_class=max_per_class,
        small_classes=small_classes,
    )
    command = "robustsplit " + shlex.join(sys.argv[1:])
    if out is not None:
        _refuse_taken(out, command)
    findings = profile_model(
        model,
        read_data(data, size, grayscale),
        weights=weights,
        key=key,
        prefix=prefix,
        mean=mean,
        std=std,
        arguments=factory_arguments(arguments),
        attack={"name": attack} if attack == "clean" else paper_attack_table(attack, eps),
        layers=globs(pattern),
        measurement=measurement,
        seed=seed,
        unit=unit,
        command=command,
        shown=progress,
    )
    # Printed before it is written: a full disk must not take with it what was computed.
    if as_json:
        _print_json(findings.to_dict())
    else:
        _print_profile(findings)
    if out is not None:
        from robustsplit.report.files import write_outputs

        with told_if_full(
            "The table above is complete. Free some space, then repeat the command."
        ):
            write_outputs(findings, out)
        if not as_json:
            typer.echo(f"Report (read it first): {out / 'report.html'}")


@app.command()
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


@app.command()
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


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; an error becomes one message and exit code 2.

    Args:
        arguments: The words after the program's name; None takes them from `sys.argv`.

    Raises:
        SystemExit: Always, with the exit code: 0, 2 for an error, 130 when interrupted.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    given = [word for word in given if word != "--debug"]
    warnings.showwarning = _show_warning
    try:
        code = app(given, prog_name="robustsplit", standalone_mode=False)
    except typer.Abort:
        code = 130
    except KeyboardInterrupt:
        typer.echo(
            "Stopped. The finished steps of a study are kept; `robustsplit resume` continues it.",
            err=True,
        )
        code = 130
    except Exception as error:
        if debug:
            raise
        code = explain(error)
    sys.exit(code if isinstance(code, int) else 0)


def _create(study: Config, folder: Path) -> Experiment:
    from robustsplit.study.experiment import Experiment

    return Experiment.create(study, folder)


def _finish(experiment: Experiment, progress: bool | None) -> None:
    """Run what is left of a study and print its table."""
    from robustsplit.report.conclusions import TOY
    from robustsplit.report.html import text_table
    from robustsplit.report.tables import summary_table

    folder = experiment.directory.path
    advice = (
        f"Every finished step is kept. Free some space, then run `robustsplit resume {folder}`."
    )
    with told_if_full(advice):
        findings = experiment.run(progress=progress)
    typer.echo(text_table(summary_table(findings)))
    typer.echo(
        f"\nrho, null, excess and ceiling are in {findings.unit}; Acc*, Acc_sr and Acc~ are in % "
        f"of {findings.results[0].acc_star.n} test images under {findings.attack} "
        f"({findings.protocol})."
    )
    typer.echo(_networks(findings))
    for sentence in findings.warnings:
        typer.echo(f"Warning: {sentence}", err=True)
    if findings.toy:
        typer.echo(TOY)
    typer.echo(
        f"Table: {folder / 'rho.csv'}\nFigure: {folder / 'figures' / 'rho_vs_depth.png'}\n"
        f"Report (read it first): {folder / 'report.html'}"
    )


def _refuse_taken(out: Path, command: str) -> None:
    """Raise unless `out` is free, or holds what this very command wrote."""
    if out.exists() and not out.is_dir():
        raise FileExistsError(f"{out} is a file, and --out takes a folder. Choose another name.")
    if (out / "config.toml").exists():
        raise FileExistsError(
            f"{out} is the run directory of a study. Choose another folder with --out."
        )
    there = out / "assessment.json"
    if not there.is_file():
        return
    from robustsplit.report.findings import Findings

    try:
        made_by = Findings.load(there).command
    except ValueError:
        made_by = "another version"
    if made_by != command:
        raise FileExistsError(
            f"{out} holds the results of another command ({made_by}). Choose another folder with "
            "--out, or remove this one."
        )


def _print_profile(findings: Findings) -> None:
    from robustsplit.report.html import text_table
    from robustsplit.report.tables import pair_table

    for profile in findings.profiles.values():
        typer.echo(text_table(pair_table(profile.pairs, findings.unit)))
    typer.echo(
        f"\nrho, null, excess, ceiling, cross-check and published values are in {findings.unit}, "
        f"given the label. Inputs: {findings.attack}. `published rho` is from the estimator of "
        "the published code, and `published null` is what it gives on permuted pairs."
    )
    typer.echo(_networks(findings))
    for sentence in findings.warnings:
        typer.echo(f"Warning: {sentence}", err=True)


def _networks(findings: Findings) -> str:
    """Return the accuracies of the whole networks, a line each."""
    lines = []
    for name, kinds in findings.scores.items():
        words = []
        for inputs, record in kinds.items():
            low, high = record.interval
            words.append(f"{record.percent:.1f} % {inputs} ({low:.1f} to {high:.1f})")
        lines.append(f"Accuracy of the {name} network: {', '.join(words)}.")
    return "\n".join(lines)


def _formats(folder: Path) -> tuple[str, ...]:
    from robustsplit.study.config import load

    path = folder / "config.toml"
    return load(path).output.formats if path.is_file() else ("png", "svg")


def _print_json(content: Any) -> None:
    from robustsplit.io import strict_json

    typer.echo(strict_json(content))


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    typer.echo(f"Warning: {message}", err=True)


if __name__ == "__main__":
    main()
