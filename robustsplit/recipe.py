"""How weights are fitted: the settings of a training, and the learning rate they make."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, pi
from typing import Literal

from mitools.samples.messages import unknown
from robustsplit.settings import setting

__all__ = ["Recipe"]

#: Share of the highest learning rate, by the share of the training that is done.
SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda done: 1.0,
    "cosine": lambda done: 0.5 * (1 + cos(pi * done)),
    "step": lambda done: 0.1 ** int(3 * done + 1e-9),
    "one-cycle": lambda done: (
        max(3 * done, 0.01) if done < 1 / 3 else 0.5 * (1 + cos(pi * (1.5 * done - 0.5)))
    ),
}
OPTIMIZERS = ("sgd", "adam", "adamw")


@dataclass(frozen=True)
class Recipe:
    """How weights are fitted.

    The authors' recipe for convolutional nets is ``Recipe(epochs=120, batch_size=512, lr=0.01,
    momentum=0.9, weight_decay=5e-4, schedule="step")``.

    Attributes:
        epochs: Passes over the training data.
        batch_size: Images per step.
        lr: Learning rate at its highest.
        momentum: Of SGD; unused by Adam.
        weight_decay: L2 penalty.
        optimizer: "sgd", "adam" or "adamw".
        schedule: "constant"; "cosine", to zero; "step", times 0.1 after a third and after two
            thirds; "one-cycle", a linear rise over the first third and then a cosine to zero. A
            function of the progress alone, so a resumed training needs no state of it.
    """

    epochs: int = setting(20, "passes over the training images", least=0)
    batch_size: int = setting(64, "images per step", least=1)
    lr: float = setting(0.01, "learning rate", least=0)
    momentum: float = setting(0.9, "for `sgd`", least=0, most=1)
    weight_decay: float = setting(5e-4, "L2 penalty", least=0)
    optimizer: Literal["sgd", "adam", "adamw"] = setting(
        "sgd", "`sgd`, `adam` or `adamw`", choices=OPTIMIZERS
    )
    schedule: Literal["constant", "cosine", "step", "one-cycle"] = setting(
        "cosine",
        "`constant`, `cosine`, `step` (a tenth after each third) or `one-cycle`",
        choices=tuple(SCHEDULES),
    )

    def __post_init__(self) -> None:
        if self.epochs < 0 or self.batch_size < 1 or not self.lr >= 0:
            raise ValueError(
                "A recipe needs epochs >= 0, batch_size >= 1 and lr >= 0, got "
                f"{self.epochs}, {self.batch_size} and {self.lr}."
            )
        for kind, value, known in (
            ("optimizer", self.optimizer, OPTIMIZERS),
            ("schedule", self.schedule, SCHEDULES),
        ):
            if value not in known:
                raise ValueError(unknown(kind, value, known))

    def learning_rate(self, progress: float) -> float:
        """Return the learning rate at a point of the training.

        Args:
            progress: How many epochs are done, a number from 0 to `epochs`; may be a fraction.

        Returns:
            The learning rate.
        """
        return self.lr * SCHEDULES[self.schedule](min(progress / max(self.epochs, 1), 1.0))
