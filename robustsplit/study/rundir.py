"""The run directory: one configuration, one folder, never overwritten by another study.

It holds config.toml (resolved), environment.json, metrics.jsonl, checkpoints/*.safetensors and, at
the end, rho.csv, profiles.csv, assessment.json, figures/ and report.html.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from robustsplit.io import exclusive, write_json, write_text
from robustsplit.study.config import Config, differences, load

__all__ = ["RunDirectory"]

PACKAGES = ("robustsplit", "torch", "torchvision", "numpy", "scipy", "numba", "scikit-learn")
#: All that a start leaves which was refused before it computed anything.
BEGUN = {"config.toml", "environment.json", "metrics.jsonl", "checkpoints"}
#: What must be the same for a resumed run to end in the same numbers.
FIXED = ("data", "network", "weights")


@dataclass(frozen=True)
class RunDirectory:
    """A folder and the configuration it belongs to.

    Attributes:
        path: The folder.
        config: The settings, with the number of threads resolved.
    """

    path: Path
    config: Config

    @classmethod
    def create(cls, path: Path, config: Config) -> RunDirectory:
        """Begin a run in a new or empty folder.

        A start that was refused before it computed anything, such as for a wrong path, leaves the
        folder free for the next.

        Args:
            path: The folder.
            config: The study; with ``threads=0`` the number of cores is written in its place.

        Returns:
            The run directory.

        Raises:
            FileExistsError: When the folder holds anything already; the message says whether it is
                this study, another one (and where they differ), or something else.
            BlockingIOError: When another process is at work in it.
        """
        path = Path(path)
        if config.threads == 0:
            config = config.with_threads(os.cpu_count() or 1)
        if path.exists():
            _refuse_taken(path, config)
            with exclusive(path):
                (path / "environment.json").unlink(missing_ok=True)
        write_text(path / "config.toml", config.to_toml())
        return cls(path, config)

    @classmethod
    def open(cls, path: Path) -> RunDirectory:
        """Return the run that lives in a folder.

        Args:
            path: The folder.

        Returns:
            The run directory.

        Raises:
            FileNotFoundError: When there is none.
        """
        path = Path(path)
        if not (path / "config.toml").is_file():
            raise FileNotFoundError(
                f"{path} is not a run directory: it has no config.toml. Begin a run with "
                "`robustsplit run CONFIG.toml`."
            )
        return cls(path, load(path / "config.toml"))

    @property
    def finished(self) -> bool:
        """Whether the last file of a run is there."""
        return (self.path / "report.html").is_file()

    @contextmanager
    def where_it_began(self) -> Iterator[RunDirectory]:
        """Work in the folder the run was started from: its settings may hold relative paths.

        Yields:
            This run directory, by its absolute path if the folder is another one than now.
        """
        path = self.path / "environment.json"
        began = Path(json.loads(path.read_text())["folder"]) if path.is_file() else Path.cwd()
        if began == Path.cwd() or not began.is_dir():
            yield self
            return
        absolute = RunDirectory(self.path.resolve(), self.config)
        with chdir(began):
            yield absolute

    def record_environment(self, **fixed: str) -> tuple[dict[str, Any], list[str]]:
        """Write environment.json, or compare with the one of the first start.

        Args:
            **fixed: Fingerprints of what must not have changed, under the names in `FIXED`.

        Returns:
            The environment of the first start, and a warning for each version that changed since.

        Raises:
            ValueError: When data or network are no longer those the run began with.
        """
        path = self.path / "environment.json"
        now = {**environment(self.config), **fixed}
        if not path.exists():
            write_json(path, now)
            return now, []
        old = json.loads(path.read_text())
        for name in FIXED:
            if old.get(name) != now.get(name):
                raise ValueError(
                    f"The {name} changed since this run began in {self.path}, so the run cannot "
                    "be continued. Put the old version back, or begin a run in a new folder."
                )
        warnings = [
            f"{package} was {before} when this run began and was {now['versions'].get(package)} "
            "when it was resumed. The numbers may differ from those of a run without a break."
            for package, before in old["versions"].items()
            if now["versions"].get(package) != before
        ]
        return old, warnings


def environment(config: Config) -> dict[str, Any]:
    """Return versions, machine and threads, as JSON can hold them."""
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": config.threads,
        "versions": versions(PACKAGES),
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


def _only_begun(path: Path) -> bool:
    """Return whether a run was begun here and refused, before anything was computed."""
    left = {entry.name for entry in path.iterdir() if not entry.name.startswith(".")}
    return left <= BEGUN and next(path.rglob("*.safetensors"), None) is None


def _refuse_taken(path: Path, config: Config) -> None:
    if not path.is_dir():
        raise FileExistsError(f"{path} is a file; choose another folder with --out.")
    if not any(entry for entry in path.iterdir() if not entry.name.startswith(".")):
        return  # empty but for what a killed start may have left
    if not (path / "config.toml").is_file():
        raise FileExistsError(
            f"{path} exists and is not a run directory (it has no config.toml). Choose another "
            "folder with --out."
        )
    if _only_begun(path):
        return
    there = RunDirectory.open(path)
    changed = differences(there.config, config)
    if not changed:
        state = "finished" if there.finished else "unfinished"
        raise FileExistsError(
            f"{path} holds a run of this same configuration ({state}). Continue it with "
            f"`robustsplit resume {path}`, or choose another folder with --out."
        )
    listed = "; ".join(changed[:6]) + (f"; and {len(changed) - 6} more" if changed[6:] else "")
    raise FileExistsError(
        f"{path} holds a run of another configuration, so nothing was changed. They differ in: "
        f"{listed}. Choose another folder with --out."
    )
