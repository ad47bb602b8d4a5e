"""The run directory: one configuration, one folder, never overwritten by another study.

It holds config.toml (resolved), environment.json, metrics.jsonl, checkpoints/*.safetensors and, at
the end, rho.csv, profiles.csv, assessment.json, figures/ and report.html.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robustsplit.io import exclusive, write_json, write_text
from robustsplit.study.config import Config, ConfigError, differences, load
from robustsplit.study.environment import environment, moved

__all__ = ["RunDirectory"]

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
            _refuse_taken(path, config)  # before a lock is written into somebody's folder
        path.mkdir(parents=True, exist_ok=True)
        with exclusive(path):
            _refuse_taken(path, config)
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
            ConfigError: When its settings cannot be read, or are not those of a run.
        """
        path = Path(path)
        if not (path / "config.toml").is_file():
            raise FileNotFoundError(
                f"{path} is not a run directory: it has no config.toml. Begin a run with "
                "`robustsplit run CONFIG.toml`."
            )
        config = load(path / "config.toml")
        if not config.threads:
            raise ConfigError(
                f"{path / 'config.toml'} has no number of `threads`, and a run writes it there, "
                "so it was emptied, or replaced by another file. Put the file of this run back."
            )
        return cls(path, config)

    def holds(self, config: Config) -> bool:
        """Return whether this is a run of `config`, whatever number of threads it began with.

        Args:
            config: A study; ``threads=0`` stands for any number.

        Returns:
            Whether all settings are the same.
        """
        threads = config.threads or self.config.threads
        return not differences(self.config, config.with_threads(threads))

    def refuse_lost(self) -> None:
        """Raise unless the folder still holds this run.

        Raises:
            FileNotFoundError: When it was removed.
            FileExistsError: When another run took the folder.
        """
        path = self.path / "config.toml"
        if not path.is_file():
            raise FileNotFoundError(
                f"{self.path} was removed, or renamed, while the run was at work in it. What it "
                "had computed is lost with the folder."
            )
        if path.read_bytes() != self.config.to_toml().encode() and not self.holds(load(path)):
            raise FileExistsError(
                f"Another run took {self.path} at the same moment. Choose another folder with "
                "--out."
            )

    @property
    def finished(self) -> bool:
        """Whether the last file of a run is there."""
        return (self.path / "report.html").is_file()

    @property
    def started(self) -> bool:
        """Whether anything was computed."""
        return not _only_begun(self.path)

    @contextmanager
    def where_it_began(self) -> Iterator[RunDirectory]:
        """Work in the folder the run was started from: its settings may hold relative paths.

        Yields:
            This run directory, by its absolute path if the folder is another one than now.
        """
        old = self._environment()
        began = Path.cwd() if old is None else Path(str(old["folder"]))
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
            The environment of the first start, and a warning for each version, each kernel of
            linear algebra and each number of threads that changed since.

        Raises:
            ValueError: When data or network are no longer those the run began with, or when
                environment.json is damaged.
        """
        now = {**environment(self.config), **fixed}
        old = self._environment()
        if old is None:
            write_json(self.path / "environment.json", now)
            return now, []
        for name in FIXED:
            if old.get(name) != now.get(name):
                raise ValueError(
                    f"The {name} changed since this run began in {self.path}, so the run cannot "
                    "be continued. Put the old version back, or begin a run in a new folder."
                )
        return old, list(moved(old, now))

    def _environment(self) -> dict[str, Any] | None:
        """Return what environment.json holds, or None without it."""
        path = self.path / "environment.json"
        if not path.is_file():
            return None
        try:
            table = json.loads(path.read_text(encoding="utf-8"))
            if isinstance(table["folder"], str) and isinstance(table["versions"], dict):
                return table
            problem = "its entries are of other kinds"
        except (ValueError, TypeError, KeyError) as error:
            problem = f"{type(error).__name__}: {error}"
        raise ValueError(
            f"{path} is damaged ({problem}). Remove it, and call `robustsplit resume` in the "
            "folder in which the run was started: the file is then written again, and what was "
            "computed is checked by its own records."
        )


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
