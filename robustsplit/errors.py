"""How an error is told on the command line: one message, and what to do about a full disk."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import typer

__all__ = ["explain", "told_if_full"]

#: Modules that come with the extra "torch"; torchvision brings PIL.
EXTRA = ("torch", "torchvision", "safetensors", "PIL")


@contextmanager
def told_if_full(advice: str) -> Iterator[None]:
    """Say what is kept, and what to do, when the disk fills up inside the block."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise OSError(f"The disk is full ({error}). {advice}") from error


def explain(error: Exception) -> int:
    """Print an error as one message, and return the exit code."""
    if hasattr(error, "show") and hasattr(error, "exit_code"):  # a wrong use of the command line
        error.show()
        return 2
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] in EXTRA:
        text += '. Install it with: pip install "robustsplit[torch]"'
    foreseen = isinstance(error, ValueError | TypeError | OSError | ImportError | RuntimeError)
    if not foreseen or not text:
        text = f"{type(error).__name__}: {text} (with --debug: the traceback)"
    typer.echo(f"Error: {text}", err=True)
    return 2
