"""Counts of cells within labels: one `CountState` each, for I(X; Y | Z) with a discrete Z."""

from __future__ import annotations

import io
import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mitools.engines.cells.state import Counting, CountState, reading
from mitools.evidence.estimate import Estimate
from mitools.samples.arrays import paired_samples, split_by_label

__all__ = ["LabelledCounts"]


@dataclass(frozen=True, eq=False)
class LabelledCounts:
    """A `CountState` per label, each with a hash of its own; they add up as exactly.

    Attributes:
        states: The counts within each label.

    Example:
        >>> import numpy as np
        >>> from mitools import EDGE
        >>> rng = np.random.default_rng(0)
        >>> labels = rng.integers(2, size=3000)
        >>> x, y = labels + rng.normal(size=(2, 3000))  # dependent through the label only
        >>> empty = LabelledCounts.fit_hash(x[:1000], y[:1000], labels[:1000], EDGE())
        >>> abs(empty.update(x, y, labels).finalize().value) < 0.05
        True
    """

    states: Mapping[Hashable, CountState]

    @classmethod
    def fit_hash(
        cls, x: Any, y: Any, given: Any, estimator: Counting, *, steps: int | None = None
    ) -> LabelledCounts:
        """Fix a hash per label on a sample, and return counts that are still empty.

        Args:
            x: A sample of X, with shape (n, d_x) or (n,).
            y: The paired sample of Y.
            given: The paired labels, with shape (n,); every label must occur.
            estimator: The settings.
            steps: As in `EDGE.fit_hash`.

        Returns:
            Empty counts for each label.

        Raises:
            ValueError: If a label has too few rows in the sample, or for bad data.
        """
        least = estimator.minimum_samples()
        states = {}
        for part in split_by_label(*paired_samples(x, y, given=given), given):
            if len(part.x) < least:
                raise ValueError(
                    f"The label {part.label!r} has {len(part.x)} rows in the sample, and fixing "
                    f"its hash takes {least}. Use a larger sample, or drop that label."
                )
            states[part.label] = estimator.fit_hash(part.x, part.y, steps=steps)
        return cls(states)

    @property
    def n_samples(self) -> int:
        """How many samples were counted, over all labels."""
        return sum(state.n_samples for state in self.states.values())

    def update(self, x: Any, y: Any, given: Any) -> LabelledCounts:
        """Return the counts with the rows of a chunk counted as well, each under its label.

        Args:
            x: Samples of X, with shape (n, d_x) or (n,).
            y: Paired samples of Y.
            given: The paired labels, with shape (n,).

        Raises:
            TypeError: For data that are not numbers.
            ValueError: For bad data, or a label the sample never saw.
        """
        states = dict(self.states)
        for part in split_by_label(*paired_samples(x, y, given=given), given):
            if part.label not in states:
                known = ", ".join(repr(label) for label in list(states)[:12])
                raise ValueError(
                    f"The label {part.label!r} was not in the sample that fixed the hashes, which "
                    f"had: {known}. Use a larger sample, or one that has every label."
                )
            states[part.label] = states[part.label].update(part.x, part.y)
        return LabelledCounts(states)

    def merge(self, other: LabelledCounts) -> LabelledCounts:
        """Return the counts of both.

        Raises:
            TypeError: If the other holds no counts within labels.
            ValueError: If the labels or their hashes differ.
        """
        if not isinstance(other, LabelledCounts):
            raise TypeError(
                f"`merge` takes other LabelledCounts, got {type(other).__name__}. Read files with "
                "`LabelledCounts.from_npz`, and count arrays with `update`."
            )
        if self.states.keys() != other.states.keys():
            raise ValueError(
                "The two were counted under different labels. Call `fit_hash` once and update "
                "every part from what it returns."
            )
        return LabelledCounts(
            {label: state.merge(other.states[label]) for label, state in self.states.items()}
        )

    def to_npz(self, path: str | Path | io.BytesIO) -> None:
        """Write the hashes and the counts to an npz file, without pickles.

        Raises:
            TypeError: For labels other than numbers, booleans or text.
        """
        labels = list(self.states)
        known = (bool, int, float, str)
        if not all(isinstance(label, known) for label in labels):
            raise TypeError(
                "Only labels that are numbers, booleans or text fit into a file, got "
                f"{next(label for label in labels if not isinstance(label, known))!r}."
            )
        arrays = {
            f"{number}/{name}": array
            for number, state in enumerate(self.states.values())
            for name, array in state.to_arrays().items()
        }
        np.savez_compressed(path, labels=np.array(json.dumps(labels)), **arrays)  # type: ignore[arg-type]

    @classmethod
    def from_npz(cls, path: str | Path | io.BytesIO) -> LabelledCounts:
        """Read counts that `to_npz` wrote.

        Args:
            path: The file, or a buffer.

        Returns:
            The counts.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the file is another one, or damaged.
        """
        with reading(path, cls.__name__) as arrays:
            states = {}
            for number, label in enumerate(json.loads(str(arrays["labels"]))):
                start = f"{number}/"
                own = {
                    name.removeprefix(start): array
                    for name, array in arrays.items()
                    if name.startswith(start)
                }
                states[label] = CountState.from_arrays(own)
            return cls(states)

    def finalize(self) -> Estimate:
        """Return the estimate in nats: the labels' own, weighted by how often each was counted.

        Raises:
            ValueError: If a label was counted less often than the estimator needs.
        """
        estimates = {}
        for label, state in self.states.items():
            try:
                estimates[label] = state.finalize()
            except ValueError as error:
                raise ValueError(f"In the label {label!r}: {error}") from error
        return Estimate.pooled(estimates, next(iter(self.states.values())).estimator)
