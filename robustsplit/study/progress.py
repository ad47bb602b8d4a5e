"""How far a study is, with the time left: a bar on a terminal, a line a minute elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from tqdm import tqdm

from mitools.samples.messages import visible

__all__ = ["PAIR_COST", "Progress", "passes", "span"]

#: Seconds between two lines, where there is no terminal.
EVERY = 60.0

#: What one permutation of one pair costs for each sample, in forward passes of a small net:
#: measured on the demo, and only used for the time left.
PAIR_COST = 1.6

LAYOUT = "{desc:<34.34} {percentage:3.0f}%|{bar}| {elapsed} gone, {remaining} left{postfix}"


class Progress:
    """Progress over stages of known cost, on the error stream.

    Args:
        costs: Cost of each stage, in any one unit, in the order of the stages.
        shown: True draws a bar, False nothing; None draws a bar on a terminal, and writes a line
            now and then where the error stream is none.
        every: Seconds between two such lines.
    """

    def __init__(
        self, costs: Mapping[str, float], shown: bool | None = None, every: float = EVERY
    ) -> None:
        self.costs = dict(costs)
        self.ends = {}
        total = 0.0
        for name, cost in self.costs.items():
            total += cost
            self.ends[name] = total
        self.place = 0.0  # a hidden bar does not count
        terminal = sys.stderr.isatty()
        hidden = not (terminal if shown is None else shown)
        self.began, self.words, self.note = time.monotonic(), "", ""
        self.over = threading.Event()
        self.writer: threading.Thread | None = None
        if shown is None and not terminal:
            self.writer = threading.Thread(target=self._write, args=(every,), daemon=True)
        self.bar: Any = tqdm(
            total=total,
            disable=hidden,
            file=sys.stderr,
            bar_format=LAYOUT,
            dynamic_ncols=True,
            leave=False,
        )

    def __enter__(self) -> Progress:
        if self.writer is not None:
            self.writer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.over.set()
        if self.writer is not None:
            self.writer.join()
        self.bar.close()

    def stage(self, name: str) -> None:
        """Begin a stage."""
        self.words, self.note = visible(name), ""
        self.bar.set_description_str(self.words)
        self._move_to(self.ends[name] - self.costs[name])

    def step(self, name: str, cost: float, note: str = "") -> None:
        """Add some of a stage's cost, never beyond the stage's end.

        Args:
            name: The stage.
            cost: What was done, in the unit of the stages' costs.
            note: Words behind the bar.
        """
        self._move_to(min(self.ends[name], self.place + cost))
        self.note = visible(note)
        self.bar.set_postfix_str(self.note)

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

    def line(self) -> str:
        """Return in words how far it is."""
        gone = time.monotonic() - self.began
        total = sum(self.costs.values())
        left = gone * (total - self.place) / self.place if self.place else None
        ahead = "time left not known yet" if left is None else f"about {span(left)} left"
        what = ", ".join(filter(None, (self.words, self.note)))
        return f"{span(gone)} gone, {ahead}: {what or 'beginning'}"

    def _write(self, every: float) -> None:
        while not self.over.wait(every):
            print(self.line(), file=sys.stderr, flush=True)

    def _move_to(self, place: float) -> None:
        if place > self.place:
            self.bar.update(place - self.place)
            self.place = place


def span(seconds: float) -> str:
    """Return a time in words, such as "45 s", "12 min" or "3 h 5 min"."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def passes(attack: Any) -> float:
    """Return about how many forward passes an attack takes per image; a backward one is two."""
    steps = getattr(attack, "steps", None)
    if steps is not None:
        return 1.0 + 3.0 * steps * getattr(attack, "restarts", 1)
    return {"clean": 1.0, "fgsm": 4.0, "autoattack": 6000.0}.get(attack.name, 100.0)
