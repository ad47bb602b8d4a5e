"""The sections of a study's settings, a frozen dataclass each, with the meaning of every key."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Literal

from robustsplit.measurement import POINTS, REDUCTIONS, SHORTCUTS, SMALL_CLASSES, Measurement
from robustsplit.recipe import Recipe
from robustsplit.settings import setting

__all__ = [
    "Algorithm1Config",
    "AttackConfig",
    "DataConfig",
    "InformationConfig",
    "ModelConfig",
    "OutputConfig",
    "RobustConfig",
    "SplitConfig",
    "TrainConfig",
]


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
    options: dict[str, Any] = field(  # the attack checks them itself
        default_factory=dict,
        metadata={
            "help": 'other keys: `eps = "8/255"`, `steps`, `norm`, ..., or `paper = true`',
            "rest": True,
        },
    )

    def __bool__(self) -> bool:
        """Whether an attack is named; a section without one is left out of files."""
        return bool(self.name)


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
