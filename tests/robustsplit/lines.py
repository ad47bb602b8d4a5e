"""Command lines, run in this process or in one of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from robustsplit.cli import main

ROOT = Path(__file__).parents[2]


def call(capsys, *arguments):
    """Run in this process; return exit code, output, errors."""
    with pytest.raises(SystemExit) as stop:
        main([str(word) for word in arguments])
    captured = capsys.readouterr()
    return stop.value.code, captured.out, captured.err


def process(*arguments, **options):
    """Run in a process of its own; return what `subprocess.run` returns."""
    return subprocess.run(
        [sys.executable, "-m", "robustsplit.cli", *map(str, arguments)],
        cwd=options.get("cwd", ROOT),
        env={**os.environ, "MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def rho(capsys, user, *more, weights="w.safetensors", factory="tiny"):
    return call(
        capsys, "rho", f"{user}/nets.py:{factory}", "--weights", user / weights, "--data",
        user / "test.npz", "--permutations", 5, *more,
    )  # fmt: skip
