"""What can and what cannot be concluded, in sentences for readers who have not read the paper.

The wording follows what the theory allows: rho is neither necessary nor sufficient for robustness,
a deterministic layer's true information is infinite, and an estimator's value without any
dependence has to be subtracted before the rest is looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from mitools import Verdict
from robustsplit.report.findings import Findings
from robustsplit.results import AccuracyRecord, PairRecord, RhoResult
from robustsplit.units import per_nat

__all__ = ["TOY", "can", "cannot", "question"]

TOY = (
    "The digits are a toy: 8 x 8 scans, a network of a few thousand weights, about 50 test images "
    "per class. They show how the method behaves, not how networks in use behave."
)


def question(findings: Findings) -> list[str]:
    """Return what was asked, in plain words."""
    rho = (
        "For each pair of neighbouring layers, rho says how strongly the later layer's output "
        "depends on the earlier one's, among images of the same class (mutual information, in "
        f"{findings.unit}). Beside every value stands the null, which is what the same method "
        "returns after the pairs have been shuffled, when there is nothing to find, and the "
        "ceiling, the most it could return with so many images."
    )
    if not findings.results:
        return [rho]
    return [
        "A network can be trained to withstand images that were altered on purpose to fool it "
        "(an attack). Here only the first part of such a robust network is kept (f_a*, frozen). "
        "The rest (f_b) is set back to a network that was trained without any attack, and then "
        "trained again until the whole is nearly as robust as before: this is Algorithm 1 of the "
        "paper. The question is how strongly the layers of the retrained part depend on one "
        "another.",
        rho,
    ]


def can(findings: Findings) -> list[str]:
    """Return what the run established."""
    said = []
    scores = findings.scores
    if "regular" in scores and "robust" in scores:
        said.append(
            f"Under the attack ({findings.attack}) the regular network gets "
            f"{_percent(scores['regular']['attacked'])} of the test images right, the robust one "
            f"{_percent(scores['robust']['attacked'])}. On unaltered images they get "
            f"{scores['regular']['clean'].percent:.1f} % and "
            f"{scores['robust']['clean'].percent:.1f} %."
        )
    else:
        for name, kinds in scores.items():
            words = [f"{_percent(record)} ({inputs})" for inputs, record in kinds.items()]
            said.append(f"The {name} network gets {' and '.join(words)} of the images right.")
    said += [_retrained(result) for result in findings.results]
    pairs = findings.pairs
    counts = Counter(pair.verdict for pair in pairs)
    usable, unreliable, independent = (
        counts[verdict] for verdict in (Verdict.USABLE, Verdict.UNRELIABLE, Verdict.INDEPENDENT)
    )
    said.append(
        f"Of {len(pairs)} layer pairs, {usable} have a rho whose size can be used, {unreliable} "
        "certainly depend on each other although the size is not reliable, and "
        f"{independent} cannot be told from independent ones."
    )
    if len(findings.profiles) > 1:
        scale = per_nat(findings.unit)
        means = [
            f"{np.mean([pair.excess for pair in profile.pairs]) * scale:.2f} ({name})"
            for name, profile in findings.profiles.items()
        ]
        said.append(
            f"For comparison, the mean of rho above its null over all layer pairs, in "
            f"{findings.unit}: {', '.join(means)}."
            + (
                " Compare with the untrained one before reading a high rho as something learned."
                if "untrained" in findings.profiles
                else ""
            )
        )
    return said


def cannot(findings: Findings) -> list[str]:
    """Return what a reader might conclude and must not, the most likely mistakes first."""
    said = [TOY] if findings.toy else []
    pairs = findings.pairs
    unreliable = [pair for pair in pairs if pair.verdict == Verdict.UNRELIABLE]
    independent = [pair for pair in pairs if pair.verdict == Verdict.INDEPENDENT]
    if unreliable:
        said.append(
            f"How large rho is for {_names(unreliable)}. These layers depend on each other, but "
            "other settings, fewer images or a second method would have given another number, so "
            "neither its size nor its order among the layers is a finding."
        )
    if independent:
        said.append(
            f"Anything from rho for {_names(independent)}: shuffled pairs give as much. It does "
            "not show that these layers are independent, only that this method sees no dependence "
            "with this many images."
        )
    said += _published(pairs, findings.unit)
    said.append(
        "That a larger rho makes a network more robust. Rho is neither necessary nor sufficient "
        "for robustness: layers that carry nothing but the class have rho 0 and can be perfectly "
        "robust, and layers can share much that an attack destroys."
    )
    said.append(
        "That rho is a property of the network alone. Between continuous layers that compute one "
        "another without noise the true value is infinite; any finite number depends on how many "
        "images there are per class, on how wide layers were made narrow, and on the estimator. "
        "Compare only values with the same settings and as many images per class."
    )
    if findings.protocol == "static":
        said.append(
            "That the accuracies are robust accuracies: the attacked images were made once and "
            "reused (static). An attack on the retrained weights themselves may succeed far more."
        )
    elif findings.attack != "clean":
        said.append(
            f"That another attack would fare no better. Robustness here means robustness to this "
            f"one ({findings.attack}), run afresh on the evaluated weights (adaptive)."
        )
    for result in findings.results:
        if not result.n_converged:
            said.append(
                f"The paper's rho for f_b = {result.cut}: no trial came within the tolerance of "
                "the robust network, so there is no converged trial to take it from. The table "
                "shows the most accurate trial."
            )
    return said


def _retrained(result: RhoResult) -> str:
    """Say what became of one cut's accuracy, and whether so few images can tell."""
    star, before, after = result.acc_star, result.acc_sr, result.acc_tilde
    low, high = after.interval
    if low > star.interval[1]:
        compared = "more than the robust network"
    elif high < star.interval[0]:
        compared = "less than the robust network"
    else:
        compared = f"which {after.n} images cannot tell from the robust network"
    tolerance = result.settings.get("tolerance")
    within = f" within {tolerance:g} points of it" if isinstance(tolerance, int | float) else ""
    return (
        f"With f_b = {result.cut} set back to the regular network, "
        f"{before.percent:.1f} % of the attacked test images are still right (Acc_sr). With "
        f"f_b trained again, {_percent(after)} (Acc~), {compared} "
        f"({star.percent:.1f} %, Acc*). {result.n_converged} of {len(result.trials)} trials came"
        f"{within} on validation images."
    )


def _published(pairs: Sequence[PairRecord], unit: str) -> list[str]:
    """Say how much of the published estimator's value is there without any dependence."""
    known = [pair for pair in pairs if np.isfinite(pair.released) and pair.released > 0]
    if not known:
        return []
    scale = per_nat(unit)
    value = float(np.mean([pair.released for pair in known])) * scale
    null = float(np.mean([pair.released_null for pair in known])) * scale
    return [
        "Anything from the size of rho as the published code computes it. Its estimator gives "
        f"{value:.2f} {unit} on average for these layers, and {null:.2f} {unit} for shuffled "
        f"pairs: {100 * null / value:.0f} % of the value is there without any dependence."
    ]


def _names(pairs: Sequence[PairRecord], most: int = 6) -> str:
    names = list(dict.fromkeys(f"{pair.parent} → {pair.child}" for pair in pairs))
    rest = f" and {len(names) - most} more pairs" if len(names) > most else ""
    return ", ".join(names[:most]) + rest


def _percent(record: AccuracyRecord) -> str:
    low, high = record.interval
    return f"{record.percent:.1f} % (95 % interval {low:.1f} to {high:.1f})"
