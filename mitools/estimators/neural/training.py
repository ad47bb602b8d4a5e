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
from torch import Tensor, nn
from torch.nn.utils import skip_init

from mitools.estimators.neural.settings import BLOCK, Training

__all__ = ["Encoder", "Fitted", "as_tensors", "fit", "mean_over_blocks"]

#: From the rows of both sides to a scalar.
Criterion = Callable[[Tensor, Tensor], Tensor]


class Encoder(nn.Module):
    """A linear map plus a network of SiLU units: the map finds what is linear within few steps."""

    def __init__(
        self,
        sizes: Sequence[int],
        generator: np.random.Generator,
        device: str,
        zero: bool = False,
    ) -> None:
        """Draw He's normal weights, or those of an encoder that is 0 everywhere if `zero`.

        Args:
            sizes: Columns of the inputs, units of each hidden layer, and columns of the outputs.
            generator: The source of the weights.
            device: Where they lie.
            zero: Whether the last layer and the linear map are 0.
        """
        super().__init__()

        def drawn(inputs: int, outputs: int, gain: float, bias: bool = True) -> nn.Linear:
            # Not initialised by torch, whose global generator would move.
            layer = skip_init(nn.Linear, inputs, outputs, bias=bias, device=device)
            values = generator.normal(size=(inputs, outputs)) * math.sqrt(gain / inputs)
            with torch.no_grad():
                layer.weight.copy_(torch.from_numpy(values.T))
                if bias:
                    layer.bias.zero_()
            return layer

        gains = [2.0] * (len(sizes) - 2) + [0.0 if zero else 1.0]
        layers = [drawn(*layer) for layer in zip(sizes[:-1], sizes[1:], gains, strict=True)]
        between: list[nn.Module] = [module for each in layers[:-1] for module in (each, nn.SiLU())]
        self.network = nn.Sequential(*between, layers[-1])
        self.linear = drawn(sizes[0], sizes[-1], gains[-1], bias=False)

    def forward(self, rows: Tensor) -> Tensor:
        """Return the outputs for rows with shape (n, sizes[0]), with shape (n, sizes[-1])."""
        outputs: Tensor = self.network(rows) + self.linear(rows)
        return outputs


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
    how: Training,
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
        how: The settings.
        generator: The source of the order of the pairs.

    Returns:
        The best value and the epochs.

    Raises:
        FloatingPointError: If a loss or the criterion is no finite number.
    """
    n, size = len(training[0]), how.batch_size
    n_batches = max(1, math.ceil(n / size))
    best, best_epoch, epoch = _value(criterion, validation), 0, 0
    kept = [parameter.detach().clone() for parameter in parameters]
    for decay in how.weight_decays:
        optimizer = _optimizer(parameters, how.learning_rate, decay)
        last = epoch
        while epoch < how.epochs and epoch - last < how.patience:
            epoch += 1
            total = torch.zeros((), device=training[0].device)
            for rows in np.array_split(generator.permutation(n), n_batches):
                batch = torch.from_numpy(rows).to(training[0].device)
                loss = -objective(training[0][batch], training[1][batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total += loss.detach()
            value = _value(criterion, validation)
            if not math.isfinite(value) or not math.isfinite(float(total)):
                raise FloatingPointError(
                    f"training diverged in epoch {epoch}: the loss is {float(total):g}, the value "
                    f"on held-out pairs {value:g}. Take a smaller `learning_rate` (it is "
                    f"{how.learning_rate:g}) or a larger `batch_size`."
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
    """Return a criterion's mean over blocks of at most `block` pairs, weighted by their sizes.

    Args:
        criterion: A function of the rows of both sides.
        sides: Both sides, with n rows each.
        block: The most pairs of a block.
    """
    n = len(sides[0])
    total = 0.0
    for rows in np.array_split(np.arange(n), math.ceil(n / block)):
        part = slice(int(rows[0]), int(rows[-1]) + 1)
        total += len(rows) * float(criterion(sides[0][part], sides[1][part]))
    return total / n


def as_tensors(
    x: NDArray[np.float64], y: NDArray[np.float64], device: str
) -> tuple[Tensor, Tensor]:
    """Return both sides as float32 tensors on the device.

    Args:
        x: Samples of X, with shape (n, d_x).
        y: Paired samples of Y, with shape (n, d_y).
        device: Where to put them, in torch's words.
    """
    first, second = (torch.tensor(side, dtype=torch.float32, device=device) for side in (x, y))
    return first, second


def _value(criterion: Criterion, sides: tuple[Tensor, Tensor]) -> float:
    with torch.no_grad():
        return mean_over_blocks(criterion, sides)


def _optimizer(parameters: list[Tensor], rate: float, decay: float) -> torch.optim.Optimizer:
    """Return Adam with decoupled weight decay of the matrices (Loshchilov and Hutter 2019).

    The first one of a process takes some 3 s, as torch imports its compiler for it.
    """
    groups = [
        {"params": [each for each in parameters if each.ndim > 1], "weight_decay": decay},
        {"params": [each for each in parameters if each.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=rate)
