"""The second BLAS kernel is another one, and it is active where it was asked for."""

import ast
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kernel import SHOW, active, other

ROOT = Path(__file__).parents[1]
ASKED = os.environ.get("OPENBLAS_CORETYPE")


@pytest.mark.parametrize(
    ("own", "machine", "name"),
    [
        (("SkylakeX", "SkylakeX"), "x86_64", "Haswell"),
        (("Haswell", "Haswell"), "x86_64", "Sandybridge"),
        (("Zen", "SkylakeX"), "x86_64", "Sandybridge"),
        (("neoversen1",), "aarch64", "ARMV8"),
        (("armv8",), "aarch64", "NEOVERSEN1"),
    ],
)
def test_another_kernel_is_chosen(own, machine, name):
    assert other(own, machine) == name


def test_no_kernel_is_made_up():
    with pytest.raises(ValueError, match="No second kernel is known for 'riscv64'"):
        other(["generic"], "riscv64")


@pytest.mark.skipif(ASKED is None, reason="no kernel was asked for by OPENBLAS_CORETYPE")
def test_the_kernel_that_was_asked_for_is_active():
    assert {name.lower() for name in active().values()} == {ASKED.lower()}


@pytest.mark.skipif(not active(), reason="numpy and scipy bring no OpenBLAS here")
def test_the_other_kernel_becomes_active():
    name = other(active().values(), platform.machine())
    environment = {**os.environ, "OPENBLAS_CORETYPE": name, "PYTHONPATH": str(ROOT)}
    shown = subprocess.run(
        [sys.executable, "-c", SHOW], env=environment, capture_output=True, text=True, check=True
    ).stdout
    found = ast.literal_eval(shown)  # a new process: other tests load libraries with a BLAS, too
    assert found
    assert {kernel.lower() for kernel in found.values()} == {name.lower()}
