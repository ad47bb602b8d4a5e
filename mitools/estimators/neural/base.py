"""What all trained estimators share: settings, folds, and normal margins."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mitools.estimators.base import Found, Matrix, MutualInformationEstimator, check_whole
from mitools.estimators.gaussian import rank_normal
from mitools.estimators.neural.settings import DEFAULT, Training
from mitools.samples.messages import require
from mitools.samples.scaling import drop_constant

if TYPE_CHECKING:
    from torch import Tensor

    from mitools.estimators.neural.training import Fitted

__all__ = ["Fold", "Trained"]

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
    has seen neither it nor a choice made with it. The first training of a process takes some
    seconds more, in which torch is imported.

    Attributes:
        training: How the networks are trained; each of its settings may also be given by itself.
        folds: Parts of the samples; each is measured in turn. More folds train on more samples,
            and take longer.
        seed: Seed of folds, weights and batches. The same data and seed give the same bits on one
            machine with one number of threads; torch's own generators are not used.
    """

    training: Training = DEFAULT
    folds: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        check_whole("folds", self.folds, least=2)
        check_whole("seed", self.seed, least=0)

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
                    f"`learning_rate` (it is {self.training.learning_rate:g}), or a larger weight "
                    "decay."
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

        sides = as_tensors(x, y, self.training.device)
        n = len(x)
        order = np.random.default_rng([self.seed, n]).permutation(n)
        parts: list[Rows] = np.array_split(order, self.folds)
        for number in range(self.folds):
            rest = np.concatenate(parts[number + 1 :] + parts[:number])
            cut = max(2, round(self.training.validation * len(rest)))
            chosen = rest[cut:], rest[:cut], parts[number]
            training, validation, test = ((sides[0][rows], sides[1][rows]) for rows in chosen)
            yield Fold(training, validation, test)

    def _largest_fold(self, n_samples: int) -> int:
        return -(-n_samples // self.folds)
