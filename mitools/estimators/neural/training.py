"""Small networks, and their training with early stopping on pairs held out for it.

All randomness comes from a numpy generator: torch's own, and its settings, stay untouched.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import silu

from mitools.estimators.neural.base import BLOCK

__all__ = ["Encoder", "Fitted", "Schedule", "as_tensors", "fit", "mean_over_blocks"]

#: Adam's usual settings.
BETAS, EPSILON = (0.9, 0.999), 1e-8

#: From the rows of both sides to a scalar.
Criterion = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Encoder:
    """A linear map plus a network of SiLU units: the map finds what is linear within few steps.

    Attributes:
        weights: One matrix a layer, from inputs to outputs.
        biases: One vector a layer.
        linear: The matrix from the first layer's inputs to the last one's outputs.
    """

    weights: list[Tensor]
    biases: list[Tensor]
    linear: Tensor

    @classmethod
    def initial(
        cls,
        sizes: Sequence[int],
        generator: np.random.Generator,
        device: str,
        zero: bool = False,
    ) -> Encoder:
        """Return an encoder with He's normal weights, or one that is 0 everywhere if `zero`."""

        def drawn(rows: int, columns: int, gain: float) -> Tensor:
            values = generator.normal(size=(rows, columns)) * math.sqrt(gain / rows)
            return torch.tensor(values, dtype=torch.float32, device=device).requires_grad_()

        gains = [2.0] * (len(sizes) - 2) + [0.0 if zero else 1.0]
        pairs = zip(sizes[:-1], sizes[1:], gains, strict=True)
        weights = [drawn(*layer) for layer in pairs]
        biases = [torch.zeros(size, device=device).requires_grad_() for size in sizes[1:]]
        return cls(weights, biases, drawn(sizes[0], sizes[-1], gains[-1]))

    @property
    def parameters(self) -> list[Tensor]:
        """Everything that is trained."""
        return [*self.weights, *self.biases, self.linear]

    def __call__(self, rows: Tensor) -> Tensor:
        """Return the outputs for rows with shape (n, sizes[0]), with shape (n, sizes[-1])."""
        hidden = rows
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            hidden = silu(torch.addmm(bias, hidden, weight))
        return torch.addmm(self.biases[-1], hidden, self.weights[-1]) + rows @ self.linear


@dataclass(frozen=True)
class Schedule:
    """How long and how to train.

    Attributes:
        batch_size: Pairs of a step, at most.
        epochs: Most passes over the training pairs.
        patience: Passes without a gain on the validation pairs, before the next weight decay or
            the end.
        learning_rate: Adam's step.
        weight_decays: Decoupled decay of the weights, from strong to weak.
    """

    batch_size: int
    epochs: int
    patience: int
    learning_rate: float
    weight_decays: tuple[float, ...]


@dataclass(frozen=True)
class Fitted:
    """What training came to: the best validation value, and the epochs to it and in all."""

    validation: float
    best_epoch: int
    epochs: int


def fit(
    parameters: list[Tensor],
    objective: Criterion,
    criterion: Criterion,
    training: tuple[Tensor, Tensor],
    validation: tuple[Tensor, Tensor],
    schedule: Schedule,
    generator: np.random.Generator,
) -> Fitted:
    """Raise `objective` on training pairs for as long as `criterion` rises on validation pairs.

    Whenever it has not risen for `patience` epochs, the best weights come back and training goes
    on with the next, weaker, weight decay. The parameters end as the best ones: the initial ones,
    if nothing was better.

    Args:
        parameters: What is trained, in place.
        objective: What a step raises, from the rows of a batch.
        criterion: What decides, from the validation rows.
        training: Rows of both sides.
        validation: Others.
        schedule: How long and how.
        generator: The source of the order of the pairs.

    Returns:
        The best value and the epochs.

    Raises:
        FloatingPointError: If a loss or the criterion is no finite number.
    """
    n, size = len(training[0]), schedule.batch_size
    n_batches = max(1, math.ceil(n / size))
    best, best_epoch, epoch = _value(criterion, validation), 0, 0
    kept = [parameter.detach().clone() for parameter in parameters]
    for decay in schedule.weight_decays:
        optimizer = _Adam(parameters, schedule.learning_rate, decay)
        last = epoch
        while epoch < schedule.epochs and epoch - last < schedule.patience:
            epoch += 1
            total = torch.zeros((), device=training[0].device)
            for rows in np.array_split(generator.permutation(n), n_batches):
                batch = torch.from_numpy(rows).to(training[0].device)
                loss = -objective(training[0][batch], training[1][batch])
                optimizer.step(torch.autograd.grad(loss, parameters))
                total += loss.detach()
            value = _value(criterion, validation)
            if not math.isfinite(value) or not math.isfinite(float(total)):
                raise FloatingPointError(
                    f"training diverged in epoch {epoch}: the loss is {float(total):g}, the value "
                    f"on held-out pairs {value:g}. Take a smaller `learning_rate` (it is "
                    f"{schedule.learning_rate:g}) or a larger `batch_size`."
                )
            if value > best:
                best, best_epoch, last = value, epoch, epoch
                kept = [parameter.detach().clone() for parameter in parameters]
        with torch.no_grad():
            for parameter, saved in zip(parameters, kept, strict=True):
                parameter.copy_(saved)
    return Fitted(best, best_epoch, epoch)


def mean_over_blocks(
    criterion: Criterion, sides: tuple[Tensor, Tensor], block: int = BLOCK
) -> float:
    """Return a criterion's mean over blocks of at most `block` pairs, weighted by their sizes."""
    n = len(sides[0])
    total = 0.0
    for rows in np.array_split(np.arange(n), math.ceil(n / block)):
        part = slice(int(rows[0]), int(rows[-1]) + 1)
        total += len(rows) * float(criterion(sides[0][part], sides[1][part]))
    return total / n


def as_tensors(
    x: NDArray[np.float64], y: NDArray[np.float64], device: str
) -> tuple[Tensor, Tensor]:
    """Return both sides as float32 tensors on the device."""
    first, second = (torch.tensor(side, dtype=torch.float32, device=device) for side in (x, y))
    return first, second


def _value(criterion: Criterion, sides: tuple[Tensor, Tensor]) -> float:
    with torch.no_grad():
        return mean_over_blocks(criterion, sides)


class _Adam:
    """Adam with decoupled weight decay of the matrices (Loshchilov and Hutter 2019).

    As `torch.optim.AdamW`, which takes seconds to import torch's compiler at its first use.
    """

    def __init__(self, parameters: list[Tensor], rate: float, decay: float) -> None:
        self.parameters, self.rate, self.decay = parameters, rate, decay
        self.means = [torch.zeros_like(item) for item in parameters]
        self.squares = [torch.zeros_like(item) for item in parameters]
        self.steps = 0

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor]) -> None:
        """Move the parameters down the gradients."""
        self.steps += 1
        rate = self.rate / (1 - BETAS[0] ** self.steps)
        root = math.sqrt(1 - BETAS[1] ** self.steps)
        moments = zip(self.parameters, gradients, self.means, self.squares, strict=True)
        for parameter, gradient, mean, square in moments:
            mean.lerp_(gradient, 1 - BETAS[0])
            square.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
            if parameter.ndim > 1:
                parameter.mul_(1 - self.rate * self.decay)
            parameter.addcdiv_(mean, (square.sqrt() / root).add_(EPSILON), value=-rate)
