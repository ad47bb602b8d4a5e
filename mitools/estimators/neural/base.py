"""What all trained estimators share: settings, folds, and normal margins."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mitools._preparation import drop_constant
from mitools.base import Found, Matrix, MutualInformationEstimator, check_whole
from mitools.estimators.gaussian import rank_normal
from mitools.messages import require

if TYPE_CHECKING:
    from torch import Tensor

    from mitools.estimators.neural.training import Fitted, Schedule

__all__ = ["BLOCK", "Fold", "Trained", "is_number"]

#: Pairs scored against each other at once, so that memory stays bounded.
BLOCK = 2048

#: Fewest samples of a fold.
PER_FOLD = 20

Rows = NDArray[np.int64]
Pairs = tuple["Tensor", "Tensor"]


@dataclass(frozen=True, eq=False)
class Fold:
    """The pairs of both sides that train, those that stop the training, and those measured."""

    training: Pairs
    validation: Pairs
    test: Pairs


@dataclass(frozen=True, repr=False, kw_only=True)
class Trained(MutualInformationEstimator):
    """Settings of an estimator that is trained on some pairs and measured on others.

    Each column is replaced by the normal quantiles of its ranks, which leaves I(X; Y) as it is (no
    pairing is used) and takes heavy tails from the network. The samples are divided into `folds`;
    for each, a network is trained on the others, less a share that says when to stop, and the fold
    is measured. The value is the mean over folds: each pair is measured once, by a network that
    has seen neither it nor a choice made with it.

    Attributes:
        hidden: Units of the hidden layers of each side's network.
        folds: Parts of the samples; each is measured in turn. More folds train on more samples,
            and take longer.
        validation: Share of the samples outside a fold that only says when to stop.
        batch_size: Pairs of a training step, at most.
        epochs: Most passes over the training pairs.
        patience: Passes without a gain on the validation pairs before the next weight decay, or
            the end.
        learning_rate: Step size (Adam).
        weight_decays: Weight decays taken in turn, each from the best weights so far: a strong one
            first, which keeps wide data from being learned by heart, then weaker ones for detail.
        device: Where to train, in torch's words: "cpu", "cuda", "mps".
        seed: Seed of folds, weights and batches. The same data and seed give the same bits on one
            machine with one number of threads; torch's own generators are not used.
    """

    hidden: tuple[int, ...] = (64, 64)
    folds: int = 3
    validation: float = 0.2
    batch_size: int = 128
    epochs: int = 500
    patience: int = 15
    learning_rate: float = 1e-3
    weight_decays: tuple[float, ...] = (10.0, 2.0, 0.2)
    device: str = "cpu"
    seed: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.hidden, tuple):
            raise ValueError(
                f"`hidden` must be a tuple of layer sizes, such as (64, 64), got {self.hidden!r}."
            )
        for size in self.hidden:
            check_whole("hidden", size)
        check_whole("folds", self.folds, least=2)
        check_whole("batch_size", self.batch_size, least=2)
        for name in ("epochs", "patience"):
            check_whole(name, getattr(self, name))
        check_whole("seed", self.seed, least=0)
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

    def minimum_samples(self) -> int:
        """Return 20 samples a fold."""
        return PER_FOLD * self.folds

    def _pair(self, x: Matrix, y: Matrix) -> Found:
        require("torch", extra="torch", purpose=f"Training {type(self).__name__}")
        x, y = drop_constant(x), drop_constant(y)
        if 0 in (x.shape[1], y.shape[1]):
            return Found(0.0, stats={"epochs": 0.0, "best_epoch": 0.0, "fold_deviation": 0.0})
        values, sizes, fits = [], [], []
        for number, fold in enumerate(self._folds(rank_normal(x), rank_normal(y))):
            value, fitted = self._on_fold(fold, np.random.default_rng([self.seed, number]))
            if not np.isfinite(value):
                raise FloatingPointError(
                    f"{self} came to {value} on pairs held out from training. Take a smaller "
                    f"`learning_rate` (it is {self.learning_rate:g}), or a larger weight decay."
                )
            values.append(value)
            sizes.append(len(fold.test[0]))
            fits.append(fitted)
        stats = {
            "epochs": float(np.mean([fitted.epochs for fitted in fits])),
            "best_epoch": float(np.mean([fitted.best_epoch for fitted in fits])),
            "fold_deviation": float(np.std(values)),
        }
        return Found(float(np.average(values, weights=sizes)), stats=stats)

    @abstractmethod
    def _on_fold(self, fold: Fold, generator: np.random.Generator) -> tuple[float, Fitted]:
        """Train on a fold's training pairs and return the value of its test pairs, in nats."""

    def _folds(self, x: Matrix, y: Matrix) -> Iterator[Fold]:
        from mitools.estimators.neural.training import as_tensors

        sides = as_tensors(x, y, self.device)
        n = len(x)
        order = np.random.default_rng([self.seed, n]).permutation(n)
        parts: list[Rows] = np.array_split(order, self.folds)
        for number in range(self.folds):
            rest = np.concatenate(parts[number + 1 :] + parts[:number])
            cut = max(2, round(self.validation * len(rest)))
            chosen = rest[cut:], rest[:cut], parts[number]
            training, validation, test = ((sides[0][rows], sides[1][rows]) for rows in chosen)
            yield Fold(training, validation, test)

    def _largest_fold(self, n_samples: int) -> int:
        return -(-n_samples // self.folds)

    @property
    def _schedule(self) -> Schedule:
        from mitools.estimators.neural.training import Schedule

        return Schedule(
            self.batch_size, self.epochs, self.patience, self.learning_rate, self.weight_decays
        )


def is_number(value: Any) -> bool:
    """Return whether a setting is an integer or a float."""
    return isinstance(value, int | float) and not isinstance(value, bool)
