"""What surrounds the estimates of `mitools`: nulls, verdicts, comparisons, streams, scores."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from mitools import (
    EDGE,
    KSG,
    PCA,
    Auto,
    Canonical,
    ConditionalKSG,
    GaussianCopula,
    Geometric,
    Labels,
    Mixed,
    MutualInformationEstimator,
    PlugIn,
    Reduced,
    assess,
    compare,
    conditional_independence_test,
    conditional_mutual_information,
    information_matrix,
)
from mitools.engines.cells.labelled import LabelledCounts
from mitools.integrations.sklearn import InformationSelector, information_scores
from mitools.streaming import ArrayChunks, stream_information
from tests.pinned.estimates import Values, flat
from tests.pinned.samples import labels, sample

__all__ = ["GROUPS"]

#: What is assessed: estimator, sample, and settings other than the few permutations.
ASSESSED: Mapping[str, tuple[MutualInformationEstimator, str, dict[str, object]]] = {
    "KSG | gaussian 1": (KSG(), "gaussian 1", {}),
    "KSG | gaussian 3": (KSG(), "gaussian 3", {}),
    "KSG | gaussian 60": (KSG(), "gaussian 60", {}),
    "KSG | independent 3": (KSG(), "independent 3", {}),
    "KSG | heavy 1": (KSG(), "heavy 1", {}),
    "KSG | atoms 3": (KSG(), "atoms 3", {}),
    "KSG | copies 1": (KSG(), "copies 1", {}),
    "KSG | classes 1": (KSG(), "classes 1", {}),
    "KSG | rounded 1": (KSG(), "rounded 1", {}),
    "KSG | gaussian 1 | given": (KSG(), "gaussian 1", {"given": labels()}),
    "KSG | gaussian 3 | given": (KSG(), "gaussian 3", {"given": labels()}),
    "KSG | gaussian 1 | circle": (KSG(), "gaussian 1", {"blocks": 1}),
    "KSG | gaussian 1 | blocks": (KSG(), "gaussian 1", {"blocks": 4, "seed": 2}),
    "EDGE | gaussian 1": (EDGE(), "gaussian 1", {}),
    "EDGE | gaussian 3": (EDGE(), "gaussian 3", {}),
    "EDGE | gaussian 60": (EDGE(), "gaussian 60", {}),
    "EDGE | independent 1": (EDGE(), "independent 1", {}),
    "EDGE | integers 1": (EDGE(), "integers 1", {}),
    "EDGE | gaussian 3 | given": (EDGE(), "gaussian 3", {"given": labels()}),
    "EDGE semirobust | gaussian 10": (EDGE.semirobust(), "gaussian 10", {}),
    "Auto | gaussian 3": (Auto(), "gaussian 3", {}),
    "Canonical | gaussian 3": (Canonical(), "gaussian 3", {}),
    "GaussianCopula | gaussian 3": (GaussianCopula(), "gaussian 3", {}),
    "Mixed | atoms 3": (Mixed(), "atoms 3", {}),
    "Labels | classes 3": (Labels(), "classes 3", {}),
    "Labels ross | classes 1": (Labels(method="ross"), "classes 1", {}),
    "PlugIn | integers 1": (PlugIn(), "integers 1", {}),
    "PlugIn | rounded 3": (PlugIn(), "rounded 3", {}),
    "Geometric | gaussian 3": (Geometric(), "gaussian 3", {}),
    "KSG of PCA | gaussian 10": (Reduced(KSG(), PCA(3)), "gaussian 10", {}),
    "KSG of PCA | gaussian 60 | given": (
        Reduced(KSG(), PCA(3)),
        "gaussian 60",
        {"given": labels()},
    ),
}


def _assessed(name: str) -> Values:
    estimator, data, settings = ASSESSED[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = assess(
            *sample(data), estimator=estimator, n_permutations=3, n_halves=4, **settings
        )
    values: Values = {
        "value": found.value,
        "p value": found.p_value,
        "fitted p value": found.fitted_p_value,
        "interval low": float(found.interval[0]),
        "interval high": float(found.interval[1]),
        "verdict": str(found.verdict),
    }
    values |= {f"null {i}": float(each) for i, each in enumerate(found.null)}
    values |= {f"sweep {name}": float(each) for name, each in found.sweep.items()}
    values |= {f"mean at n={n}": float(each) for n, each in found.by_size.items()}
    if found.cross_check is not None:
        values["cross-check"] = found.cross_check.estimate.value
        values["cross-check null"] = found.cross_check.null_mean
    return values


def comparison() -> Values:
    """Compare the usual estimators on two samples."""
    values: Values = {}
    for data in ("gaussian 1", "gaussian 10"):
        for one in compare(*sample(data), n_permutations=3).answers:
            key = f"{data} | {type(one.estimator).__name__}"
            values[f"{key} | value"] = float("nan") if one.estimate is None else one.estimate.value
            values[f"{key} | null mean"] = one.null_mean
            values[f"{key} | null sd"] = one.null_sd
            values[f"{key} | fitted p value"] = one.fitted_p_value
    return values


def matrix() -> Values:
    """Fill the matrix of a table with continuous and discrete columns."""
    x, y = sample("gaussian 3")
    table = np.column_stack([x[:, 0], y[:, :2], sample("classes 1")[1], labels()])
    found = information_matrix(table, n_permutations=5)
    values: Values = {"order": " ".join(map(str, found.order))}
    for i, j in found.estimators:
        values[f"{i} {j} | value"] = float(found.values[i, j])
        values[f"{i} {j} | null mean"] = float(found.null_means[i, j])
        values[f"{i} {j} | adjusted p value"] = float(found.adjusted_p_values[i, j])
    return values


def conditional() -> Values:
    """Condition on a continuous Z, which X and Y depend on or not."""
    values: Values = {}
    for data in ("gaussian 1", "gaussian 3", "atoms 3", "heavy 1"):
        x, y = sample(data)
        z = sample("independent 3")[0]
        for name, condition in (("other", z), ("cause", x + 0.5 * z[:, : x.shape[1]])):
            for residualize in ("auto", "none"):
                estimator = ConditionalKSG(residualize=residualize)
                one = conditional_mutual_information(x, y, condition, estimator=estimator)
                values |= flat(f"{data} | {name} | {residualize}", one)
    test = conditional_independence_test(
        *sample("gaussian 1"), sample("independent 3")[0], n_permutations=3
    )
    values["test | p value"] = test.p_value
    return values | {f"test | null {i}": float(v) for i, v in enumerate(test.null)}


def counts() -> Values:
    """Count cells chunk by chunk, merge the counts, and estimate."""
    values: Values = {}
    for data in ("gaussian 1", "gaussian 3", "rounded 1", "atoms 3", "gaussian 10"):
        x, y = sample(data)
        empty = EDGE(members=4).fit_hash(x, y)
        merged = empty.update(x[:100], y[:100]).merge(empty.update(x[100:], y[100:]))
        values |= flat(f"{data}", merged.finalize())
        values[f"{data} | cells"] = float(
            sum(len(codes) for tables in merged.tables for codes, _ in tables)
        )
        within = LabelledCounts.fit_hash(x, y, labels(), EDGE(members=4))
        value = within.update(x, y, labels()).finalize().value
        values[f"{data} | given | value"] = value
        chunks = ArrayChunks(x, y, rows=90)
        values[f"{data} | stream"] = stream_information(chunks).value
    return values


def scores() -> Values:
    """Score and select features as scikit-learn asks for it."""
    x, y = sample("classes 3")
    values: Values = {}
    for target, column in (("classes", y[:, 0].astype(int)), ("numbers", x[:, 0] + y[:, 0])):
        for j, score in enumerate(information_scores(x, column)):
            values[f"{target} | {j}"] = float(score)
        selector = InformationSelector(n_permutations=5).fit(x, column)
        for j in range(3):
            values[f"{target} | {j} | p value"] = float(selector.p_values_[j])
            values[f"{target} | {j} | tail"] = float(selector.fitted_p_values_[j])
    return values


GROUPS: Mapping[str, Callable[[], Values]] = {
    **{f"assess {name}": partial(_assessed, name) for name in ASSESSED},
    "compare": comparison,
    "conditional": conditional,
    "counts": counts,
    "information_matrix": matrix,
    "scores": scores,
}
