r"""What attacks ascend: losses summed over the batch, larger when the classifier is more wrong.

Sums, not means: a mean divides the gradient by n, and in float16 small gradients then vanish
(robust accuracy was overstated by 30 points in a test). With :math:`z` the logits and
:math:`z_{\pi_i}` the i-th largest,

* ``ce``: :math:`\log \sum_k e^{z_k} - z_y`;
* ``margin``: :math:`\max_{k \ne y} z_k - z_y`, positive exactly when the input is misclassified;
  it has a gradient where cross-entropy has underflowed to 0 (Carlini and Wagner 2017);
* ``dlr``: margin divided by :math:`z_{\pi_1} - z_{\pi_3}`, blind to the scale of the logits (Croce
  and Hein 2020, eq. (6)); needs 3 classes, its targeted form (eq. (7)) 4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from mitools.samples.messages import unknown

__all__ = ["Loss", "LossName", "cross_entropy", "dlr", "get_loss", "margin", "targeted_dlr"]

Loss = Callable[[Tensor, Tensor], Tensor]
LossName = Literal["ce", "margin", "dlr"]

#: Keeps the DLR finite when the three largest logits are equal; the reference code's constant.
TINY = 1e-12


def get_loss(name: LossName) -> Loss:
    """Return a loss by its name.

    Args:
        name: "ce", "margin" or "dlr".

    Returns:
        A function of logits (n, K) and labels (n,).

    Raises:
        ValueError: For another name, with the nearest.
    """
    if name not in LOSSES:
        raise ValueError(unknown("loss", name, LOSSES))
    return LOSSES[name]


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the cross-entropy, summed over the batch.

    Args:
        logits: Shape (n, K).
        labels: Right classes, shape (n,).

    Returns:
        A scalar, in nats.
    """
    return F.cross_entropy(logits, labels, reduction="sum")


def margin(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the largest wrong logit minus the right one, summed over the batch.

    Args:
        logits: Shape (n, K).
        labels: Right classes, shape (n,).

    Returns:
        A scalar.
    """
    return margins(logits, labels).sum()


def margins(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the largest wrong logit minus the right one, for each input.

    Args:
        logits: Shape (n, K).
        labels: Right classes, shape (n,).

    Returns:
        Shape (n,); positive exactly where the input is misclassified.
    """
    column = labels.unsqueeze(1)
    right = logits.gather(1, column).squeeze(1)
    return logits.scatter(1, column, -torch.inf).amax(dim=1) - right


def dlr(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the difference-of-logits ratio, summed over the batch (Croce and Hein 2020, eq. (6)).

    Args:
        logits: Shape (n, K), K >= 3.
        labels: Right classes, shape (n,).

    Returns:
        A scalar.

    Raises:
        ValueError: For fewer than 3 classes.
    """
    _require_classes(logits, 3, "dlr")
    ordered = logits.sort(dim=1).values
    return (margins(logits, labels) / (ordered[:, -1] - ordered[:, -3] + TINY)).sum()


def targeted_dlr(logits: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
    """Return the targeted difference-of-logits ratio, summed over the batch (eq. (7)).

    It grows as the logit of the target overtakes the right one.

    Args:
        logits: Shape (n, K), K >= 4.
        labels: Right classes, shape (n,).
        targets: Classes that the inputs shall be taken for, shape (n,).

    Returns:
        A scalar.

    Raises:
        ValueError: For fewer than 4 classes.
    """
    _require_classes(logits, 4, "targeted dlr")
    ordered = logits.sort(dim=1).values
    gain = logits.gather(1, targets.unsqueeze(1)) - logits.gather(1, labels.unsqueeze(1))
    scale = ordered[:, -1] - 0.5 * (ordered[:, -3] + ordered[:, -4]) + TINY
    return (gain.squeeze(1) / scale).sum()


def _require_classes(logits: Tensor, least: int, name: str) -> None:
    if logits.shape[1] < least:
        raise ValueError(
            f"The {name} loss compares the {least} largest logits, but the model has "
            f"{logits.shape[1]} "
            'classes. Use loss="margin" instead.'
        )


LOSSES: dict[str, Loss] = {"ce": cross_entropy, "margin": margin, "dlr": dlr}
