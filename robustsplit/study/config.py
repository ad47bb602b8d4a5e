"""A study's settings as a whole: read from TOML, checked key by key, written back.

A wrong key, type or range is an error that names the file and the key, with the nearest name that
would have been right; nothing is ignored. `load` reads, `Config.to_toml` writes what `load` reads
again. The sections are in `robustsplit.study.sections`.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import tomli_w

from robustsplit.settings import setting
from robustsplit.study.sections import (
    Algorithm1Config,
    AttackConfig,
    DataConfig,
    InformationConfig,
    ModelConfig,
    OutputConfig,
    RobustConfig,
    SplitConfig,
    TrainConfig,
)
from robustsplit.study.tables import ConfigError, build, plain

__all__ = [
    "Algorithm1Config",
    "AttackConfig",
    "Config",
    "ConfigError",
    "DataConfig",
    "InformationConfig",
    "ModelConfig",
    "OutputConfig",
    "RobustConfig",
    "SplitConfig",
    "TrainConfig",
    "differences",
    "load",
    "parse",
]

#: Names that make a folder under runs/, and no path out of it.
NAME = re.compile(r"[^./\s\x00-\x1f][^/\x00-\x1f]*")


@dataclass(frozen=True)
class Config:
    """A whole study."""

    name: str = setting("study", "the run directory is runs/NAME unless --out says otherwise")
    seed: int = setting(0, "all randomness is derived from it", least=0, most=2**32 - 1)
    threads: int = setting(
        0, "CPU threads of torch; 0: all cores, then fixed for the run", least=0
    )
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    robust: RobustConfig = field(default_factory=RobustConfig)
    attack: AttackConfig = field(
        default_factory=lambda: AttackConfig("pgd", {"eps": "8/255", "paper": True})
    )
    split: SplitConfig = field(default_factory=SplitConfig)
    algorithm1: Algorithm1Config = field(default_factory=Algorithm1Config)
    mi: InformationConfig = field(default_factory=InformationConfig)
    output: OutputConfig = field(default_factory=OutputConfig)

    def to_dict(self) -> dict[str, Any]:
        """Return nested plain values, as they stand in the TOML file."""
        return plain(self)

    def to_toml(self) -> str:
        """Return the settings in full, as text that `load` reads back to an equal `Config`."""
        return tomli_w.dumps(self.to_dict())

    def with_threads(self, threads: int) -> Config:
        """Return the same study at a stated number of threads."""
        return replace(self, threads=threads)


def load(path: str | Path, overrides: Iterable[str] = ()) -> Config:
    """Read a study from a TOML file.

    Args:
        path: The file.
        overrides: Settings that replace the file's, as ``"algorithm1.trials=5"``; values as in
            TOML, and plain words count as text.

    Returns:
        The study.

    Raises:
        ConfigError: For a file that is no TOML, an unknown key, a wrong type, a value out of
            range, or a name that cannot name a folder.
        FileNotFoundError: When there is no such file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"No configuration file {path}. Write one, or try `robustsplit demo`."
        )
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path} is not UTF-8 text ({error.reason} at byte {error.start}), as TOML must be. "
            "Save it as UTF-8."
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is no valid TOML: {error}.") from error
    return parse(table, str(path), overrides)


def parse(
    table: Mapping[str, Any], source: str = "configuration", overrides: Iterable[str] = ()
) -> Config:
    """Check a nested table of settings, and return the study.

    Args:
        table: The settings, nested as the sections of the TOML file.
        source: What error messages call the table, such as the name of its file.
        overrides: Settings that replace the table's, as for `load`.

    Returns:
        The study.

    Raises:
        ConfigError: For an unknown key, a wrong type, a value out of range, or a name that cannot
            name a folder.
    """
    merged = json.loads(json.dumps(table, default=str))
    given = {_override(merged, override): override for override in overrides}

    def said(key: str) -> str:
        """Return where a key, or what stands above or below it, was set."""
        near = [at for at in given if f"{key}.".startswith(f"{at}.") or at.startswith(f"{key}.")]
        return f"--set {given[near[-1]]}" if key and near else source

    config: Config = build(Config, merged, said)
    if not NAME.fullmatch(config.name):
        raise ConfigError(
            f"{source}: `name` names the run directory, so it must not be empty, begin with a dot "
            f"or a blank, or hold a slash; got {config.name!r}."
        )
    return config


def differences(old: Config, new: Config) -> list[str]:
    """Return in which settings two studies differ.

    Args:
        old: One study.
        new: The other.

    Returns:
        One line per setting, such as ``"seed: 0 -> 1"``; empty for equal studies.
    """
    return list(_compare(old.to_dict(), new.to_dict(), ""))


def _override(table: dict[str, Any], text: str) -> str:
    """Put one setting into a table, and return its key."""
    key, equals, value = text.partition("=")
    names = key.strip().split(".")
    if not equals or not all(names):
        raise ConfigError(f"--set takes KEY=VALUE such as algorithm1.trials=5, got {text!r}.")
    try:
        parsed = tomllib.loads(f"value = {value.strip()}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value.strip()  # a bare word: text
    for name in names[:-1]:
        table = table.setdefault(name, {})
        if not isinstance(table, dict):
            raise ConfigError(
                f"--set {text}: {name!r} is a single value and has no keys below it."
            )
    table[names[-1]] = parsed
    return ".".join(names)


def _compare(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str) -> Iterable[str]:
    for key in dict.fromkeys([*old, *new]):
        before, after = old.get(key), new.get(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from _compare(before, after, f"{prefix}{key}.")
        elif before != after:
            yield f"{prefix}{key}: {before!r} -> {after!r}"
