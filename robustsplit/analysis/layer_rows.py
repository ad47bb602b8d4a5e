"""The activations of a network's layers in one pass, as rows that an estimator can take.

Each layer is captured once, freed of its class means, and reduced once; it serves both pairs that
it belongs to.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from mitools.estimators.reduction import Reduction
from robustsplit.data import ImageData
from robustsplit.measurement import Measurement
from robustsplit.network import Pair, collect
from robustsplit.network.channels import UnitSketch
from robustsplit.precision import WithinClasses
from robustsplit.training import derive_seed
from robustsplit.training.evaluation import place

__all__ = ["LayerRows", "within_classes"]

Array = NDArray[np.floating[Any]]

#: Columns for each input in the projection that replaces activations too large to keep: with fewer
#: than one the capacity of a layer cannot be had back, and from four on it is within a percent.
SKETCH_SHARE = 4
#: Inputs that information at a precision is measured on: more would narrow its interval of about a
#: percent, at a cost that grows with their cube.
PRECISION_INPUTS = 2000
#: A unit that varies by less than float32 rounding within a class is constant there.
ROUNDING = 8 * float(np.finfo(np.float32).eps)


@dataclass
class LayerRows:
    """Activations of consecutive layers on the same inputs.

    Attributes:
        pairs: The pairs of layers, input side first.
        offsets: The paper's index of each pair: how far its child is from the output.
        widths: Width of each layer, flattened, before any reduction.
        raw: Per layer, what the hooks kept, with shape (n, d).
        labels: With shape (n,).
        sources: Per layer, which tensor was read, as in `robustsplit.network.Activations`.
        left_out: Names of the projections on residual shortcuts that are not among the layers.
        functions: Per child of a pair, whether it depends on the inputs through its parent alone.
        units: Returns the unit of each value of a layer, for its name.
        output: Returns the rows of a layer's own output, whatever was read, for its name.
        reduce: What the hooks did; None: flattened.
        sketched: Whether they projected the activations because they were too large to keep.
        notes: What a reader must know, in sentences.
    """

    pairs: Sequence[Pair]
    offsets: Sequence[int]
    widths: Mapping[str, int]
    raw: Mapping[str, Array]
    labels: NDArray[np.int64]
    sources: Mapping[str, str]
    left_out: Sequence[str]
    functions: Mapping[str, bool]
    units: Callable[[str], NDArray[np.int64]]
    output: Callable[[str], Array]
    reduce: Any = None
    sketched: bool = False
    notes: list[str] = field(default_factory=list)
    _reduced: dict[tuple[str, Reduction | None], Array] = field(default_factory=dict, repr=False)
    _within: dict[str, WithinClasses] = field(default_factory=dict, repr=False)

    @classmethod
    def capture(
        cls, model: nn.Module, data: ImageData, layers: Any, measurement: Measurement, *, seed: int
    ) -> LayerRows:
        """Run the model once on all inputs, after a trial pass on two that finds its layers.

        Args:
            model: Left as found.
            data: The inputs, perturbed already.
            layers: As for `robustsplit.network.weight_layers`.
            measurement: `point`, `reduce`, `shortcuts`, `memory` and `batch_size` decide.
            seed: Of the projection that replaces activations above `memory`.

        Returns:
            The activations of the layers.

        Raises:
            ValueError: For unknown layers, and for fewer than two.
        """
        inputs = data.inputs.to(place(model)[1])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the pass over all inputs says it again
            probe = collect(
                model,
                inputs[:2],
                layers,
                point=measurement.point,
                shortcuts=measurement.shortcuts,
            )
        if not probe.pairs:
            raise ValueError(
                f"Connectivity needs two layers or more, got {', '.join(probe)}. Leave `layers` "
                "out for all weight layers."
            )
        widths = {name: rows.shape[1] for name, rows in probe.items()}
        reduce, notes = measurement.reduce, list(probe.missing)
        needed = 4 * len(data) * sum(widths.values())
        sketched = reduce is None and needed > measurement.memory
        if sketched:
            reduce = UnitSketch(
                SKETCH_SHARE * len(data), seed=derive_seed(seed, "connectivity/sketch")
            )
            notes.append(
                f"The raw activations would take {needed / 2**30:.1f} GiB of memory. Therefore "
                f"each layer of more than {reduce.width} values was projected to about so many, "
                "and the published estimator, which needs the full widths, was left out."
            )
        passes: dict[str, Any] = {
            "reduce": reduce,
            "shortcuts": measurement.shortcuts,
            "batch_size": measurement.batch_size,
        }
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The model (normalises|gives)")  # noted
            captured = collect(model, inputs, layers, point=measurement.point, **passes)
        if captured.mixing:
            notes.append(captured.mixing)

        def output(name: str) -> Array:
            return collect(model, inputs, [name], point="pre", **passes).numpy()[name]

        return cls(
            pairs=probe.pairs,
            offsets=_offsets(probe.network_layers, probe.pairs),
            widths=widths,
            raw=captured.numpy(),
            labels=data.labels.numpy(),
            sources=captured.sources,
            left_out=probe.left_out,
            functions=captured.functions,
            units=captured.units,
            output=output,
            reduce=reduce,
            sketched=sketched,
            notes=notes,
        )

    def reduced(self, name: str, reduction: Reduction | None) -> Array:
        """Return a layer minus its class means, reduced; computed once for each reduction.

        Args:
            name: The layer.
            reduction: How to reduce its width; None keeps it.

        Returns:
            float64, with shape (n, d); 0 where nothing varies within the classes.

        Raises:
            ValueError: For activations that are not finite.
        """
        key = (name, reduction)
        if key not in self._reduced:
            rows = self.raw[name]
            if wrong := int((~np.isfinite(rows)).any(axis=1).sum()):
                raise ValueError(
                    f"Layer {name!r} is NaN or infinite for {wrong} of {len(rows)} inputs, so it "
                    "cannot be measured. Did the training diverge, or did a layer in half "
                    "precision overflow?"
                )
            rows = within_classes(rows, self.labels)
            if reduction is not None and rows.any():
                rows = reduction.reduce(rows)
            self._reduced[key] = rows
        return self._reduced[key]

    @property
    def several_per_class(self) -> bool:
        """Whether every class has two inputs or more, so that something varies within it."""
        return bool(np.unique(self.labels, return_counts=True)[1].min() > 1)

    def within(self, name: str) -> WithinClasses:
        """Return a layer's inner products within classes, all units at one scale.

        Args:
            name: The layer.

        Returns:
            The inner products; computed once.
        """
        if name not in self._within:
            keep = spread_over_classes(self.labels, PRECISION_INPUTS, 0)
            rows, width = self.raw[name][keep], self.widths[name]
            units, sketch = None, None
            if self.reduce is None or rows.shape[1] == width:
                units = self.units(name) if self.reduce in (None, "flatten") else None
            if isinstance(self.reduce, UnitSketch):
                units = self.units(name)
                if rows.shape[1] != width:
                    sketch = rows.shape[1]
                    units = np.arange(sketch) // self.reduce.columns_per_unit(units.max() + 1)
            self._within[name] = WithinClasses.of(
                rows, self.labels[keep], units=units, width=width, sketch=sketch
            )
        return self._within[name]

    def constant(self, name: str) -> str:
        """Say why a layer's values do not vary within the classes, after a pass that finds out."""
        source = self.sources[name]
        if source != "output" and within_classes(self.output(name), self.labels).any():
            return (
                f"What was read of layer {name!r}, the {source}, is constant within every class, "
                "though the layer's own output varies: what lies between them, such as an "
                "activation function, lets nothing through. point='pre' reads the output."
            )
        return (
            f"Layer {name!r} is constant within every class, a dead or collapsed layer: it shares "
            "no information with any other, given the label."
        )


