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
from robustsplit.results import AccuracyRecord, PairedDifference, PairRecord, RhoResult
from robustsplit.units import per_nat

__all__ = ["TOY", "can", "cannot", "compared", "measured", "question"]

#: The paper that Algorithm 1 and the published values are from.
PAPER = (
    '"Does the Half Adversarial Robustness Represent the Whole? It Depends... A Theoretical '
    'Perspective of Subnetwork Robustness"'
)

TOY = (
    "The digits are a toy: 8 x 8 scans, a network of a few thousand weights, about 50 test images "
    "per class. They show how the method behaves, not how networks in practice behave."
)

#: What a verdict means for the layer pairs that have it.
MEANINGS = {
    Verdict.USABLE: "the size of rho can be used",
    Verdict.UNRELIABLE: (
        "the layers depend on each other, but the size of rho is not reliable: only the existence "
        "of the dependence is a result"
    ),
    Verdict.INDEPENDENT: "no dependence was found: permuted pairs give as much",
}


def measured(findings: Findings) -> str:
    """Return in a sentence or two what was measured, and the paper that asked for it."""
    if findings.results:
        count = len(findings.results)
        cuts = "one cut" if count == 1 else f"{count} cuts"
        return (
            f"This is Algorithm 1 of the paper {PAPER}, for {cuts} of one network: how "
            "robust it is when only its first part was trained to be, and how strongly the layers "
            "of the retrained rest depend on each other (rho)."
        )
    return (
        "What was measured is rho, the layerwise connectivity of the paper "
        f"{PAPER}: how strongly consecutive layers of a network depend on each other."
    )


def question(findings: Findings) -> list[str]:
    """Return what the run asked, in plain words."""
    rho = (
        "For each pair of consecutive layers, rho measures how strongly the output of the later "
        "layer depends on the output of the earlier layer, among images of the same class. It is "
        f"an estimate of mutual information, in {findings.unit}. Two numbers help to read it. The "
        "null is what the same method returns after the pairs have been permuted (shuffled), so "
        "that there is no dependence. The ceiling is the largest value that it can return with so "
        "many images."
    )
    if not findings.results:
        return [rho]
    return [
        "A network can be trained to be robust against an attack: against images that were "
        "changed on purpose to fool it. Here only the first part of such a robust network is kept "
        "and frozen (f_a*). The rest (f_b) gets the weights of a network that was trained without "
        "an attack, and is then trained again until the whole network is nearly as robust as "
        "before. This is Algorithm 1 of the paper. The question is how strongly the "
        "layers of the retrained part depend on each other.",
        rho,
    ]


def can(findings: Findings) -> list[str]:
    """Return what the run established."""
    said = []
    scores = findings.scores
    if "regular" in scores and "robust" in scores:
        said.append(
            f"Under the attack ({findings.attack}) the regular network classifies "
            f"{_percent(scores['regular']['attacked'])} of the test images correctly, and the "
            f"robust network {_percent(scores['robust']['attacked'])}. On images without an "
            f"attack the accuracies are {scores['regular']['clean'].percent:.1f} % and "
            f"{scores['robust']['clean'].percent:.1f} %."
        )
    else:
        for name, kinds in scores.items():
            words = [f"{_percent(record)} ({inputs})" for inputs, record in kinds.items()]
            said.append(
                f"The {name} network classifies {' and '.join(words)} of the images correctly."
            )
    said += [_retrained(result) for result in findings.results]
    pairs = findings.pairs
    counts = Counter(pair.verdict for pair in pairs)
    said += [
        f"In {counts[verdict]} of {len(pairs)} layer pairs {meaning}."
        for verdict, meaning in MEANINGS.items()
        if counts[verdict]
    ]
    if len(findings.profiles) > 1:
        scale = per_nat(findings.unit)
        means = [
            f"{np.mean([pair.excess for pair in profile.pairs]) * scale:.2f} ({name})"
            for name, profile in findings.profiles.items()
        ]
        said.append(
            f"For comparison, the mean of rho minus its null over all layer pairs, in "
            f"{findings.unit}: {', '.join(means)}."
            + (
                " A rho is a sign of something learned only if it is larger than in the untrained "
                "network."
                if "untrained" in findings.profiles
                else ""
            )
        )
    return said


