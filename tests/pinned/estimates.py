"""What the estimators of `mitools` say on small samples of every kind."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import product

from mitools import (
    CCA,
    EDGE,
    KSG,
    PCA,
    Auto,
    Canonical,
    ConditionalKSG,
    Estimate,
    Gaussian,
    GaussianCopula,
    Geometric,
    Labels,
    Mixed,
    MutualInformationEstimator,
    NoisyBounds,
    PlugIn,
    Pooling,
    RandomProjection,
    Reduced,
    Sliced,
    mutual_information,
)
from tests.pinned.samples import labels, sample

__all__ = ["GROUPS", "Values", "flat", "said"]

#: Numbers and verdicts, each under a key such as "gaussian 3 | value".
Values = dict[str, float | str]


def _named(kinds: str, widths: str) -> tuple[str, ...]:
    return tuple(f"{kind} {width}" for kind, width in product(kinds.split(), widths.split()))


CONTINUOUS = "gaussian independent rounded atoms heavy constant copies"
MANY = ("gaussian 1 2500", "gaussian 3 2500", "atoms 3 2500", "gaussian 10 1200")
ALL = (
    *_named(CONTINUOUS, "1 3 10"),
    *_named("classes integers", "1 3"),
    "gaussian 60",
    "heavy 3 2500",
    *MANY,
)
FEW = (*_named("gaussian atoms rounded", "1 3"), "heavy 3", "constant 3", "classes 1")
WIDE = (*_named("gaussian atoms copies", "10 60"), "constant 10", "classes 10")
DISCRETE = (*_named("classes integers rounded", "1 3"), "constant 1", "classes 10")

#: Where ceilings, entropies and statistics are pinned beside the value.
DETAILED = ("gaussian 3", "gaussian 60", "atoms 3", "classes 1", "integers 1")

#: Each estimator by the text that names it in the file of values, with the samples it is asked.
ESTIMATORS: Mapping[str, tuple[MutualInformationEstimator, tuple[str, ...]]] = {
    "KSG": (KSG(), ALL),
    "KSG k=7": (KSG(k=7), FEW),
    "KSG variant 2": (KSG(variant=2), (*FEW, *MANY)),
    "KSG max": (KSG(metric="max"), (*FEW, "gaussian 10")),
    "KSG l2": (KSG(metric="l2"), (*FEW, "gaussian 10", *MANY)),
    "KSG jitter": (KSG(jitter=1e-6, seed=3), FEW),
    "KSG units": (KSG(standardize=False), FEW),
    "EDGE": (EDGE(), ALL),
    "EDGE members": (EDGE(members=4, occupancies=(2, 6), seed=3), FEW),
    "EDGE pairs": (EDGE(pairs=3), WIDE),
    "EDGE semirobust": (EDGE.semirobust(), (*FEW, *WIDE)),
    "EDGE released 4.3.1": (EDGE.released("4.3.1"), ("gaussian 1", "atoms 3", "gaussian 60")),
    "EDGE released 4.4.1": (EDGE.released("4.4.1"), (*FEW, *WIDE)),
    "Auto": (Auto(), (*FEW, "gaussian 10", "independent 3", "copies 1", *MANY)),
    "Canonical": (Canonical(), (*FEW, "gaussian 10", "copies 3", *MANY)),
    "Gaussian": (Gaussian(), (*FEW, "gaussian 10", "gaussian 60", "copies 3")),
    "GaussianCopula": (GaussianCopula(), (*FEW, "gaussian 10", "gaussian 60", "copies 3")),
    "Mixed": (Mixed(), (*FEW, *DISCRETE, *MANY)),
    "Mixed among": (Mixed(atoms="among", k=3), (*_named("atoms rounded", "1 3"), "classes 1")),
    "Labels": (Labels(), (*_named("classes", "1 3 10 60"), "classes 3 2500")),
    "Labels ross": (Labels(method="ross"), (*_named("classes", "1 3 10"), "integers 1")),
    "Labels log_loss": (Labels(method="log_loss"), _named("classes", "3 10")),
    "PlugIn": (PlugIn(), DISCRETE),
    "PlugIn miller_madow": (PlugIn(correction="miller_madow"), DISCRETE),
    "PlugIn chi-square": (PlugIn(divergence="chi-square", correction="chance"), DISCRETE),
    "Sliced": (Sliced(n_slices=10), _named("gaussian atoms", "1 10")),
    "Sliced EDGE": (Sliced(k=2, n_slices=4, base=EDGE(members=3)), _named("gaussian", "3 10")),
    "NoisyBounds": (NoisyBounds(), (*FEW, "gaussian 60", "integers 1")),
    "NoisyBounds upper": (NoisyBounds(sigma=0.5, scale="data", bound="upper"), FEW),
    "Geometric": (Geometric(), (*FEW, "gaussian 60", "copies 1")),
    "KSG of PCA": (Reduced(KSG(), PCA(3)), _named("gaussian atoms copies", "10 60")),
    "EDGE of projections": (Reduced(EDGE(), RandomProjection(4)), _named("gaussian", "10 60")),
    "KSG of pools": (Reduced(KSG(), Pooling(4)), _named("gaussian atoms", "10 60")),
    "KSG of CCA": (Reduced(KSG(), CCA(2)), _named("gaussian atoms", "3 10")),
    "KSG of PCA and pools": (Reduced(KSG(), PCA(2), Pooling(2)), ("gaussian 10", "heavy 10")),
    "ConditionalKSG": (ConditionalKSG(), _named("gaussian atoms heavy", "1 3")),
}

#: Estimators that are asked within labels as well.
GIVEN = {
    "KSG": FEW,
    "EDGE": FEW,
    "EDGE semirobust": ("gaussian 3", "gaussian 60"),
    "Auto": ("gaussian 3",),
    "Canonical": ("gaussian 3",),
    "GaussianCopula": ("gaussian 3", "atoms 3"),
    "KSG of PCA": ("gaussian 10", "gaussian 60"),
    "Labels": ("classes 3",),
    "Mixed": ("atoms 3", "rounded 3"),
    "PlugIn": ("integers 1",),
}


def said(estimator: MutualInformationEstimator, names: Iterable[str]) -> Values:
    """Return what an estimator says of each sample, a number under each key."""
    found: Values = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in names:
            one = mutual_information(*sample(name), estimator=estimator)
            found |= flat(name, one) if name in DETAILED else {f"{name} | value": one.value}
    return found


def said_within_labels(estimator: MutualInformationEstimator, names: Iterable[str]) -> Values:
    """Return what an estimator says of each sample given labels, and within each label."""
    found: Values = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in names:
            one = mutual_information(*sample(name), given=labels(), estimator=estimator)
            found[f"{name} | given | value"] = one.value
            for label, part in one.parts.items():
                found[f"{name} | given | part {label}"] = part.value
    return found


def flat(key: str, estimate: Estimate) -> Values:
    """Return all numbers of an estimate, each under a key of its own."""
    return {
        f"{key} | value": estimate.value,
        f"{key} | ceiling": float(estimate.ceiling),
        f"{key} | entropy": float(estimate.entropy),
        **{f"{key} | stats {name}": float(each) for name, each in estimate.stats.items()},
    }


def _asked(name: str) -> Values:
    estimator, names = ESTIMATORS[name]
    return said(estimator, names) | said_within_labels(estimator, GIVEN.get(name, ()))


GROUPS: Mapping[str, Callable[[], Values]] = {name: partial(_asked, name) for name in ESTIMATORS}
