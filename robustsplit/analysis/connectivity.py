r"""Connectivity along the depth: :math:`\rho_j = \sum_y \pi(y)\, I(f^{(j-1)}; f^{(j)} \mid y)`.

The inputs are perturbed first, by an attack on the whole model; then one clean forward pass
captures every layer. (Hooks would also fire during the attack's own passes.) Each layer is reduced
once, and serves both pairs it belongs to.

*Reduction.* The default estimator is KSG on four principal components. They are fitted once per
layer, on the activations minus their class means: given the label, a shift changes nothing, so the
components describe what varies within the classes, and all classes share them. A layer is reduced
without looking at its partner, so permuting pairs gives an exact null.

*What the numbers mean.* A deterministic layer has infinite information about its input, so no
finite sample tells how much there is. With noise of a stated size it is finite, and each pair
carries two sides that it lies between (`robustsplit.precision`). A sample also tells whether an
estimate differs from what permuted pairs give; each pair carries that null, its ceiling, a second
estimator and a verdict (`mitools.assess`). The published estimator runs as well, on the raw
activations, with its own null from permuted pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from typing import Any

from torch import nn

from mitools import Assessment, Reduced, Verdict, assess
from mitools.estimators.base import MutualInformationEstimator
from robustsplit.analysis import published
from robustsplit.analysis.inputs import measured_inputs
from robustsplit.analysis.layer_rows import LayerRows
from robustsplit.analysis.precision import at_precisions
from robustsplit.attacks import Attack, Clean, as_attack
from robustsplit.data import ImageData, as_image_data
from robustsplit.measurement import DEFAULT_ESTIMATOR, Measurement, shows_settings
from robustsplit.network import Pair
from robustsplit.results import AccuracyRecord, PairRecord, Profile
from robustsplit.training import accuracy, derive_seed, perturbed
from robustsplit.training.evaluation import place, torch_seeded

__all__ = ["DEFAULT_ESTIMATOR", "connectivity"]

NAN = float("nan")


@shows_settings
def connectivity(
    model: nn.Module,
    data: Any,
    layers: Any = None,
    *,
    attack: Any = None,
    attacked: ImageData | None = None,
    measurement: Measurement | Mapping[str, Any] | None = None,
    seed: int = 0,
    progress: Callable[[dict[str, Any]], None] | None = None,
    **settings: Any,
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
            run of an expensive attack.
        measurement: How to measure; the package's choices by default.
        seed: All randomness is derived from it.
        progress: Called with ``{"event": "pair", "done": 1, "total": 5, "child": "fc2"}``.
        **settings: Settings of `robustsplit.measurement.Measurement`, which says what each means,
            in place of those of `measurement`. The signature lists them with their defaults.

    Returns:
        One row per pair, input side first, in nats; and the accuracy on the inputs measured.

    Raises:
        TypeError: For a setting that there is not.
        ValueError: For unknown layers, fewer than two layers, a class that is too small, or
            activations that are not finite.
    """
    how, attack = Measurement.of(measurement, **settings), as_attack(attack)
    images = as_image_data(data if attacked is None else attacked)
    images, notes = measured_inputs(images, how, seed=seed)
    if attacked is None:
        at = derive_seed(seed, "connectivity/attack")
        images = perturbed(model, images, attack, batch_size=how.batch_size, seed=at)

    rows = LayerRows.capture(model, images, layers, how, seed=seed)
    notes += rows.notes
    call: MutualInformationEstimator | None = None
    if how.released and not rows.sketched:
        call, missing = published.published_call(images)
        notes += missing

    records = []
    for number, (pair, offset) in enumerate(zip(rows.pairs, rows.offsets, strict=True)):
        records.append(_record(pair, offset, images, rows, how, call, seed))
        if progress is not None:
            done = {"done": number + 1, "total": len(rows.pairs), "child": pair.child}
            progress({"event": "pair", **done})
    settings_used = _settings(how, attack, images, rows, call, seed, notes)
    scored = _accuracy(model, images, attack, how, seed)
    return Profile(tuple(records), settings_used, scored)


def _accuracy(
    model: nn.Module, images: ImageData, attack: Attack, how: Measurement, seed: int
) -> AccuracyRecord | None:
    """Score the inputs that were measured; what has no logits for them can be measured as well."""
    device, _ = place(model)
    with torch_seeded(derive_seed(seed, "connectivity/accuracy"), device):
        try:
            scored = accuracy(model, images, batch_size=how.batch_size)
        except (TypeError, ValueError):
            return None
    return replace(scored, attack=attack.label)


