r"""Connectivity along the depth: :math:`\rho_j = \sum_y \pi(y)\, I(f^{(j-1)}; f^{(j)} \mid y)`.

The inputs are perturbed first, by an attack on the whole model; then one clean forward pass
captures every layer. (Hooks would also fire during the attack's own passes.) Each layer is reduced
once, and serves both pairs it belongs to.

*Reduction.* The default estimator is KSG on four principal components. They are fitted once per
layer, on the activations minus their class means: given the label, a shift changes nothing, so the
components describe what varies within the classes, and all classes share them. A layer is reduced
without looking at its partner, so permuting pairs gives an exact null.

*What the numbers mean.* A deterministic layer has infinite information about its input, so no
finite sample tells how much there is. What can be told is whether an estimate differs from what
shuffled pairs give; each pair carries that null, its ceiling, a second estimator and a verdict
(`mitools.assess`). The published call is made as well, on the raw activations, with its own
shuffled null beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import nn

from mitools import EDGE, KSG, PCA, Assessment, Reduced, Verdict, assess
from mitools.base import MutualInformationEstimator
from mitools.reduction import Reduction
from robustsplit.attacks import Clean, as_attack
from robustsplit.data import ImageData, as_image_data
from robustsplit.network import Pair, Sketch, collect, weight_layers
from robustsplit.results import PairRecord, Profile
from robustsplit.training import derive_seed, perturbed
from robustsplit.training.evaluation import place

__all__ = ["DEFAULT_ESTIMATOR", "connectivity"]

Array = NDArray[np.floating[Any]]

#: It separates dependence from independence from about 36 samples a class, and its null is 0.
DEFAULT_ESTIMATOR = Reduced(KSG(k=4), PCA(4))
#: Raw activations above this many bytes are projected inside the hooks instead of being kept.
MEMORY = 2 * 2**30
#: Columns of that projection: enough for four principal components, and a matrix that still fits.
SKETCH_WIDTH = 32
#: Shuffles behind `released_null`: it varies by about a tenth of a bit, and the gap to show is
#: bits wide.
RELEASED_SHUFFLES = 3
#: It hashes floor(log2(n / 10)) directions of a wide layer, so it needs so many inputs per class.
RELEASED_SAMPLES = 20
#: A unit that varies by less than float32 rounding within a class is constant there.
ROUNDING = 8 * float(np.finfo(np.float32).eps)


def connectivity(
    model: nn.Module,
    data: Any,
    layers: Any = None,
    *,
    attack: Any = None,
    attacked: ImageData | None = None,
    estimator: MutualInformationEstimator | None = None,
    cross_check: MutualInformationEstimator | Literal["auto"] | None = "auto",
    point: Literal["post", "pre"] = "post",
    reduce: Any = None,
    released: bool = True,
    n_permutations: int = 50,
    n_halves: int = 20,
    max_per_class: int | None = None,
    small_classes: Literal["error", "drop"] = "error",
    memory: int = MEMORY,
    batch_size: int = 256,
    seed: int = 0,
    progress: Callable[[dict[str, Any]], None] | None = None,
) -> Profile:
    """Estimate and assess the dependence of each pair of consecutive layers, given the label.

    Args:
        model: Any torch classifier; left as found.
        data: Inputs with their true labels, usually the test split: `ImageData`, a pair
            (inputs, labels), a Dataset or a DataLoader.
        layers: Which layers, as for `robustsplit.network.weight_layers`; all weight layers by
            default.
        attack: Perturbs the inputs first, against this model; None measures on clean inputs.
        attacked: The same data already perturbed by `attack` against this model, to save a second
            run of a dear attack.
        estimator: Any `mitools` estimator; `DEFAULT_ESTIMATOR` when not given. The reduction of a
            `Reduced` one is fitted once per layer; others see the flattened activations.
        cross_check: The second estimator, as for `mitools.assess`.
        point: "post" reads what the next layer receives, "pre" a layer's own output.
        reduce: What hooks do before keeping an activation: None flattens, "gap" averages each map,
            or a callable.
        released: Whether to make the published call, `EDGE.semirobust()` on flattened activations,
            too.
        n_permutations: Within-label shuffles of the null.
        n_halves: Half-samples behind the interval.
        max_per_class: Use at most so many inputs per class, so that data sets become comparable:
            the ceiling is set by the number of samples per class.
        small_classes: What to do with classes too small for the estimator: "error", or "drop" them
            and say so in the settings.
        memory: Bytes of raw activations to hold; above, a random projection inside the hooks
            replaces them, the settings say so, and the published call is left out.
        batch_size: Inputs per forward pass.
        seed: All randomness is derived from it.
        progress: Called with ``{"event": "pair", "done": 1, "total": 5, "child": "fc2"}``.

    Returns:
        One row per pair, input side first, in nats.

    Raises:
        ValueError: For unknown layers, fewer than two layers, a class that is too small, or
            activations that are not finite.
    """
    attack = as_attack(attack)
    estimator = DEFAULT_ESTIMATOR if estimator is None else estimator
    notes: list[str] = []
    fresh = attacked is None
    data = as_image_data(data if attacked is None else attacked)
    if max_per_class is not None:
        data = data.at_most(max_per_class, seed=derive_seed(seed, "connectivity/subset"))
    data = large_enough(data, estimator, small_classes, notes)
    if sum(count > 0 for count in data.counts.values()) == 1:
        notes.append(
            f"All {len(data)} inputs are of one class: rho is that class's alone, and an accuracy "
            "on them says nothing."
        )
    if fresh:
        at = derive_seed(seed, "connectivity/attack")
        data = perturbed(model, data, attack, batch_size=batch_size, seed=at)
    inputs = data.inputs.to(place(model)[1])
    probe = collect(model, inputs[:2], layers, point=point)
    if not probe.pairs:
        raise ValueError(
            f"Connectivity needs two layers or more, got {', '.join(probe)}. Leave `layers` out "
            "for all weight layers."
        )
    dims = {name: rows.shape[1] for name, rows in probe.items()}
    if reduce is None and 4 * len(data) * sum(dims.values()) > memory:
        reduce = Sketch(SKETCH_WIDTH, seed=derive_seed(seed, "connectivity/sketch"))
        notes.append(
            f"Raw activations would take {4 * len(data) * sum(dims.values()) / 2**30:.1f} GiB: "
            f"each layer was projected to {SKETCH_WIDTH} random directions inside its hook, and "
            "the published call, which needs the raw widths, was left out."
        )
        released = False
    activations = collect(
        model, inputs, layers, point=point, reduce=reduce, batch_size=batch_size
    ).numpy()
    study = _Study(data, activations, estimator, seed)
    call = _released_call(data, notes) if released else None
    names = probe if layers is None else [w.name for w in weight_layers(model, inputs[:2])]
    offsets = _offsets(list(names), probe.pairs)
    records = []
    for number, pair in enumerate(probe.pairs):
        assessment = study.assess(pair, cross_check, n_permutations, n_halves)
        theirs = study.released(pair, call) if call is not None else (np.nan, np.nan)
        records.append(_record(pair, offsets[number], dims, data, assessment, theirs))
        if progress is not None:
            done = {"done": number + 1, "total": len(probe.pairs), "child": pair.child}
            progress({"event": "pair", **done})
    settings = {
        "estimator": repr(estimator),
        "reduction": _reduction_text(estimator),
        "cross_check": cross_check if isinstance(cross_check, str) else repr(cross_check),
        "point": point,
        "reduce": "flatten" if reduce is None else str(reduce),
        "attack": attack.label,
        "attack_settings": attack.describe(),
        "inputs": "clean" if isinstance(attack, Clean) else "adversarial",
        "data": data.name,
        "samples_per_label": {name: count for name, count in data.counts.items() if count},
        "n_permutations": n_permutations,
        "released": repr(call) if call is not None else "",
        "seed": seed,
        "notes": notes,
    }
    return Profile(tuple(records), settings)


@dataclass
class _Study:
    """The activations of one pass; each layer is reduced once, for both of its pairs."""

    data: ImageData
    activations: Mapping[str, Array]
    estimator: MutualInformationEstimator
    seed: int

    def __post_init__(self) -> None:
        self.labels = self.data.labels.numpy()
        self._reduced: dict[tuple[str, Reduction | None], Array] = {}

    def assess(
        self, pair: Pair, cross_check: Any, n_permutations: int, n_halves: int
    ) -> Assessment | str:
        """Return the assessment of one pair, or a sentence when a layer does not vary at all."""
        estimator, for_x, for_y = self.estimator, None, None
        if isinstance(estimator, Reduced) and estimator.sides:
            for_x, for_y = estimator.sides
            estimator = estimator.estimator
        x, y = self.reduced(pair.parent, for_x), self.reduced(pair.child, for_y)
        for name, side in ((pair.parent, x), (pair.child, y)):
            if not side.any():
                return (
                    f"Layer {name!r} is constant within every class, a dead or collapsed "
                    "layer: it shares no information with any other, given the label."
                )
        return assess(
            x,
            y,
            given=self.labels,
            estimator=estimator,
            n_permutations=n_permutations,
            cross_check=cross_check,
            n_halves=n_halves,
            sweep=False,
            seed=derive_seed(self.seed, f"connectivity/{pair.child}"),
        )

    def reduced(self, name: str, reduction: Reduction | None) -> Array:
        """Return a layer minus its class means, reduced; zero where nothing varies."""
        key = (name, reduction)
        if key not in self._reduced:
            rows = self.activations[name]
            if wrong := int((~np.isfinite(rows)).any(axis=1).sum()):
                raise ValueError(
                    f"Layer {name!r} is NaN or infinite for {wrong} of {len(rows)} inputs, so "
                    "nothing can be said of it. Did the training diverge, or a half-precision "
                    "layer overflow?"
                )
            rows = within_classes(rows, self.labels)
            if reduction is not None and rows.any():
                rows = reduction.reduce(rows)
            self._reduced[key] = rows
        return self._reduced[key]

    def released(self, pair: Pair, call: MutualInformationEstimator) -> tuple[float, float]:
        """Return what the published call gives on a pair, and on the shuffled pair.

        Per label, both sides are hashed once for the pairing that was measured and all shuffles.
        """
        rng = np.random.default_rng(derive_seed(self.seed, f"connectivity/released/{pair.child}"))
        values = np.zeros(1 + RELEASED_SHUFFLES)
        for label in np.unique(self.labels):
            rows = np.flatnonzero(self.labels == label)
            x, y = (
                np.asarray(self.activations[name][rows], dtype=np.float64)
                for name in (pair.parent, pair.child)
            )
            orders = np.tile(np.arange(len(rows)), (len(values), 1))
            orders[1:] = rng.permuted(orders[1:], axis=1)
            values += call.prepare(x, y).permuted(orders) * len(rows) / len(self.labels)
        return float(values[0]), float(values[1:].mean())


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


def large_enough(
    data: ImageData, estimator: MutualInformationEstimator, policy: str, notes: list[str]
) -> ImageData:
    """Return the data without classes that the estimator cannot take, or raise."""
    needed = max(estimator.minimum_samples(), 4)
    small = {name: count for name, count in data.counts.items() if 0 < count < needed}
    if not small:
        return data
    listed = ", ".join(f"{name!r} ({count})" for name, count in list(small.items())[:6])
    if policy != "drop" or len(small) == sum(count > 0 for count in data.counts.values()):
        raise ValueError(
            f"{estimator} needs at least {needed} inputs in each class, and these have fewer: "
            f"{listed}. Add inputs, merge classes, or pass small_classes='drop'."
        )
    notes.append(f"Classes with fewer than {needed} inputs were dropped: {listed}.")
    keep = [data.counts[data.classes[label]] >= needed for label in data.labels.tolist()]
    return data.take(np.flatnonzero(keep))


def _released_call(data: ImageData, notes: list[str]) -> MutualInformationEstimator | None:
    call = EDGE.semirobust()
    smallest = min(count for count in data.counts.values() if count)
    if smallest >= RELEASED_SAMPLES:
        return call
    notes.append(
        f"The published call needs {RELEASED_SAMPLES} inputs per class and the smallest class has "
        f"{smallest}: it was left out."
    )
    return None


def _offsets(names: Sequence[str], pairs: Sequence[Pair]) -> list[int]:
    """Return the paper's index of each pair: how far the child is from the output."""
    positions = {name: len(names) - 1 - index for index, name in enumerate(names)}
    return [positions.get(pair.child, len(pairs) - 1 - index) for index, pair in enumerate(pairs)]


