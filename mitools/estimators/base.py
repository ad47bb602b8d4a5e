"""What every estimator takes and gives: `MutualInformationEstimator` and `Prepared`."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from mitools.evidence.estimate import PER_SYMBOL, Estimate, Found, amount, in_unit
from mitools.samples.arrays import Matrix, paired_samples
from mitools.samples.messages import check_settings, check_whole

__all__ = [
    "PER_SYMBOL",
    "Estimate",
    "Found",
    "Matrix",
    "MutualInformationEstimator",
    "Orders",
    "Prepared",
    "amount",
    "as_call",
    "check_whole",
    "has_views",
    "in_unit",
    "narrowed",
    "reordered",
]

#: Orders of the samples, one a row, with shape (B, n).
Orders = NDArray[np.int64]

#: From this width of a side on, neighbours confirm a value in principal coordinates instead,
WIDE = 8
#: and in so many of them.
PRINCIPAL = 4

#: From 2 up to this width of a side, and from so many samples on, `Auto` has views of its own.
VIEWS, VIEWS_SAMPLES = 16, 200


def as_call(settings: Any) -> str:
    """Return a dataclass as the shortest call that makes it: what is not default, by name."""
    shown = []
    for item in fields(settings):
        value = getattr(settings, item.name)
        default = item.default
        if item.default_factory is not MISSING:
            default = item.default_factory()
        if default is MISSING:
            shown.append(repr(value))
        elif value != default:
            shown.append(f"{item.name}={value!r}")
    return f"{type(settings).__name__}({', '.join(shown)})"


class MutualInformationEstimator(ABC):
    """Settings of an estimator of I(X; Y). Subclasses are frozen dataclasses, with repr=False.

    What one side gives is made once, whatever it is paired with: `_side` prepares a side alone,
    and `_pair` estimates from two of them. A new estimator implements `_pair` and `ceiling`, and
    `_side` where there is something to prepare; it gains validation, conditioning on labels,
    permutation nulls, assessment, a sweep and a cross-check. One that prepares both sides together
    implements `_prepare`, `_found` and `_permuted` in their place. A class with the one method
    ``_estimate(x, y)``, which returns a value and a dictionary of statistics, works as well.
    """

    def __init_subclass__(cls, **more: Any) -> None:
        """Have flags and seeds of every estimator checked before its own settings are."""
        super().__init_subclass__(**more)
        own = vars(cls).get("__post_init__")
        if own is not None:

            @functools.wraps(own)
            def checked(self: Any) -> None:
                check_settings(self)
                own(self)

            cls.__post_init__ = checked  # type: ignore[method-assign]

    def __post_init__(self) -> None:
        """Check the settings; a subclass's own check comes after."""
        if is_dataclass(self):
            check_settings(self)

    @property
    def unit(self) -> str:
        """What its values are in. One word: it names keys and columns."""
        return "nats"

    @property
    def comparable(self) -> bool:
        """Whether its values may be held against those of other estimators.

        They may if what it estimates, in the limit, is I(X; Y) in nats or a lower bound of it.
        """
        return self.unit == "nats"

    @property
    def takes_labels(self) -> bool:
        """Whether a side may be labels, whose numbers have no order."""
        return False

    def __repr__(self) -> str:
        return as_call(self) if is_dataclass(self) else f"{type(self).__name__}()"

    @final
    def estimate(self, x: Any, y: Any) -> Estimate:
        """Estimate I(X; Y) in nats; the same as ``mutual_information(x, y, estimator=self)``.

        Args:
            x: Samples of X, with shape (n, d_x); trailing axes are flattened.
            y: Paired samples of Y, with shape (n, d_y).

        Returns:
            The estimate with its ceiling and statistics.

        Raises:
            TypeError: For data that are not numbers.
            ValueError: For empty, unequal, missing or infinite data, or too few samples.
        """
        return self.prepare(*paired_samples(x, y)).estimate()

    @final
    def prepare(self, x: Matrix, y: Matrix, where: str = "") -> Prepared:
        """Return a pair of sides made ready, from which estimate and null come.

        Args:
            x: Validated samples of X: finite, float64, with shape (n, d_x).
            y: Paired samples of Y, with shape (n, d_y).
            where: Which samples these are, for the error: "" or such as " in label 3".

        Returns:
            The prepared pair.

        Raises:
            ValueError: For too few samples.
        """
        needed = self.minimum_samples()
        if len(x) < needed:
            raise ValueError(
                f"{self} needs at least {needed} samples{where}, got {len(x)}. Pass more samples"
                + (", or merge or drop small labels." if where else ", or lower its settings.")
                + _sideways(x, y)
            )
        return Prepared(self, self._prepare(x, y), len(x))

    @abstractmethod
    def ceiling(self, n_samples: int) -> float:
        """Return the largest value of `n_samples` points, in nats; infinite if there is none."""

    def minimum_samples(self) -> int:
        """Return the fewest samples the estimator accepts."""
        return 2

    def bias_rate(self, d_x: int, d_y: int) -> float:
        """Return a, where the bias shrinks as n^-a at its slowest: 1/2 at edges and in tails.

        Args:
            d_x: Columns of X.
            d_y: Columns of Y.
        """
        return 0.5

    def nearby(self) -> Mapping[str, MutualInformationEstimator]:
        """Return the estimator under nearby settings, by a name for each: the sweep of `assess`.

        By default those are half and twice its neighbours `k`, if it is a dataclass with such a
        setting, and none otherwise.
        """
        k = getattr(self, "k", None)
        if k is None or not is_dataclass(self):
            return {}
        return {
            f"k={other}": replace(self, k=other) for other in (max(1, k // 2), 2 * k) if other != k
        }

    def counterpart(
        self, discrete: bool, width: int, n_samples: int
    ) -> MutualInformationEstimator | str | None:
        """Return an estimator of another kind that may confirm a value: the cross-check.

        Args:
            discrete: Whether the estimator took a side for discrete.
            width: Columns of the wider side.
            n_samples: Samples, or those of the smallest label.

        Returns:
            The estimator or its name, as for `parse_estimator`; None where no other estimator can
            confirm it. By default, cells for discrete sides and neighbours for others, in
            principal coordinates where a side is wide.
        """
        if not self.comparable:
            return None
        return "edge" if discrete else narrowed("ksg", width)

    def around(self, other: MutualInformationEstimator) -> MutualInformationEstimator:
        """Return `other` so that it sees what this estimator sees: reduced sides, for instance."""
        return other

    def _side(self, rows: Matrix) -> Any:
        """Return one side made ready, whatever it is paired with: by default the rows.

        It must be an array of rows, or have a method ``reordered(order)``.
        """
        return rows

    def _pair(self, x: Any, y: Any) -> Found:
        """Return what two prepared sides hold of each other."""
        whole = getattr(self, "_estimate", None)  # a class with one method for all
        if whole is None:
            raise TypeError(f"{type(self).__name__} must implement `_pair(x, y)`.")
        return Found.of(whole(x, y))

    def _prepare(self, x: Matrix, y: Matrix) -> Any:
        """Return both sides made ready."""
        return self._side(x), self._side(y)

    def _found(self, prepared: Any) -> Found:
        """Return what `_prepare` made ready holds."""
        return Found.of(self._pair(*prepared))

    def _permuted(self, prepared: Any, orders: Orders) -> Matrix:
        """Return the values for y permuted by each row of `orders`, with shape (B,).

        Estimators override it to reuse more than the sides when the pairing changes.
        """
        x, y = prepared
        return np.array([self._pair(x, reordered(y, order)).value for order in orders])


@dataclass(frozen=True, eq=False)
class Prepared:
    """A pair of sides made ready for one estimator, for as many pairings as are asked for.

    Attributes:
        estimator: Whose it is.
        sides: What the estimator made of both sides.
        n_samples: How many samples there are.
    """

    estimator: MutualInformationEstimator
    sides: Any
    n_samples: int

    def found(self) -> Found:
        """Return what the method finds."""
        return self.estimator._found(self.sides)

    def estimate(self) -> Estimate:
        """Return the estimate with its ceiling and statistics."""
        found = self.found()
        ceiling = min(found.ceiling, found.entropy, self.estimator.ceiling(self.n_samples))
        return Estimate(
            value=float(found.value),
            n_samples=self.n_samples,
            ceiling=float(ceiling),
            estimator=self.estimator,
            stats=found.stats,
            entropy=float(found.entropy),
        )

    def permuted(self, orders: Orders) -> Matrix:
        """Return the values with y permuted by each row of `orders`, with shape (B,)."""
        return self.estimator._permuted(self.sides, orders)


def reordered(side: Any, order: NDArray[np.int64]) -> Any:
    """Return a prepared side with its samples in another order.

    Args:
        side: What `_side` returned: an array, or an object with a method ``reordered``.
        order: The new order, with shape (n,).
    """
    return side[order] if isinstance(side, np.ndarray) else side.reordered(order)


def has_views(width: int, n_samples: int) -> bool:
    """Return whether `Auto` has estimators for such sides beyond neighbours and cells.

    Args:
        width: Columns of the wider side.
        n_samples: Samples, or those of the smallest label.
    """
    return 1 < width <= VIEWS and n_samples >= VIEWS_SAMPLES


def narrowed(name: str, width: int) -> str:
    """Return an estimator's name, on principal coordinates where a side is wide.

    Args:
        name: A name for `parse_estimator`.
        width: Columns of the wider side.
    """
    return name if width <= WIDE else f"{name}+pca:{PRINCIPAL}"


def _sideways(x: Matrix, y: Matrix) -> str:
    """Return a hint where so few rows may be the columns of data that lie on their side."""
    if max(x.shape[1], y.shape[1]) <= len(x):
        return ""
    return (
        f" Rows are samples: shapes {x.shape} and {y.shape} are {len(x)} samples. If the data lie "
        "on their side, pass `x.T` and `y.T`."
    )
