"""One progress bar for a whole study, with the time left: the work is known in advance."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from tqdm import tqdm

__all__ = ["PAIR_COST", "Progress", "passes"]

#: What one permutation of one pair costs for each sample, in forward passes of a small net:
#: measured on the demo, and only used for the time left.
PAIR_COST = 1.6

LAYOUT = "{desc:<34.34} {percentage:3.0f}%|{bar}| {elapsed} gone, {remaining} left{postfix}"


class Progress:
    """A bar over stages of known cost; on the error stream, and only on a terminal.

    Args:
        costs: Cost of each stage, in any one unit, in the order of the stages.
        shown: True or False forces it; None shows it when the error stream is a terminal.
    """

    def __init__(self, costs: Mapping[str, float], shown: bool | None = None) -> None:
        self.costs = dict(costs)
        self.ends = {}
        total = 0.0
        for name, cost in self.costs.items():
            total += cost
            self.ends[name] = total
        self.place = 0.0  # a hidden bar does not count
        hidden = not (sys.stderr.isatty() if shown is None else shown)
        self.bar: Any = tqdm(
            total=total,
            disable=hidden,
            file=sys.stderr,
            bar_format=LAYOUT,
            dynamic_ncols=True,
            leave=False,
        )

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bar.close()

    def stage(self, name: str) -> None:
        """Begin a stage."""
        self.bar.set_description_str(name)
        self._move_to(self.ends[name] - self.costs[name])

    def step(self, name: str, cost: float, note: str = "") -> None:
        """Add some of a stage's cost, never beyond the stage's end.

        Args:
            name: The stage.
            cost: What was done, in the unit of the stages' costs.
            note: Words behind the bar.
        """
        self._move_to(min(self.ends[name], self.place + cost))
        self.bar.set_postfix_str(note)

    def reach(self, name: str, share: float) -> None:
        """Move to a place in a stage, if that is ahead.

        Args:
            name: The stage.
            share: How much of it is done, from 0 to 1.
        """
        self._move_to(self.ends[name] - (1 - share) * self.costs[name])

    def done(self, name: str) -> None:
        """End a stage, however much of it was needed."""
        self._move_to(self.ends[name])
        self.bar.set_postfix_str("")

    def _move_to(self, place: float) -> None:
        if place > self.place:
            self.bar.update(place - self.place)
            self.place = place


def passes(attack: Any) -> float:
    """Return about how many forward passes an attack takes per image; a backward one is two."""
    steps = getattr(attack, "steps", None)
    if steps is not None:
        return 1.0 + 3.0 * steps * getattr(attack, "restarts", 1)
    return {"clean": 1.0, "fgsm": 4.0, "autoattack": 6000.0}.get(attack.name, 100.0)