def _reduction_text(estimator: MutualInformationEstimator) -> str:
    if not isinstance(estimator, Reduced):
        return "none: flattened activations"
    if not estimator.sides:
        return f"{estimator.reduction!r} of both layers minus their class means, within each class"
    return f"{estimator.reduction!r} of each layer minus its class means, one fit for all classes"


def _record(
    pair: Pair,
    offset: int,
    dims: Mapping[str, int],
    data: ImageData,
    assessment: Assessment | str,
    released: tuple[float, float],
) -> PairRecord:
    classes: dict[Hashable, str] = {
        index: name for index, name in enumerate(data.classes) if data.counts[name]
    }
    shared: dict[str, Any] = {
        "parent": pair.parent,
        "child": pair.child,
        "offset": offset,
        "parent_dim": dims[pair.parent],
        "child_dim": dims[pair.child],
        "connected": pair.connected,
        "n_samples": len(data),
        "released": released[0],
        "released_null": released[1],
    }
    apart = (
        () if pair.connected else (f"{pair.child!r} does not receive what {pair.parent!r} gives.",)
    )
    if isinstance(assessment, str):
        return PairRecord(
            **shared,
            rho=0.0,
            ceiling=0.0,
            null_mean=0.0,
            null_sd=0.0,
            p_value=1.0,
            interval=(0.0, 0.0),
            singleton_fraction=float("nan"),
            cross_check=0.0,
            verdict=str(Verdict.INDEPENDENT),
            parts=dict.fromkeys(classes.values(), 0.0),
            reasons=(assessment, *apart),
        )
    second = assessment.cross_check
    return PairRecord(
        **shared,
        rho=assessment.value,
        ceiling=assessment.estimate.ceiling,
        null_mean=assessment.null_mean,
        null_sd=assessment.null_sd,
        p_value=assessment.p_value,
        interval=_noise(assessment),
        singleton_fraction=assessment.saturation.singleton_fraction,
        cross_check=float("nan") if second is None else second.estimate.value,
        verdict=str(assessment.verdict),
        parts={classes[label]: part.value for label, part in assessment.estimate.parts.items()},
        reasons=(*assessment.reasons, *apart),
    )


def _noise(assessment: Assessment) -> tuple[float, float]:
    """Return where a second sample would put the estimate, not where I lies.

    Of layers, which are functions of each other, I is infinite or nearly so, and an interval of it
    would only say that.
    """
    spread, value = assessment.spread, assessment.value
    width = float("nan") if spread is None else spread.noise_width(assessment.confidence)
    return value - width, value + width