def cannot(findings: Findings) -> list[str]:
    """Return the limits of the results, the most likely mistakes first."""
    said = [TOY] if findings.toy else []
    pairs = findings.pairs
    unreliable = [pair for pair in pairs if pair.verdict == Verdict.UNRELIABLE]
    independent = [pair for pair in pairs if pair.verdict == Verdict.INDEPENDENT]
    if unreliable:
        said.append(
            f"The size of rho is not reliable for {_names(unreliable)}. These layers depend on "
            "each other, but with other settings, with fewer images or with a second estimator "
            "the number would be another one. Do not use its size, and do not rank the layers by "
            "it."
        )
    if independent:
        said.append(
            f"Rho shows nothing for {_names(independent)}: permuted pairs give as much. This does "
            "not show that these layers are independent. It only shows that this method finds no "
            "dependence with so many images."
        )
    said += _published(pairs, findings.unit)
    said.append(
        "A larger rho does not mean a more robust network. Rho is neither necessary nor "
        "sufficient for robustness: layers that carry only the class have rho 0 and can be "
        "perfectly robust, and layers can share much information that an attack destroys."
    )
    said.append(
        "Rho is not a property of the network alone. If one continuous layer computes the next "
        "without noise, the true value is infinite. Every finite number depends on the number of "
        "images per class, on how the width of the layers was reduced, and on the estimator. "
        "Compare only values with the same settings and the same number of images per class."
    )
    if findings.protocol == "static":
        said.append(
            "The accuracies are not robust accuracies: the attacked images were made once and "
            "reused (static). An attack on the retrained weights themselves may succeed much more "
            "often."
        )
    elif findings.attack != "clean":
        said.append(
            "Another attack may succeed more often. Robustness here means robustness against "
            f"this one ({findings.attack}), which was run against the very weights that are "
            "evaluated (adaptive)."
        )
    for result in findings.results:
        if not result.n_converged:
            said.append(
                f"The paper's rho is not defined for f_b = {result.cut}: it is taken from the "
                "converged trials, and there is no converged trial. The table shows the most "
                "accurate trial instead."
            )
    return said


def _retrained(result: RhoResult) -> str:
    """Return one cut's accuracies, and whether they differ on the same images."""
    star, before, after = result.acc_star, result.acc_sr, result.acc_tilde
    tolerance = result.settings.get("tolerance")
    within = (
        f" (within {tolerance:g} percentage points of the robust network on validation images)"
        if isinstance(tolerance, int | float)
        else ""
    )
    return (
        f"With the regular weights in f_b = {result.cut}, the accuracy on attacked test images is "
        f"{before.percent:.1f} % (Acc_sr). After f_b was trained again it is {_percent(after)} "
        f"(Acc~). The robust network has {star.percent:.1f} % (Acc*). "
        f"{compared(result.against_robust)} {result.n_converged} of {len(result.trials)} trials "
        f"converged{within}."
    )


def compared(difference: PairedDifference | None) -> str:
    """Return how the retrained network compares with the robust one on the same images.

    Args:
        difference: Acc~ minus Acc*; None where answers to single images were not kept.

    Returns:
        Sentences with the difference, its interval, and McNemar's p value.
    """
    if difference is None:
        return (
            "Whether the two differ cannot be said, since this run did not keep which images "
            "each network classifies correctly."
        )
    if not difference.only_first + difference.only_second:
        return f"Both classify exactly the same of the {difference.n} images correctly."
    low, high = difference.interval
    numbers = (
        f"Of the {difference.n} images, {difference.only_first} are classified correctly by the "
        f"retrained network only and {difference.only_second} by the robust network only: a "
        f"difference of {difference.points:+.1f} percentage points (95 % interval {low:+.1f} to "
        f"{high:+.1f}; McNemar's exact test, p = {difference.p_value:.2g})."
    )
    if not difference.differs:
        return f"{numbers} This does not show that the two networks differ in accuracy."
    more = "more" if difference.points > 0 else "less"
    return f"{numbers} The retrained network is {more} accurate than the robust one."


def _published(pairs: Sequence[PairRecord], unit: str) -> list[str]:
    """Return how much of the published estimator's value its null explains, in a sentence."""
    known = [pair for pair in pairs if np.isfinite(pair.released) and pair.released > 0]
    if not known:
        return []
    scale = per_nat(unit)
    value = float(np.mean([pair.released for pair in known])) * scale
    null = float(np.mean([pair.released_null for pair in known])) * scale
    return [
        "Do not read rho as the published code computes it without its null. Its estimator gives "
        f"{value:.2f} {unit} on average for these layers, and {null:.2f} {unit} for permuted "
        f"pairs: {100 * null / value:.0f} % of the value is there without any dependence."
    ]


def _names(pairs: Sequence[PairRecord], most: int = 6) -> str:
    names = list(dict.fromkeys(f"{pair.parent} → {pair.child}" for pair in pairs))
    rest = f" and {len(names) - most} more pairs" if len(names) > most else ""
    return ", ".join(names[:most]) + rest


def _percent(record: AccuracyRecord) -> str:
    low, high = record.interval
    return f"{record.percent:.1f} % (95 % interval {low:.1f} to {high:.1f})"