def spread_over_classes(labels: NDArray[np.int64], most: int, seed: int) -> NDArray[np.int64]:
    """Return places of at most so many inputs, in order, drawn with the classes' shares kept.

    Args:
        labels: With shape (n,).
        most: How many; of a small class two are kept all the same.
        seed: Of the draw.

    Returns:
        All places where there are no more than `most`.
    """
    if len(labels) <= most:
        return np.arange(len(labels))
    rng = np.random.default_rng(seed)
    kept = []
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        share = max(2, most * len(rows) // len(labels))
        kept.append(rng.choice(rows, min(share, len(rows)), replace=False))
    return np.sort(np.concatenate(kept))


def within_classes(activations: Array, labels: NDArray[np.int64]) -> Array:
    """Return activations minus their class means, with exact zeros where a unit does not vary.

    Args:
        activations: With shape (n, d).
        labels: With shape (n,).

    Returns:
        float64, with shape (n, d). Variation below float32 rounding counts as none: a scale-free
        estimator would find dependence in it.
    """
    centred = np.empty(activations.shape, dtype=np.float64)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        part = activations[rows].astype(np.float64)
        spread = part.max(axis=0) - part.min(axis=0)
        varies = spread > ROUNDING * np.abs(part).max(axis=0)
        centred[rows] = np.where(varies, part - part.mean(axis=0), 0.0)
    return centred


def _offsets(names: Sequence[str], pairs: Sequence[Pair]) -> list[int]:
    positions = {name: len(names) - 1 - index for index, name in enumerate(names)}
    return [positions.get(pair.child, len(pairs) - 1 - index) for index, pair in enumerate(pairs)]
