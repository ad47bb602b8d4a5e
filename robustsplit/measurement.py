"""How connectivity is measured: the settings of `robustsplit.connectivity` as one value.

Algorithm 1, a study's configuration, the command line and the profile of a single network all
measure with a `Measurement`, so a setting has one name, one default and one meaning.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, TypeVar

from mitools import KSG, PCA, Reduced
from mitools.estimators.base import MutualInformationEstimator
from mitools.estimators.registry import parse_estimator
from mitools.samples.messages import unknown

__all__ = ["DEFAULT_ESTIMATOR", "Measurement", "shows_settings"]

Function = TypeVar("Function", bound=Callable[..., Any])

#: It separates dependence from independence from about 36 samples a class, and its null is 0.
DEFAULT_ESTIMATOR = Reduced(KSG(k=4), PCA(4))

POINTS = ("post", "pre")
#: What hooks do before keeping an activation, as configuration files and commands write it.
REDUCTIONS = ("none", "gap")
SHORTCUTS = ("exclude", "include")
SMALL_CLASSES = ("error", "drop")


@dataclass(frozen=True)
class Measurement:
    """Settings of a measurement of connectivity.

    Attributes:
        estimator: Any `mitools` estimator; None: `DEFAULT_ESTIMATOR`. The reduction of a `Reduced`
            one is fitted once per layer; others see the flattened activations.
        point: "post" reads what the next layer receives, "pre" a layer's own output.
        reduce: What hooks do before keeping an activation: None flattens, "gap" averages each map,
            or a callable.
        shortcuts: Whether projections on the shortcuts of residual blocks are layers, as for
            `robustsplit.network.weight_layers`: "exclude" or "include".
        released: Whether to make the published call, `EDGE.semirobust()` on flattened activations,
            too.
        n_permutations: Within-label permutations of the null.
        max_per_class: Use at most so many inputs per class, so that data sets become comparable:
            the ceiling is set by the number of samples per class. None: all.
        small_classes: What to do with classes too small for the estimator: "error", or "drop" them
            and say so in the profile's settings.
        cross_check: The second estimator, as for `mitools.assess`.
        n_halves: Half-samples behind the interval.
        tau: Precision at which it is said what a layer keeps of the one before: the standard
            deviation of added noise over the root of the layer's summed variances within classes.
            `robustsplit.analysis.precision.SWEEP` is measured beside it.
        memory: Bytes of raw activations to hold; above, a random projection inside the hooks
            replaces them, the profile's settings say so, and the published call is left out.
        batch_size: Inputs per forward pass.
    """

    estimator: MutualInformationEstimator | None = None
    point: Literal["post", "pre"] = "post"
    reduce: Any = None
    shortcuts: Literal["exclude", "include"] = "exclude"
    released: bool = True
    n_permutations: int = 50
    max_per_class: int | None = None
    small_classes: Literal["error", "drop"] = "error"
    cross_check: MutualInformationEstimator | Literal["auto"] | None = "auto"
    n_halves: int = 20
    tau: float = 0.3
    memory: int = 2 * 2**30
    batch_size: int = 256

    def __post_init__(self) -> None:
        for kind, value, known in (
            ("point", self.point, POINTS),
            ("treatment of shortcuts", self.shortcuts, SHORTCUTS),
            ("treatment of small classes", self.small_classes, SMALL_CLASSES),
        ):
            if value not in known:
                raise ValueError(unknown(kind, value, known))
        if not 0 < self.tau < float("inf"):
            raise ValueError(
                f"`tau` must be a positive number, got {self.tau!r}: without noise a "
                "deterministic layer holds infinite information. The default is 0.3."
            )

    @classmethod
    def of(
        cls, measurement: Measurement | Mapping[str, Any] | None = None, /, **settings: Any
    ) -> Measurement:
        """Return a measurement with the given settings.

        Args:
            measurement: What to start from: a measurement, a mapping of settings, or None for the
                defaults.
            **settings: What to change in it.

        Returns:
            The measurement.

        Raises:
            TypeError: For a setting that there is not, with the nearest that there is.
            ValueError: For a value that cannot be.
        """
        base = measurement if isinstance(measurement, Measurement) else cls()
        if isinstance(measurement, Mapping):
            settings = {**measurement, **settings}
        known = [item.name for item in fields(cls)]
        for name in settings:
            if name not in known:
                raise TypeError(unknown("setting of a measurement", name, known))
        return replace(base, **settings)

    @classmethod
    def from_text(
        cls,
        *,
        estimator: str = "",
        point: str = "post",
        reduce: str = "none",
        max_per_class: int = 0,
        **settings: Any,
    ) -> Measurement:
        """Return a measurement from its settings as files and commands write them.

        Args:
            estimator: Such as "ksg+pca:4"; empty: the package's choice.
            point: "post" or "pre".
            reduce: "none" or "gap".
            max_per_class: 0: all.
            **settings: The others, as they are.

        Returns:
            The measurement.

        Raises:
            ValueError: For a value that cannot be.
        """
        if reduce not in REDUCTIONS:
            raise ValueError(unknown("reduction", reduce, REDUCTIONS))
        return cls.of(
            estimator=parse_estimator(estimator) if estimator else None,
            point=point,
            reduce=None if reduce == "none" else reduce,
            max_per_class=max_per_class or None,
            **settings,
        )

    @property
    def estimator_used(self) -> MutualInformationEstimator:
        """The estimator that was asked for, or the package's choice."""
        return DEFAULT_ESTIMATOR if self.estimator is None else self.estimator

    def describe(self) -> dict[str, Any]:
        """Return every setting, ready for JSON; estimators and callables as their text."""
        plain = (bool, int, float, str, type(None))
        return {
            item.name: value if isinstance(value, plain) else repr(value)
            for item in fields(self)
            for value in [getattr(self, item.name)]
        }

    @classmethod
    def completed(cls, table: Mapping[str, Any]) -> dict[str, Any]:
        """Complete a description that was written by an earlier version, which had fewer settings.

        Args:
            table: What `describe` returned.

        Returns:
            Every setting; those that `table` does not name have their defaults.
        """
        return {**cls().describe(), **table}


def shows_settings(function: Function) -> Function:
    """Show the settings of a `Measurement`, with their defaults, in a function's signature.

    `help`, notebooks and editors that ask for the signature then list what ``**settings`` takes.

    Args:
        function: A function whose last parameter is ``**settings``.

    Returns:
        The same function. Its `__signature__` has, in place of ``**settings``, one keyword for
        each setting that it does not name itself.

    Raises:
        TypeError: When the last parameter is another.
    """
    signature = inspect.signature(function)
    *named, settings = signature.parameters.values()
    if settings.kind is not settings.VAR_KEYWORD:
        raise TypeError(f"The last parameter must be **settings, got {settings}.")
    shown = [
        inspect.Parameter(
            item.name, inspect.Parameter.KEYWORD_ONLY, default=item.default, annotation=item.type
        )
        for item in fields(Measurement)
        if item.name not in signature.parameters
    ]
    function.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*named, *shown]
    )
    return function


for _maker in ("of", "from_text"):
    shows_settings(vars(Measurement)[_maker].__func__)
