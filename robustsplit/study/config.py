"""A study's settings: frozen dataclasses, read from TOML, checked key by key, written back.

A wrong key, type or range is an error that names the file and the key, with the nearest name that
would have been right; nothing is ignored. `load` reads, `Config.to_toml` writes what `load` reads
again.
"""

from __future__ import annotations

import json
import re
import tomllib
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from fractions import Fraction
from math import isfinite
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import tomli_w

from mitools.samples.messages import unknown
from robustsplit.measurement import POINTS, REDUCTIONS, SHORTCUTS, SMALL_CLASSES, Measurement
from robustsplit.recipe import Recipe
from robustsplit.settings import setting

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


class ConfigError(ValueError):
    """A setting that cannot be used; the message names file and key and what to write instead."""


@dataclass(frozen=True)
class DataConfig:
    """[data]: the images."""

    source: str = setting(
        "digits",
        "`digits` (in scikit-learn), `npz`, `folder` (one folder per class), or `cifar10`, ...",
        choices=("digits", "npz", "folder", "cifar10", "cifar100", "imagenette"),
    )
    path: str = setting("", "the npz file or the folder; relative to where the run is started")
    size: int = setting(
        0, "resize and crop images of a folder to this side; 0: as they are", least=0
    )
    grayscale: bool = setting(False, "read images of a folder with one channel")
    mean: tuple[float, ...] | str = setting(
        (), "per channel, if the networks take normalised images; or a name, such as `imagenet`"
    )
    std: tuple[float, ...] | str = setting((), "likewise; with a name as `mean` not needed")
    max_train: int = setting(
        0,
        "use only so many training images, the first of each class in proportion; 0: all",
        least=0,
    )
    max_test: int = setting(0, "the same for validation and for test images; 0: all", least=0)


@dataclass(frozen=True)
class ModelConfig:
    """[model]: the network, as a factory that builds it untrained."""

    factory: str = setting(
        "robustsplit.zoo:small_cnn", "`package.module:factory` or `path/to/file.py:factory`"
    )
    arguments: dict[str, Any] = field(
        default_factory=dict, metadata={"help": "keyword arguments of the factory"}
    )
    weights: str = setting("", "weights of a regular network: [train] is then skipped")
    robust_weights: str = setting("", "weights of a robust network: [robust] is then skipped")
    weights_key: str = setting("", "where in the file of `weights`, such as `state_dict_ema`")
    weights_prefix: str = setting("", "what to take off the front of its names, such as `model.`")
    robust_weights_key: str = setting("", "the same for `robust_weights`")
    robust_weights_prefix: str = setting("", "likewise")


@dataclass(frozen=True)
class TrainConfig(Recipe):
    """[train]: training of the regular network; the fields of a `Recipe` as keys."""

    epochs: int = setting(10, "passes over the training images", least=0)

    def recipe(self) -> Recipe:
        """Return how to train, without the other keys of the section."""
        return Recipe(**{item.name: getattr(self, item.name) for item in fields(Recipe)})


@dataclass(frozen=True)
class AttackConfig:
    """[attack]: the threat, for evaluation and for training."""

    name: str = setting("pgd", "`clean`, `fgsm`, `ifgsm`, `pgd`, `cw` or `autoattack`")
    options: dict[str, Any] = field(
        default_factory=dict,
        metadata={"help": 'other keys: `eps = "8/255"`, `steps`, `norm`, ..., or `paper = true`'},
    )


@dataclass(frozen=True)
class RobustConfig(TrainConfig):
    """[robust]: adversarial training of the robust network; the keys of [train] as well."""

    start: Literal["regular", "scratch"] = setting(
        "regular",
        "train on from the `regular` network, or from `scratch`",
        choices=("regular", "scratch"),
    )
    attack: AttackConfig = field(
        default_factory=lambda: AttackConfig(name=""),
        metadata={"help": "[robust.attack]: attack used in training; without it, [attack]"},
    )


@dataclass(frozen=True)
class SplitConfig:
    """[split]: the cuts between f_a and f_b; Algorithm 1 runs once for each."""

    last: tuple[int, ...] = setting(
        (), "f_b is the last so many weight layers, such as `[2, 4]`", least=1
    )
    at: tuple[str, ...] = setting(
        (), "f_b begins at the named layer, such as `['layer4.0.conv1']`"
    )


@dataclass(frozen=True)
class Algorithm1Config(TrainConfig):
    """[algorithm1]: T trials of at most `epochs` epochs of adversarial training of f_b."""

    trials: int = setting(3, "T", least=1)
    tolerance: float = setting(2.0, "k, in percentage points of validation accuracy", least=0)
    inputs: Literal["adversarial", "clean"] = setting(
        "adversarial",
        "measure on `adversarial` inputs (as published) or on `clean` ones",
        choices=("adversarial", "clean"),
    )
    protocol: Literal["adaptive", "static"] = setting(
        "adaptive",
        "`adaptive`: attack the weights evaluated; `static`: stored examples (not robustness)",
        choices=("adaptive", "static"),
    )