def _record(
    pair: Pair,
    offset: int,
    images: ImageData,
    rows: LayerRows,
    how: Measurement,
    call: MutualInformationEstimator | None,
    seed: int,
) -> PairRecord:
    """Measure one pair."""
    released, released_null = NAN, NAN
    if call is not None:
        parent, child = rows.raw[pair.parent], rows.raw[pair.child]
        at = derive_seed(seed, f"connectivity/released/{pair.child}")
        released, released_null = published.on_pair(call, parent, child, rows.labels, seed=at)
    names: dict[Hashable, str] = {
        label: name for label, name in enumerate(images.classes) if images.counts[name]
    }
    found = _assessed(pair, rows, how, seed)
    fields = _of_constant(found, names) if isinstance(found, str) else _of_assessment(found, names)
    apart = (
        f"The input of {pair.child!r} does not depend on the output of {pair.parent!r}, as on "
        "parallel branches."
    )
    return PairRecord(
        parent=pair.parent,
        child=pair.child,
        offset=offset,
        parent_dim=rows.widths[pair.parent],
        child_dim=rows.widths[pair.child],
        connected=pair.connected,
        n_samples=len(images),
        released=released,
        released_null=released_null,
        precisions=at_precisions(pair, rows, how, seed),
        **{**fields, "reasons": (*fields["reasons"], *(() if pair.connected else (apart,)))},
    )


def _assessed(pair: Pair, rows: LayerRows, how: Measurement, seed: int) -> Assessment | str:
    """Return the assessment of one pair, or a sentence when a layer does not vary at all."""
    estimator, for_x, for_y = how.estimator_used, None, None
    if isinstance(estimator, Reduced) and estimator.sides:
        for_x, for_y = estimator.sides
        estimator = estimator.estimator
    x, y = rows.reduced(pair.parent, for_x), rows.reduced(pair.child, for_y)
    for name, side in ((pair.parent, x), (pair.child, y)):
        if not side.any():
            return rows.constant(name)
    return assess(
        x,
        y,
        given=rows.labels,
        estimator=estimator,
        n_permutations=how.n_permutations,
        cross_check=how.cross_check,
        n_halves=how.n_halves,
        sweep=False,
        seed=derive_seed(seed, f"connectivity/{pair.child}"),
    )


def _of_constant(reason: str, names: Mapping[Hashable, str]) -> dict[str, Any]:
    """Return what a record says of a pair with a layer that does not vary: I is exactly 0."""
    return {
        "rho": 0.0,
        "ceiling": 0.0,
        "null_mean": 0.0,
        "null_sd": 0.0,
        "p_value": 1.0,
        "interval": (0.0, 0.0),
        "singleton_fraction": NAN,
        "cross_check": 0.0,
        "verdict": str(Verdict.INDEPENDENT),
        "parts": dict.fromkeys(names.values(), 0.0),
        "reasons": (reason,),
    }


def _of_assessment(found: Assessment, names: Mapping[Hashable, str]) -> dict[str, Any]:
    """Return what a record keeps of an assessment."""
    second = found.cross_check
    return {
        "rho": found.value,
        "ceiling": found.estimate.ceiling,
        "null_mean": found.null_mean,
        "null_sd": found.null_sd,
        "p_value": found.p_value,
        "interval": _noise(found),
        "singleton_fraction": found.saturation.singleton_fraction,
        "cross_check": NAN if second is None else second.estimate.value,
        "verdict": str(found.verdict),
        "parts": {names[label]: part.value for label, part in found.estimate.parts.items()},
        "reasons": tuple(found.reasons),
    }


def _noise(assessment: Assessment) -> tuple[float, float]:
    """Return where a second sample would put the estimate, not where I lies.

    Of layers, which are functions of each other, I is infinite or nearly so, and an interval of it
    would only say that.
    """
    spread, value = assessment.spread, assessment.value
    width = NAN if spread is None else spread.noise_width(assessment.confidence)
    return value - width, value + width


def _settings(
    how: Measurement,
    attack: Attack,
    images: ImageData,
    rows: LayerRows,
    call: MutualInformationEstimator | None,
    seed: int,
    notes: list[str],
) -> dict[str, Any]:
    """Return how a profile was made, ready for JSON."""
    check = how.cross_check
    return {
        "estimator": repr(how.estimator_used),
        "reduction": _reduction_text(how.estimator_used),
        "cross_check": check if isinstance(check, str) else repr(check),
        "point": how.point,
        "sources": dict(rows.sources),
        "shortcuts": how.shortcuts,
        "left_out": list(rows.left_out),
        "reduce": "flatten" if rows.reduce is None else str(rows.reduce),
        "attack": attack.label,
        "attack_settings": attack.describe(),
        "inputs": "clean" if isinstance(attack, Clean) else "adversarial",
        "data": images.name,
        "samples_per_label": {name: count for name, count in images.counts.items() if count},
        "n_permutations": how.n_permutations,
        "released": repr(call) if call is not None else "",
        "seed": seed,
        "notes": notes,
    }


def _reduction_text(estimator: MutualInformationEstimator) -> str:
    if not isinstance(estimator, Reduced):
        return "none: flattened activations"
    if not estimator.sides:
        return f"{estimator.reduction!r} of both layers minus their class means, within each class"
    return f"{estimator.reduction!r} of each layer minus its class means, one fit for all classes"
