"""A benchmark task: pairs to draw, and their mutual information."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mitools.estimators.base import Matrix, check_whole

__all__ = ["Draw", "Pair", "Task"]

Pair = tuple[Matrix, Matrix]
Draw = Callable[[int, np.random.Generator], Pair]


@dataclass(frozen=True)
class Task:
    """A distribution of pairs with known mutual information.

    Attributes:
        name: What it is called in tables.
        draw: From n and a generator to n pairs, with shapes (n, d_x) and (n, d_y).
        truth: I(X; Y) in nats, or a function that works it out when first asked for.
        source: How the truth is known, with its error if it has one.

    Example:
        >>> from mitools.tasks import Task
        >>> def noisy_copy(n, rng):
        ...     x = rng.normal(size=(n, 1))
        ...     return x, x + rng.normal(size=(n, 1))
        >>> task = Task("noisy copy", noisy_copy, 0.3466, "ln(2) / 2")
        >>> x, y = task.sample(1000, seed=0)
        >>> x.shape, task.mutual_information
        ((1000, 1), 0.3466)
    """

    name: str
    draw: Draw
    truth: float | Callable[[], float]
    source: str = "closed form"

    @cached_property
    def mutual_information(self) -> float:
        """I(X; Y) in nats."""
        return float(self.truth() if callable(self.truth) else self.truth)

    def sample(self, n: int, seed: int = 0) -> Pair:
        """Return n pairs with shapes (n, d_x) and (n, d_y); equal seeds give equal pairs.

        Args:
            n: How many pairs.
            seed: Seed of the draw.
        """
        check_whole("n", n)
        check_whole("seed", seed, least=0)
        return self.draw(n, np.random.default_rng([seed, len(self.name), n]))