@dataclass(frozen=True)
class InformationConfig:
    """[mi]: how connectivity is estimated and assessed: a `Measurement` as a file writes it."""

    estimator: str = setting("", "such as `ksg`, `ksg+pca:4`, `edge`; empty: the package's choice")
    point: Literal["post", "pre"] = setting(
        Measurement.point, "layer outputs `post` or `pre` activation function", choices=POINTS
    )
    reduce: Literal["none", "gap"] = setting(
        "none", "`none` flattens feature maps, `gap` averages each map", choices=REDUCTIONS
    )
    shortcuts: Literal["exclude", "include"] = setting(
        Measurement.shortcuts,
        "whether projections on residual shortcuts are layers, in cuts and in measurements",
        choices=SHORTCUTS,
    )
    released: bool = setting(
        Measurement.released, "also give what the published code's estimator returns, and its null"
    )
    n_permutations: int = setting(
        Measurement.n_permutations, "within-label permutations of the null", least=1
    )
    max_per_class: int = setting(0, "at most so many images per class; 0: all", least=0)
    small_classes: Literal["error", "drop"] = setting(
        Measurement.small_classes,
        "a class too small for the estimator is an `error`, or `drop` it and say so",
        choices=SMALL_CLASSES,
    )
    networks: tuple[str, ...] = setting(
        ("regular", "robust", "untrained"),
        "whole networks to profile beside Algorithm 1",
        choices=("regular", "robust", "untrained"),
    )

    def measurement(self) -> Measurement:
        """Return the settings as a value.

        Returns:
            The measurement.

        Raises:
            ValueError: For an estimator that there is not.
        """
        texts = {item.name: getattr(self, item.name) for item in fields(self)}
        del texts["networks"]
        return Measurement.from_text(**texts)


@dataclass(frozen=True)
class OutputConfig:
    """[output]: figures."""

    unit: Literal["bits", "nats"] = setting(
        "bits", "`bits` or `nats` in tables and figures", choices=("bits", "nats")
    )
    x: Literal["depth", "from_output"] = setting(
        "depth",
        "figures run from input to output (`depth`) or as in the paper (`from_output`)",
        choices=("depth", "from_output"),
    )
    formats: tuple[str, ...] = setting(("png", "svg"), "of figures", choices=("png", "svg", "pdf"))


@dataclass(frozen=True)
class Config:
    """A whole study."""

    name: str = setting("study", "the run directory is runs/NAME unless --out says otherwise")
    seed: int = setting(0, "all randomness is derived from it", least=0)
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
        return _plain(self)

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
        table = tomllib.loads(path.read_text(encoding="utf-8"))
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
    for override in overrides:
        _override(merged, override)
    config: Config = _build(Config, merged, source, "")
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


def _override(table: dict[str, Any], text: str) -> None:
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


def _build(kind: type[Any], table: Mapping[str, Any], source: str, where: str) -> Any:
    """Make the dataclass `kind` from a table, every key checked."""
    if not isinstance(table, Mapping):
        raise ConfigError(f"{source}: {where or 'the file'} must be a table, got {table!r}.")
    known = {item.name: item for item in fields(kind)}
    hints = get_type_hints(kind)
    if kind is AttackConfig:  # its other keys belong to the attack, which checks them itself
        nested = table.get("options", {})
        others = {key: value for key, value in table.items() if key not in known}
        table = {"name": table.get("name", "pgd"), "options": {**nested, **others}}
    values = {}
    for key, value in table.items():
        name = f"{where}.{key}" if where else key
        if key not in known:
            raise ConfigError(
                f"{source}: " + unknown("configuration key", name, _siblings(kind, where))
            )
        if is_dataclass(hints[key]):
            values[key] = _build(hints[key], value, source, name)
        else:
            values[key] = _checked(value, hints[key], known[key].metadata, f"{source}: `{name}`")
    return kind(**values)


def _siblings(kind: type[Any], where: str) -> list[str]:
    return [f"{where}.{item.name}" if where else item.name for item in fields(kind)]


def _checked(value: Any, hint: Any, metadata: Mapping[str, Any], label: str) -> Any:
    """Return `value` as the type `hint`, inside its range, or say what was expected."""
    origin = get_origin(hint)
    hint = str if origin is Literal else hint
    if origin is types.UnionType:  # text, or a list
        return _checked(
            value, str if isinstance(value, str) else get_args(hint)[0], metadata, label
        )
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{label} must be a list, got {value!r}. Write it as [{value!r}].")
        (inner, _) = get_args(hint)
        return tuple(
            _checked(item, inner, metadata, f"{label[:-1]}[{i}]`") for i, item in enumerate(value)
        )
    if origin is dict:
        if not isinstance(value, Mapping):
            raise ConfigError(f"{label} must be a table, got {value!r}.")
        return dict(value)
    if hint is float:
        value = number(value)
        value = float(value) if isinstance(value, int) and not isinstance(value, bool) else value
    expected = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}[hint]
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise ConfigError(f"{label} must be {expected}, got {value!r}.")
    if isinstance(value, float) and not isfinite(value):
        raise ConfigError(f"{label} must be a finite number, got {value!r}.")
    least, most, choices = metadata["least"], metadata["most"], metadata["choices"]
    if choices and value not in choices:
        raise ConfigError(f"{label}: " + unknown("value", value, choices))
    if (least is not None and value < least) or (most is not None and value > most):
        bounds = f"at least {least}" if most is None else f"from {least} to {most}"
        raise ConfigError(f"{label} must be {bounds}, got {value!r}.")
    return value


def number(value: Any) -> Any:
    """Return text such as "8/255" as a number; everything else as it is."""
    if isinstance(value, str) and "/" in value:
        try:
            return float(Fraction(value.replace(" ", "")))
        except (ValueError, ZeroDivisionError):
            return value
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, AttackConfig):
        return {"name": value.name, **_plain(value.options)} if value.name else {}
    if is_dataclass(value) and not isinstance(value, type):
        plain = {item.name: _plain(getattr(value, item.name)) for item in fields(value)}
        return {key: item for key, item in plain.items() if item != {}}
    if isinstance(value, Mapping | types.MappingProxyType):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _compare(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str) -> Iterable[str]:
    for key in dict.fromkeys([*old, *new]):
        before, after = old.get(key), new.get(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from _compare(before, after, f"{prefix}{key}.")
        elif before != after:
            yield f"{prefix}{key}: {before!r} -> {after!r}"
