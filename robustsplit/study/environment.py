"""What numbers depend on besides settings: versions, machine, threads, linear algebra."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_info  # type: ignore[import-untyped]

from robustsplit.study.config import Config

__all__ = ["environment", "kernels", "moved", "versions"]

PACKAGES = ("robustsplit", "torch", "torchvision", "numpy", "scipy", "numba", "scikit-learn")


def environment(config: Config) -> dict[str, Any]:
    """Return versions, machine and threads, as JSON can hold them.

    Args:
        config: The study, for its number of threads.

    Returns:
        Plain values by name.
    """
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": config.threads,
        "versions": versions(PACKAGES),
        "kernels": kernels(),
        "command": " ".join(sys.argv),
        "folder": os.getcwd(),
    }


def versions(packages: tuple[str, ...]) -> Mapping[str, str]:
    """Return the installed version of each package that is installed."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def kernels() -> dict[str, str]:
    """Return the routines that sum for each package: the same sums in another order round apart.

    Returns:
        For each library of linear algebra, such as "numpy.libs", its routines, such as "openblas
        Haswell"; for torch the instructions it uses, such as "AVX2".
    """
    for module in ("numpy.linalg", "scipy.linalg"):  # each brings a library of its own
        import_module(module)
    found = {
        Path(each["filepath"]).parent.name: f"{each['internal_api']} "
        f"{each.get('architecture') or each.get('version') or ''}".strip()
        for each in threadpool_info()
        if each["user_api"] == "blas"
    }
    if "torch" in sys.modules:
        found["torch"] = str(sys.modules["torch"].backends.cpu.get_cpu_capability())
    return dict(sorted(found.items()))


def moved(old: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Yield a warning for each thing that numbers depend on and that changed.

    Args:
        old: The environment in which a run began.
        now: The environment in which it goes on.

    Yields:
        One sentence or two for each package, library and number of threads that is another.
    """
    for kind, words in (("versions", "{name}"), ("kernels", "The linear algebra of {name}")):
        there, here = old.get(kind) or {}, now.get(kind) or {}
        for name, before in there.items():
            if here.get(name) != before:
                yield _changed(words.format(name=name), before, here.get(name))
    if old.get("threads") != now.get("threads"):
        yield _changed("The number of threads", old.get("threads"), now.get("threads"))


def _changed(what: str, before: Any, now: Any) -> str:
    return (
        f"{what} was {before} when this run began and was {now} when it was resumed. The numbers "
        "may differ from those of a run without a break."
    )
