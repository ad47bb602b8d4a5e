"""The same numbers on every processor: rounding differs, and must decide nothing.

OpenBLAS, which numpy and scipy bring along, picks its kernels by the processor; an environment
variable picks them instead. They add in other orders, so that every product differs in its last
bits. An estimate that moves by more than that has let rounding choose: among equal eigenvalues, at
a tie, or at an edge.
"""

import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__)
ROOT = HERE.parents[2]
#: Relative to values above 1, absolute below.
TOLERANCE = 1e-9


def values(kernel, threads, n):
    """Return the numbers of `kernel_values.py` under one kernel, and the kernels that ran."""
    environment = {name: value for name, value in os.environ.items() if "CORETYPE" not in name}
    environment["PYTHONPATH"] = str(ROOT)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        environment[name] = str(threads)
    if kernel:
        environment["OPENBLAS_CORETYPE"] = kernel
    command = [sys.executable, str(HERE.with_name("kernel_values.py")), str(n)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode == -getattr(signal, "SIGILL", 0):
        pytest.skip(f"this processor has not the instructions of {kernel}")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    return told["found"], told["kernels"]


def moved(ours, theirs):
    """Return what differs by more than rounding, with both values."""
    assert ours.keys() == theirs.keys()
    different = []
    for key, numbers in ours.items():
        others = theirs[key]
        if isinstance(numbers, str) or isinstance(others, str):
            different += [(key, numbers, others)] * (numbers != others)
            continue
        for name in numbers.keys() | others.keys():
            one, other = numbers.get(name), others.get(name)
            if one is None or other is None:
                different.append((key, name, one, other))
            elif one != other and not math.isclose(
                one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE
            ):
                different.append((key, name, one, other))
    return different


def test_what_moves_is_found():
    ours = {"a": {"value": 1.0, "pairs": 2.0}, "b": "no", "c": {"value": 1e6}}
    assert moved(ours, {"a": {"value": 1.0 + 1e-10, "pairs": 2.0}, **ours}) == []
    assert moved(ours, {**ours, "a": {"value": 1.0, "pairs": 3.0}}) == [("a", "pairs", 2.0, 3.0)]
    assert moved(ours, {**ours, "a": {"value": 1.0}}) == [("a", "pairs", 2.0, None)]
    assert moved(ours, {**ours, "b": "other"}) == [("b", "no", "other")]
    assert len(moved(ours, {**ours, "c": {"value": float("nan")}})) == 1


@pytest.fixture(scope="module", params=[120, 300])
def here(request):
    return request.param, *values(None, 1, request.param)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kernel", "threads"), [("Sandybridge", 1), ("Haswell", 1), ("SkylakeX", 1), (None, 2)]
)
def test_no_kernel_moves_an_estimate(here, kernel, threads):
    n, ours, own_kernels = here
    theirs, kernels = values(kernel, threads, n)
    if kernel and kernels == own_kernels:
        pytest.skip(f"{kernel} is this processor's own kernel, or not to be had: {kernels}")
    numbers = [one for one in ours.values() if not isinstance(one, str)]
    assert len(numbers) > 250
    assert sum(abs(one["value"]) > 0.01 for one in numbers) > 150
    assert moved(ours, theirs) == []
