"""The command line: its commands, and how an error ends it.

Results go to standard output; progress, warnings and errors to the error stream. An error is one
message and exit code 2; ``--debug`` anywhere on the line shows the traceback as well.
"""

from __future__ import annotations

import sys
import warnings
from typing import Annotated, Any

import typer

from mitools.samples.messages import visible
from robustsplit.commands import networks, pictures, studies
from robustsplit.errors import Stopped, explain, refuse_empty

__all__ = ["app", "main"]

app = typer.Typer(
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Measure how strongly the layers of a network depend on each other, and how far each "
    "number can be trusted. `--debug` anywhere on the line shows tracebacks.",
)

#: The exit code of what was stopped by Ctrl-C.
STOPPED = 130
NOTHING = "Stopped. Nothing was written."
#: Options under the names they had before, which are still understood.
FORMER = {"--n-permutations": "--permutations"}


@app.callback(invoke_without_command=True)
def about(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and leave.")
    ] = False,
) -> None:
    """Measure how strongly the layers of a network depend on each other, and how far to trust it.

    An error is one message and exit code 2; `--debug` anywhere on the line shows the traceback.
    """
    if version:
        from mitools import __version__

        typer.echo(f"robustsplit {__version__}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


for _command in (
    *(studies.run, studies.resume, studies.demo),
    *(networks.layers, networks.rho),
    *(pictures.plot, pictures.report),
):
    app.command()(_command)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; an error becomes one message and exit code 2.

    Args:
        arguments: The words after the program's name; None takes them from `sys.argv`.

    Raises:
        SystemExit: Always, with the exit code: 0, 2 for an error, 130 when interrupted.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    given = [_today(word) for word in given if word != "--debug"]
    warnings.showwarning = _show_warning
    try:
        refuse_empty(given)
        code = app(given, prog_name="robustsplit", standalone_mode=False)
        if code == STOPPED:  # versions of typer differ in what they make of Ctrl-C
            typer.echo(NOTHING, err=True)
    except (typer.Abort, KeyboardInterrupt, Stopped) as stop:
        typer.echo(visible(str(stop)) if isinstance(stop, Stopped) else NOTHING, err=True)
        code = STOPPED
    except Exception as error:
        if debug:
            raise
        code = explain(error)
    sys.exit(code if isinstance(code, int) else 0)


def _today(word: str) -> str:
    """Return a word with an option's name of today in place of its former one."""
    name, equals, value = word.partition("=")
    return FORMER.get(name, name) + equals + value


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    typer.echo(f"Warning: {visible(str(message))}", err=True)


if __name__ == "__main__":
    main()
