"""The whole study as one object: data, regular and robust training, Algorithm 1 for each cut.

Every finished step is kept in the run directory: each epoch of each training, each trial, each
cut, each profile. A run that was killed goes on from the last of them and ends in the same
numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from robustsplit.io import exclusive, sweep
from robustsplit.report.findings import Findings
from robustsplit.study.checks import check
from robustsplit.study.config import Config
from robustsplit.study.inputs import load_data
from robustsplit.study.run import Run
from robustsplit.study.rundir import RunDirectory
from robustsplit.study.threads import fixed_threads

__all__ = ["Experiment", "check", "load_data"]


@dataclass(frozen=True)
class Experiment:
    """A study in its run directory.

    ::

        Experiment.create(load("study.toml"), "runs/study").run()
        Experiment.open("runs/study").run()  # after a kill: goes on where it stopped

    Attributes:
        directory: The run directory with its configuration.
    """

    directory: RunDirectory

    @classmethod
    def create(cls, config: Config, folder: str | Path) -> Experiment:
        """Begin a study in a new folder; a folder that holds a run is refused.

        Args:
            config: The study.
            folder: The run directory.

        Returns:
            The experiment; `run` does the work.

        Raises:
            ConfigError: For settings that cannot be used together.
            FileExistsError: When the folder is not free.
            BlockingIOError: When another process works in it.
        """
        check(config)
        return cls(RunDirectory.create(Path(folder), config))

    @classmethod
    def begin(cls, config: Config, folder: str | Path) -> Experiment:
        """Begin a study in a new folder, or go on with the very same one.

        Args:
            config: The study.
            folder: The run directory.

        Returns:
            The experiment; `run` does what is left.

        Raises:
            ConfigError: For settings that cannot be used together.
            FileExistsError: When the folder holds another study, or something else.
            BlockingIOError: When another process works in it.
        """
        if (Path(folder) / "config.toml").is_file():
            there = cls.open(folder)
            if there.directory.holds(config):
                return there
        return cls.create(config, folder)

    @classmethod
    def open(cls, folder: str | Path) -> Experiment:
        """Return the study of an existing run directory, to finish it.

        Args:
            folder: The run directory.

        Returns:
            The experiment; `run` does what is left.

        Raises:
            FileNotFoundError: When there is no run directory.
            ConfigError: When its configuration cannot be read.
        """
        return cls(RunDirectory.open(Path(folder)))

    def run(self, *, progress: bool | None = None) -> Findings:
        """Do what is not done yet, write the outputs, and return the findings.

        Args:
            progress: Whether to show the bar; None: on a terminal.

        Returns:
            The findings, as `assessment.json` holds them.

        Raises:
            ConfigError: For settings that cannot be used together.
            ValueError: For data, a network or weights that cannot be used, or that changed since
                the run began.
            FileNotFoundError: When data or weights are missing.
            FileExistsError: When another study took the folder in the meantime.
            BlockingIOError: When another process works in the folder.
            DivergedError: When a training loss becomes NaN or infinite.
        """
        threads = self.directory.config.threads
        with (
            self.directory.where_it_began() as directory,
            exclusive(directory.path),
            fixed_threads(threads),
        ):
            directory.refuse_lost()
            sweep(directory.path)
            return Run(directory, progress).run()
