"""Run pytest under another BLAS kernel than this processor's: `python -m tests.kernel tests/...`.

OpenBLAS picks its routines by the processor, and each set rounds sums in another order. Numbers
that such a difference moves by more than rounding would differ between two users' machines.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_info

__all__ = ["active", "other"]

#: Kernels to run under, the first that is not the processor's own; each processor of the kind has
#: what they need. OpenBLAS runs its Haswell routines on Zen.
KERNELS = {
    "x86_64": (({"Haswell", "Zen"}, "Haswell"), ({"Sandybridge"}, "Sandybridge")),
    "aarch64": (({"armv8"}, "ARMV8"), ({"neoversen1"}, "NEOVERSEN1")),
}
SHOW = "from tests.kernel import active; print(active())"


def blas() -> dict[str, dict[str, Any]]:
    """Return what threadpoolctl says of each BLAS that numpy and scipy brought, by its folder."""
    import_module("numpy.linalg")
    import_module("scipy.linalg")  # its BLAS is another one than numpy's
    found = [each for each in threadpool_info() if each["user_api"] == "blas"]
    return {Path(each["filepath"]).parent.name: each for each in found}


def active() -> dict[str, str]:
    """Return the kernel of each OpenBLAS in this process, such as {"numpy.libs": "Haswell"}."""
    return {
        folder: each["architecture"]
        for folder, each in sorted(blas().items())
        if each["internal_api"] == "openblas"
    }


def other(own: Iterable[str], machine: str) -> str:
    """Return a kernel that is none of `own`, for a processor of this kind.

    Raises:
        ValueError: If none is known.
    """
    known = {name.lower() for name in own}
    for family, name in KERNELS.get(machine, ()):
        if not known & {each.lower() for each in family}:
            return name
    raise ValueError(f"No second kernel is known for {machine!r} beside {sorted(known)}.")


def main() -> None:
    """Replace this process by pytest under the other kernel, once that is seen to be active."""
    own = active()
    if not own:
        raise SystemExit("There is no OpenBLAS here, so there is no second kernel to run under.")
    name = other(own.values(), platform.machine())
    environment = {**os.environ, "OPENBLAS_CORETYPE": name}
    seen = subprocess.run(
        [sys.executable, "-c", SHOW], env=environment, capture_output=True, text=True, check=True
    ).stdout.strip()
    print(
        f"BLAS kernels of this processor: {own}\nBLAS kernels of the tests:      {seen}",
        flush=True,
    )
    os.execve(sys.executable, [sys.executable, "-m", "pytest", *sys.argv[1:]], environment)


if __name__ == "__main__":
    main()
