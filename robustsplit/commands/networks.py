"""layers and rho: what is asked of one network of the user's."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mitools.samples.messages import visible
from robustsplit.commands.printed import accuracies, print_json
from robustsplit.errors import told_if_full
from robustsplit.options import (
    Arguments,
    Model,
    Shortcuts,
    Shown,
    attack_table,
    factory_arguments,
    globs,
    input_shape,
    read_data,
)

if TYPE_CHECKING:
    from robustsplit.report.findings import Findings

__all__ = ["layers", "rho"]


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
    if data is not None and shape:
        raise ValueError("Give --shape or --data: the shape of the inputs is read from the data.")
    if data is not None:
        example = read_data(data, 0, False).inputs[:2]
    elif shape:
        example = torch.zeros(2, *input_shape(shape))
    else:
        raise ValueError("Give the shape of one input, such as --shape 1x8x8, or --data.")
    table = list_layers(network, example, shortcuts=shortcuts)  # type: ignore[arg-type]
    if as_json:
        print_json(json.loads(table.to_json(orient="records")))
        return
    typer.echo(visible(table.to_string(index=False)))
    if left_out := table.attrs["left_out"]:
        names = visible(", ".join(left_out))
        typer.echo(f"Left out, on residual shortcuts (--shortcuts include): {names}")


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
    eps: Annotated[
        str | None, typer.Option(help="Radius of the attack, such as 4/255; 8/255 by default.")
    ] = None,
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
    permutations: Annotated[int, typer.Option(min=1, help="Permutations of the null.")] = 50,
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
        n_permutations=permutations,
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
        attack=attack_table(attack, eps),
        layers=globs(pattern),
        measurement=measurement,
        seed=seed,
        unit=unit,
        command=command,
        shown=progress,
    )
    # Printed before it is written: a full disk must not take with it what was computed.
    if as_json:
        print_json(findings.to_dict())
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
        f"\nkept, rho, null, excess, ceiling, cross-check and published values are in "
        f"{findings.unit}, "
        f"given the label. Inputs: {findings.attack}. `published rho` is from the estimator of "
        "the published code, and `published null` is what it gives on permuted pairs. "
        "`kept at tau` is what a layer "
        "holds of the one before when noise of relative size tau is added to it."
    )
    typer.echo(accuracies(findings))
    for sentence in findings.warnings:
        typer.echo(f"Warning: {sentence}", err=True)
