"""The file of pinned values, the machine it was written on, and how values are compared with it.

    {"machine": {...}, "tolerances": {group: {key: number}}, "values": {group: {key: value}}}

There is one value a line, in the order of the alphabet, so that a diff shows what changed. On the
machine that wrote them they must be the same to the bit. Other processors and versions round
differently: there they must agree to 1e-9, or to a tolerance of their own where the last bit
decides more than that, as it does of points that lie on the border of two cells.
"""

from __future__ import annotations

import json
import math
import platform
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from llvmlite.binding import get_host_cpu_name
from threadpoolctl import threadpool_limits

from tests.kernel import blas

__all__ = [
    "ELSEWHERE",
    "FILE",
    "Values",
    "deviations",
    "differences",
    "machine",
    "one_thread",
    "read",
    "write",
]

Values = Mapping[str, float | str]

FILE = Path(__file__).parent / "values.json"
#: Relative and absolute, on a machine other than the one that wrote the file.
ELSEWHERE = 1e-9
PACKAGES = ("llvmlite", "numba", "numpy", "scikit-learn", "scipy", "torch")


def machine() -> dict[str, str]:
    """Return all that may change the last bit of a number here: processor, kernels, versions."""
    simd = np.show_config(mode="dicts")["SIMD Extensions"]
    kernels = [
        f"{folder}: {each['internal_api']} {each['version']} {each.get('architecture', '-')}"
        for folder, each in sorted(blas().items())
    ]
    return {
        "blas": ", ".join(kernels),
        "processor": f"{platform.system()} {platform.machine()} {get_host_cpu_name()}",
        "python": platform.python_version(),
        "simd": " ".join(simd["found"]),
        **{name: _version(name) for name in PACKAGES},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep BLAS and torch to one thread: sums over several are rounded differently."""
    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch else 0
    with threadpool_limits(1):
        if torch:
            torch.set_num_threads(1)
        try:
            yield
        finally:
            if torch:
                torch.set_num_threads(threads)


def read() -> dict[str, Any]:
    """Return what the file holds."""
    return json.loads(FILE.read_text())


def write(
    values: Mapping[str, Values], tolerances: Mapping[str, Mapping[str, float]], at: Any
) -> None:
    """Write a file of these values, computed on the machine `at`."""
    whole = {"machine": at, "tolerances": dict(tolerances), "values": dict(values)}
    FILE.write_text(json.dumps(whole, indent=1, sort_keys=True) + "\n")


def deviations(group: str, found: Values) -> list[str]:
    """Return a line for each value of a group that is not what the file says it must be here."""
    stored = read()
    old = stored["values"][group]
    if stored["machine"] == machine():
        return differences(old, found)
    own = stored["tolerances"].get(group, {})
    return differences(old, found, {key: own.get(key, ELSEWHERE) for key in old})


def differences(
    old: Values, new: Values, tolerances: Mapping[str, float] | None = None
) -> list[str]:
    """Return a line for each value that is new, gone, or not the same.

    Args:
        old: The values of the file.
        new: The values of the code as it is.
        tolerances: Largest differences, relative or absolute; the bits must be the same without.
    """
    lines = []
    for key in sorted(old.keys() | new.keys()):
        if key not in new:
            lines.append(f"{key}: {old[key]!r} is gone")
        elif key not in old:
            lines.append(f"{key}: {new[key]!r} is new")
        elif not _same(old[key], new[key], (tolerances or {}).get(key, 0.0)):
            lines.append(f"{key}: {old[key]!r} -> {new[key]!r}{_by(old[key], new[key])}")
    return lines


def _same(old: float | str, new: float | str, tolerance: float) -> bool:
    if isinstance(old, str) or isinstance(new, str):
        return old == new
    if math.isnan(old) or math.isnan(new):
        return math.isnan(old) and math.isnan(new)
    return old == new or math.isclose(old, new, rel_tol=tolerance, abs_tol=tolerance)


def _by(old: float | str, new: float | str) -> str:
    if isinstance(old, str) or isinstance(new, str):
        return ""
    return f" (by {new - old:.2g})"
