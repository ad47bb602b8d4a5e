"""What times are measured on, and what has a process of its own: memory and first calls."""

import os
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["environment", "first_call_seconds", "peak_memory"]

#: Correlated Gaussian sides, as in benchmarks/speed.py, for the processes below.
SETTING = """
import sys, time
import numpy as np
from mitools.estimators.ksg import KSG

def data(d, n):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, d))
    return x, 0.7 * x + np.sqrt(0.51) * rng.standard_normal((n, d))

d, n = map(int, sys.argv[1:])
"""

FIRST_CALL = """
sides = data(d, n)
start = time.perf_counter()
KSG().estimate(*sides)
print(time.perf_counter() - start)
"""

#: Memory in use is read after a first estimate, which compiles; then the peak is set back to it.
PEAK = """
import ctypes

def kilobytes(name):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name))

sides = data(d, n)
KSG().estimate(*(side[:5000] for side in sides))
ctypes.CDLL(None).malloc_trim(0)  # what that estimate has freed must not hide what this one takes
with open("/proc/self/clear_refs", "w") as peak:
    peak.write("5")
before = kilobytes("VmRSS")
KSG().estimate(*sides)
print((kilobytes("VmHWM") - before) / 1024)
"""


def environment(packages):
    """Return the versions of Python and of `packages`, and the machine."""
    found = {}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return {
        "python": platform.python_version(),
        "packages": found,
        "processor": processor(),
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
        "threads": {
            name: os.environ.get(name)
            for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
        },
    }


def processor():
    """Return the processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def first_call_seconds(d, n):
    """Return the wall seconds of a first estimate of d+d dimensions: nothing cached, then cached.

    Imports are not in it.
    """
    with tempfile.TemporaryDirectory() as folder:
        both = [apart(FIRST_CALL, d, n, NUMBA_CACHE_DIR=folder) for _ in range(2)]
    return {"cold": both[0], "cached": both[1]}


def peak_memory(d, n):
    """Return the megabytes that an estimate takes at its peak beyond its data; None off Linux."""
    if not Path("/proc/self/clear_refs").exists():
        return None
    return apart(PEAK, d, n)


def apart(code, d, n, **variables):
    """Return the number that `code` prints in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", SETTING + code, str(d), str(n)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **variables},
    )
    return float(done.stdout)
