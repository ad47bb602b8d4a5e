"""The packages can be imported where nothing can be written but temporary files."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

#: As root, permissions forbid nothing, so that files stand where folders would be made.
BLOCKED = {"HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null/x", "NUMBA_CACHE_DIR": ""}


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """A copy of the package whose folders take no cache."""
    folder = tmp_path_factory.mktemp("elsewhere")
    shutil.copytree(
        ROOT / "mitools", folder / "mitools", ignore=shutil.ignore_patterns("__pycache__")
    )
    for place in [folder / "mitools", *(folder / "mitools").rglob("*/")]:
        if place.is_dir():
            (place / "__pycache__").write_text("")
    return folder


def run(folder, code, **environment):
    return subprocess.run(
        [sys.executable, "-B", "-c", code],
        cwd=folder,
        env={**os.environ, **BLOCKED, "PYTHONPATH": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_kernels_are_kept_in_a_private_folder_that_goes_with_the_process(elsewhere):
    code = (
        "import numba, os, mitools._kernels.columns as c; print(c.__file__); "
        "print(os.stat(numba.config.CACHE_DIR).st_mode & 0o77, numba.config.CACHE_DIR)"
    )
    done = run(elsewhere, code)
    assert done.returncode == 0, done.stderr
    file, rest = done.stdout.splitlines()
    assert Path(file).is_relative_to(elsewhere)
    shared, path = rest.split()
    assert shared == "0" and not Path(path).exists()


def test_a_folder_that_is_named_is_used(elsewhere, tmp_path):
    code = "import numba, mitools._kernels.columns; print(numba.config.CACHE_DIR)"
    done = run(elsewhere, code, NUMBA_CACHE_DIR=str(tmp_path))
    assert done.stdout.strip() == str(tmp_path), done.stderr


def test_no_folder_at_all_is_said_in_words(elsewhere):
    code = (
        "import tempfile\ndef none(**_): raise OSError('nowhere')\ntempfile.mkdtemp = none\n"
        "import mitools._kernels.columns"
    )
    done = run(elsewhere, code)
    assert done.returncode == 1
    assert "NUMBA_CACHE_DIR" in done.stderr.splitlines()[-1]


@pytest.mark.slow
def test_estimates_are_made_there(elsewhere):
    code = (
        "import numpy as np, mitools; x, y = np.random.default_rng(0).normal(size=(2, 200)); "
        "print(mitools.mutual_information(x, x + y).value > 0.1)"
    )
    done = run(elsewhere, code)
    assert done.stdout.strip() == "True", done.stderr
