"""What each layer keeps of the one before at stated precisions: layers in, records out.

A layer that the pass showed to be a function of the layer before gets a bracket. Of any other
(behind a skip connection, or in a network that autograd could not follow) only its capacity is
known to be above the information, and how much of it is linear in the layer before is measured
with its null.
"""

from __future__ import annotations

from robustsplit.analysis.layer_rows import LayerRows, spread_over_classes
from robustsplit.measurement import Measurement
from robustsplit.network import Pair
from robustsplit.precision import WithinClasses, bracket, capacity, linear_information
from robustsplit.results import PrecisionRecord
from robustsplit.training import derive_seed

__all__ = ["SWEEP", "at_precisions"]

#: Precisions that every layer is measured at, beside the headline's.
SWEEP = (0.3, 0.1, 0.03)
NAN = float("nan")
PERMUTATIONS = 19
#: Inputs that a layer is predicted from, which takes a time that grows with their cube.
LINEAR_INPUTS = 600


def at_precisions(
    pair: Pair, rows: LayerRows, how: Measurement, seed: int
) -> tuple[PrecisionRecord, ...]:
    """Return what the child of a pair keeps of its parent, the headline's precision first.

    Args:
        pair: Two consecutive layers.
        rows: The captured layers.
        how: `tau` decides.
        seed: Of noise, folds and permutations.

    Returns:
        One record for each precision; none where a class has one input only.
    """
    if not rows.several_per_class:
        return ()
    layer = rows.within(pair.child)
    taus = (how.tau, *(tau for tau in SWEEP if tau != how.tau))
    at = derive_seed(seed, f"connectivity/precision/{pair.child}")
    if rows.functions[pair.child]:
        return tuple(_of_function(layer, tau, at) for tau in taus)
    before, layer = rows.within(pair.parent), rows.within(pair.child)
    return tuple(_of_other(before, layer, tau, at, tau == how.tau) for tau in taus)


def _of_function(layer: WithinClasses, tau: float, seed: int) -> PrecisionRecord:
    whole, sides = capacity(layer, tau), bracket(layer, tau, seed=seed)
    if not layer.power:
        reading = "no variation within classes"
    elif not whole.enough:
        reading = "too few samples"
    else:
        reading = "bracketed" if sides.tight else "upper bound only"
    return PrecisionRecord(
        tau=tau,
        capacity=whole.value,
        interval=whole.interval(),
        lower=sides.lower,
        upper=sides.upper,
        limit=sides.limit,
        reading=reading,
    )


def _of_other(
    before: WithinClasses, layer: WithinClasses, tau: float, seed: int, headline: bool
) -> PrecisionRecord:
    whole, sides = capacity(layer, tau), bracket(layer, tau, seed=seed)
    linear, null, p_value = NAN, NAN, NAN
    if headline and layer.power:
        few = spread_over_classes(layer.labels, LINEAR_INPUTS, seed)
        if len(few) < len(layer.labels):
            before, layer = before.some(few), layer.some(few)
        found = linear_information(before, layer, tau, n_permutations=PERMUTATIONS, seed=seed)
        linear, null, p_value = found.value, float(found.null.mean()), found.p_value
    other = "not a function of the layer before"
    return PrecisionRecord(
        tau=tau,
        capacity=whole.value,
        interval=whole.interval(),
        lower=NAN if layer.power else 0.0,
        upper=sides.upper,
        limit=sides.limit,
        reading=other if layer.power else "no variation within classes",
        linear=linear,
        linear_null=null,
        linear_p=p_value,
    )
