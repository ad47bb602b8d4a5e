"""Sides whose rows repeat: labels, counts, rounded numbers, atoms; which estimator takes them.

I(X; Y) is the same whether repeated values are read as labels or as numbers; only how much of it
an estimator sees differs. So no count of values decides: every reading that is open is tried, and
another one than the first is taken where it is clearly above it. All of them are 0 on average at
independence, and fall short elsewhere rather than exceed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mitools.engines.linear.gain import certain_gain
from mitools.estimators.base import Found, Matrix, MutualInformationEstimator, Orders, Prepared
from mitools.estimators.discrete import PlugIn
from mitools.estimators.ksg import KSG
from mitools.estimators.labels import Labels
from mitools.estimators.mixed import Mixed
from mitools.samples.kinds import Multiplicities
from mitools.samples.scaling import has_repeats

__all__ = ["Repeated", "for_columns", "for_kinds", "for_repeated"]

#: Ties matter if this share of the rows of a side has an equal twin.
TIED = 0.25
#: A side may be labels if each of its distinct rows occurs this often on average;
LEAST = 3
#: it is read as labels first if they occur this often.
REPEATS = 5
#: Neighbours are tried up to so many joint columns.
NARROW = 10
#: The spread of `KSG` at independence is about this over the root of n, at any width.
SPREAD = 0.7


def for_repeated(x: Matrix, y: Matrix, k: int, seed: int) -> Repeated | None:
    """Return the estimator for sides of which one repeats its rows, None where neither does.

    Args:
        x: Samples of X, with shape (n, d_x).
        y: Paired samples of Y, with shape (n, d_y).
        k: Neighbours.
        seed: Seed of what draws at random.
    """
    sides = [Multiplicities.of(side) for side in (x, y)]
    if max(side.share(2) for side in sides) <= TIED:
        return None
    labels = [side.discrete(LEAST) and not side.has_atoms for side in sides]
    width = x.shape[1] + y.shape[1]
    readings: list[tuple[str, MutualInformationEstimator]] = []
    if not all(labels):
        for swapped in (False, True):
            if labels[0 if swapped else 1]:
                readings.append(("labels", LabelsEitherSide(swapped, seed)))
    first = [side.discrete(REPEATS) for side, label in zip(sides, labels, strict=True) if label]
    if all(labels):
        readings.append(("table", PlugIn(correction="chance")))
    if width <= NARROW and not (readings and readings[0][0] == "labels" and first[0]):
        readings.insert(0, ("mixed", Mixed(k=k)))
    return Repeated(tuple(readings or [("mixed", Mixed(k=k))]))


def for_columns(x: Matrix, y: Matrix, x_label: bool, y_label: bool) -> MutualInformationEstimator:
    """Return the estimator for two single columns whose kinds are known, labels second if one is.

    Args:
        x: One column, with shape (n, 1).
        y: The other.
        x_label: Whether the first is a label.
        y_label: Whether the second is.
    """
    numbers = not (x_label or y_label)
    return for_kinds(x_label, y_label, numbers and (has_repeats(x) or has_repeats(y)))


def for_kinds(x_label: bool, y_label: bool, repeats: bool) -> MutualInformationEstimator:
    """Return the estimator for two single columns whose kinds are known, labels second if one is.

    Args:
        x_label: Whether the first is a label.
        y_label: Whether the second is.
        repeats: Whether one of two columns of numbers holds some value twice.
    """
    if x_label and y_label:
        return PlugIn(correction="chance")
    if y_label:
        return Labels(method="ross")
    return Mixed() if repeats else KSG()


class Reading(NamedTuple):
    """The name of an estimator, and the sides made ready for it."""

    name: str
    pair: Prepared


@dataclass(frozen=True, repr=False)
class Repeated(MutualInformationEstimator):
    """The first of several estimators, or that which is clearly above it by most.

    Attributes:
        readings: The estimators by name.
    """

    readings: tuple[tuple[str, MutualInformationEstimator], ...]

    def _prepare(self, x: Matrix, y: Matrix) -> tuple[Reading, ...]:
        return tuple(Reading(name, one.prepare(x, y)) for name, one in self.readings)

    def picked(self, prepared: tuple[Reading, ...]) -> tuple[str, Found, dict[str, float]]:
        """Return the name of the reading taken, what it finds, and every reading's value."""
        found = [reading.pair.found() for reading in prepared]
        values = np.array([[one.value] for one in found])
        place = int(_picked(values, prepared[0].pair.n_samples)[0])
        all_values = {one.name: each.value for one, each in zip(prepared, found, strict=True)}
        taken, pair = found[place], prepared[place].pair
        ceiling = min(taken.ceiling, pair.estimator.ceiling(pair.n_samples))
        return prepared[place].name, replace(taken, ceiling=ceiling), all_values

    def _found(self, prepared: tuple[Reading, ...]) -> Found:
        return self.picked(prepared)[1]

    def _permuted(self, prepared: tuple[Reading, ...], orders: Orders) -> Matrix:
        values = np.array([reading.pair.permuted(orders) for reading in prepared])
        places = _picked(values, prepared[0].pair.n_samples)
        return np.asarray(np.take_along_axis(values, places[None], axis=0)[0])

    def ceiling(self, n_samples: int) -> float:
        """Return the largest of those of all readings."""
        return float(max(one.ceiling(n_samples) for _, one in self.readings))


def _picked(values: Matrix, n_samples: int) -> NDArray[np.int64]:
    """Return which reading is taken, with shape (B,), given all their values, shape (R, B)."""
    gains = certain_gain(values - values[0], np.asarray(SPREAD / np.sqrt(n_samples)))
    gains[0] = 0.0
    return np.asarray(gains.argmax(axis=0))


@dataclass(frozen=True, repr=False)
class LabelsEitherSide(MutualInformationEstimator):
    """`Labels` with the discrete side in y."""

    swapped: bool
    seed: int

    def _prepare(self, x: Matrix, y: Matrix) -> Prepared:
        return Labels(seed=self.seed).prepare(*((y, x) if self.swapped else (x, y)))

    def _found(self, prepared: Prepared) -> Found:
        return prepared.found()

    def _permuted(self, prepared: Prepared, orders: Orders) -> Matrix:
        """Return those of `Labels`, which keeps its first side in place: the inverse orders."""
        return prepared.permuted(np.argsort(orders, axis=1) if self.swapped else orders)

    def ceiling(self, n_samples: int) -> float:
        return Labels().ceiling(n_samples)
