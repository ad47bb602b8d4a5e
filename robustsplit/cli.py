"""The command line: its commands, and how an error ends it.

Results go to standard output; progress, warnings and errors to the error stream. An error is one
message and exit code 2; ``--debug`` anywhere on the line shows the traceback as well.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any

import typer

from robustsplit.commands import networks, pictures, studies
from robustsplit.errors import explain

__all__ = ["app", "main"]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Measure how strongly the layers of a network depend on each other, and how far each "
    "number can be trusted. `--debug` anywhere on the line shows tracebacks.",
)

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


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    typer.echo(f"Warning: {message}", err=True)


if __name__ == "__main__":
    main()
