"""How an error is told on the command line: one message, and what to do about a full disk."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import typer

from mitools.samples.installed import install_line
from mitools.samples.messages import visible

__all__ = ["Stopped", "explain", "refuse_empty", "told_if_full", "told_if_stopped"]

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


class Stopped(Exception):
    """Ctrl-C, with what is kept and how to go on."""


@contextmanager
def told_if_stopped(advice: str) -> Iterator[None]:
    """Say what is kept, and how to go on, when the block is stopped by Ctrl-C."""
    try:
        yield
    except KeyboardInterrupt:
        raise Stopped(advice) from None


def refuse_empty(words: Iterable[str]) -> None:
    """Raise for a word of the command line that is empty, as a variable that is not set leaves it.

    Args:
        words: The words after the program's name.

    Raises:
        ValueError: For an empty word, and for an option with nothing behind its "=".
    """
    before = ""
    for word in words:
        if not word or (word.startswith("--") and word.endswith("=") and "=" not in word[:-1]):
            name = word.rstrip("=") or before
            where = f" for {name}" if name.startswith("-") else f" after {name!r}" if name else ""
            raise ValueError(
                f"An empty value was given{where}; perhaps a variable of the shell is not set. "
                "Give a value, or leave the option out."
            )
        before = word


def explain(error: Exception) -> int:
    """Print an error as one message, and return the exit code."""
    if hasattr(error, "show") and hasattr(error, "exit_code"):  # a wrong use of the command line
        error.show()
        return 2
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] in EXTRA:
        text += f". Install it with: {install_line('torch')}"
    foreseen = isinstance(error, ValueError | TypeError | OSError | ImportError | RuntimeError)
    if not foreseen or not text:
        text = f"{type(error).__name__}: {text} (with --debug: the traceback)"
    typer.echo(f"Error: {visible(text)}", err=True)
    return 2
