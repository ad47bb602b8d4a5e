"""Suite "wide": few signals in hundreds of columns, and many weak ones.

The first are those of the low-rank and the weak-pair cases of Gowri et al. (2024), "Approximating
mutual information of high-dimensional variables using learned representations": normal signals
spread over many columns by a random matrix, with or without a leaky rectifier (one to one).
"""

from __future__ import annotations

import numpy as np

from mitools.tasks.mixtures import (
    changed_normal,
    correlation_for,
    normal_information,
    normal_pairs,
)
from mitools.tasks.task import Pair, Task

__all__ = ["TASKS"]


def embedded(name: str, rank: int, width: int, information: float, slope: float = 1.0) -> Task:
    """Return correlated normal signals spread over many columns, leaky-rectified if slope < 1.

    Args:
        name: The name of the task.
        rank: How many signals.
        width: Columns of each side.
        information: What the signals share, in nats.
        slope: What values below 0 are multiplied by.
    """
    r = correlation_for(information / rank)

    def draw(n: int, rng: np.random.Generator) -> Pair:
        fixed = np.random.default_rng(rank)
        sides = normal_pairs(np.full(rank, r), rank, rank).draw(n, rng)
        left, right = (side @ fixed.normal(size=(rank, width)) for side in sides)
        return np.where(left > 0, left, slope * left), np.where(right > 0, right, slope * right)

    return Task(name, draw, information)


def noisy_embedded(
    name: str, rank: int, width: int, information: float, noise: float = 0.3
) -> Task:
    """Return correlated normal signals in wide noise.

    The truth accounts for what the noise takes from the signals.

    Args:
        name: The name of the task.
        rank: How many signals.
        width: Columns of each side.
        information: What the signals share, in nats.
        noise: Standard deviation of the noise.

    Returns:
        The task.
    """
    r = correlation_for(information / rank)
    fixed = np.random.default_rng(rank)
    to_x, to_y = (np.linalg.qr(fixed.normal(size=(width, rank)))[0].T for _ in range(2))

    def draw(n: int, rng: np.random.Generator) -> Pair:
        x, y = normal_pairs(np.full(rank, r), rank, rank).draw(n, rng)
        x = x @ to_x + noise * rng.normal(size=(n, width))
        return x, y @ to_y + noise * rng.normal(size=(n, width))

    # along the signal's directions the noise adds noise^2 to a variance of 1; elsewhere is nothing
    return Task(name, draw, normal_information(np.full(rank, r / (1 + noise**2))))


TASKS = (
    embedded("linear 512+512, rank 1", 1, 512, 2.0),
    embedded("linear 512+512, rank 4", 4, 512, 2.0),
    embedded("leaky 512+512, rank 1", 1, 512, 2.0, 0.2),
    embedded("leaky 512+512, rank 4", 4, 512, 2.0, 0.2),
    noisy_embedded("linear in noise 512+512, rank 4", 4, 512, 2.0),
    changed_normal("weak 128+128", np.full(128, correlation_for(2 / 128)), 128, 128),
    changed_normal("normal 50+50, dense", np.full(50, correlation_for(1 / 50)), 50, 50),
)
