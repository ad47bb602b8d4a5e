"""How a network is trained: `Training`, one value that all trained estimators share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import numpy as np

from mitools.estimators.base import as_call, check_whole

__all__ = ["BLOCK", "DEFAULT", "Training", "is_number", "takes_training_settings"]

Class = TypeVar("Class", bound=type)

#: Pairs scored against each other at once, so that memory stays bounded.
BLOCK = 2048


def is_number(value: Any) -> bool:
    """Return whether a setting is an integer or a float."""
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True, repr=False, kw_only=True)
class Training:
    """Settings of a training; `InfoNCE`, `MINE`, `SMILE` and `Learned` take one as `training`.

    Each of them also takes these settings by themselves, in calls and in text:
    ``InfoNCE(epochs=40)`` and ``"infonce:epochs=40"`` are
    ``InfoNCE(training=Training(epochs=40))``.

    Attributes:
        hidden: Units of the hidden layers of each side's network.
        validation: Share of the samples outside a fold that only says when to stop.
        batch_size: Pairs of a training step, at most.
        epochs: Most passes over the training pairs.
        patience: Passes without a gain on the validation pairs before the next weight decay, or
            the end.
        learning_rate: Step size (AdamW).
        weight_decays: Weight decays taken in turn, each from the best weights so far: a strong one
            first, which keeps wide data from being learned by heart, then weaker ones for detail.
        device: Where to train, in torch's words: "cpu", "cuda", "mps".

    Example:
        >>> from mitools import InfoNCE, Training
        >>> quick = Training(epochs=40, weight_decays=(0.5,))
        >>> InfoNCE(training=quick) == InfoNCE(epochs=40, weight_decays=(0.5,))
        True
    """

    hidden: tuple[int, ...] = (64, 64)
    validation: float = 0.2
    batch_size: int = 128
    epochs: int = 500
    patience: int = 15
    learning_rate: float = 1e-3
    weight_decays: tuple[float, ...] = (10.0, 2.0, 0.2)
    device: str = "cpu"

    def __post_init__(self) -> None:
        if not isinstance(self.hidden, tuple):
            raise ValueError(
                f"`hidden` must be a tuple of layer sizes, such as (64, 64), got {self.hidden!r}."
            )
        for size in self.hidden:
            check_whole("hidden", size)
        check_whole("batch_size", self.batch_size, least=2)
        for name in ("epochs", "patience"):
            check_whole(name, getattr(self, name))
        if not is_number(self.validation) or not 0 < self.validation <= 0.5:
            raise ValueError(
                f"`validation` must be a share above 0 and at most 0.5, got {self.validation!r}."
            )
        if not is_number(self.learning_rate) or not 0 < self.learning_rate < np.inf:
            raise ValueError(
                f"`learning_rate` must be a positive number, got {self.learning_rate!r}."
            )
        decays = self.weight_decays
        if (
            not isinstance(decays, tuple)
            or not decays
            or not all(is_number(decay) and 0 <= decay < np.inf for decay in decays)
        ):
            raise ValueError(
                "`weight_decays` must be a tuple of numbers of at least 0, such as (10.0, 0.2), "
                f"got {decays!r}."
            )
        if not isinstance(self.device, str):
            raise ValueError(f'`device` must be text such as "cpu", got {self.device!r}.')

    def __repr__(self) -> str:
        return as_call(self)


#: The training of every estimator that is not given another one.
DEFAULT = Training()


def takes_training_settings(cls: Class) -> Class:
    """Let a class with a field `training` take the settings of `Training` by themselves as well.

    Those given change the ones of `training`. Their names are kept as `SHORT_SETTINGS`, for
    readers of settings as text.

    Returns:
        The class.
    """
    changed: Any = cls
    made: Callable[..., None] = changed.__init__
    names = tuple(item.name for item in fields(Training))

    @functools.wraps(made)
    def __init__(self: Any, *, training: Training = DEFAULT, **given: Any) -> None:
        own = {name: given.pop(name) for name in names if name in given}
        if not isinstance(training, Training):
            raise TypeError(f"`training` must be a Training(...), got {training!r}.")
        made(self, training=replace(training, **own), **given)

    changed.__init__ = __init__
    changed.SHORT_SETTINGS = names
    return cls
