"""The command `mitools`: mutual information between columns of a file."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["app", "main"]

app = typer.Typer(
    name="mitools",
    help="Mutual information that says how far it can be trusted.",
    add_completion=False,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

#: Click's own class of errors, whether click is a package of its own or part of typer.
USAGE_ERRORS: Any = typer.BadParameter.__bases__[0].__bases__[0]

COLUMNS = 'names, globs, indices or ranges, with commas: "a,b", "h1_*", "0:3"; keys for npz'


@app.callback()
def about(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and leave.")
    ] = False,
) -> None:
    """Mutual information that says how far it can be trusted."""
    if version:
        from mitools import __version__

        typer.echo(f"mitools {__version__}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def estimate(
    file: Annotated[Path, typer.Argument(help="A CSV, TSV, Parquet, npy or npz file.")],
    x: Annotated[str, typer.Option("--x", help=f"Columns of X: {COLUMNS}.")],
    y: Annotated[str, typer.Option("--y", help="Columns of Y, likewise.")],
    given: Annotated[
        str | None, typer.Option("--given", help="The column of labels to condition on.")
    ] = None,
    estimator: Annotated[
        str,
        typer.Option(
            "--estimator", help='"ksg", "ksg:k=5", "edge", "edge:semirobust", "ksg+pca:4", ...'
        ),
    ] = "ksg",
    assess: Annotated[
        bool, typer.Option("--assess", help="Also say how far to trust it (null, ceiling, ...).")
    ] = False,
    permutations: Annotated[
        int, typer.Option("--permutations", help="Shuffled pairings, with --assess.")
    ] = 100,
    seed: Annotated[int, typer.Option("--seed", help="Seed of --assess.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Estimate I(X; Y), or I(X; Y | Z) with --given, in nats and bits."""
    import json

    import mitools
    from mitools.tables import read_table

    chosen = mitools.parse_estimator(estimator)
    table = read_table(file)
    sides = table.columns(x), table.columns(y)
    labels = None if given is None else table.labels(given)
    if assess:
        assessment = mitools.assess(
            *sides, given=labels, estimator=chosen, n_permutations=permutations, seed=seed
        )
        typer.echo(json.dumps(assessment.to_dict(), indent=2) if as_json else str(assessment))
        return
    result = mitools.mutual_information(*sides, given=labels, estimator=chosen)
    typer.echo(json.dumps(result.to_dict(), indent=2) if as_json else result.summary())


def main() -> None:
    """Run the command line; errors are one line on stderr, and exit code 2."""
    warnings.showwarning = _warn
    try:
        code = app(standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt):
        code = 130
    except USAGE_ERRORS as error:
        code = _fail(error.format_message())
    except (ValueError, TypeError, OSError, ImportError, MemoryError) as error:
        code = _fail(str(error) or type(error).__name__)
    sys.exit(code or 0)


def _fail(message: str) -> int:
    _say(message)
    return 2


def _warn(message: Warning | str, *_: Any, **__: Any) -> None:
    _say(f"warning: {message}")


def _say(message: str) -> None:
    typer.echo("mitools: " + " ".join(message.split()), err=True)


if __name__ == "__main__":
    main()
