"""Results made by hand, for tests of what is done with results."""

import numpy as np

from mitools import Verdict
from robustsplit.results import AccuracyRecord, EpochRecord, PairRecord, Profile, RhoResult, Trial

LAYERS = ("conv1", "conv2", "conv3", "conv4", "fc1", "fc2")


def pair(parent, child, offset, rho, *, verdict=str(Verdict.UNRELIABLE), released=2.6, **changes):
    values = {
        "parent": parent,
        "child": child,
        "offset": offset,
        "parent_dim": 64,
        "child_dim": 32,
        "connected": True,
        "n_samples": 500,
        "rho": rho,
        "ceiling": 3.9,
        "null_mean": 0.01,
        "null_sd": 0.02,
        "p_value": 0.02,
        "interval": (rho - 0.1, rho + 0.1),
        "singleton_fraction": 0.4,
        "cross_check": rho * 1.5,
        "verdict": verdict,
        "released": released,
        "released_null": released - 0.02,
        "parts": {"0": rho - 0.2, "1": rho + 0.2},
        "reasons": ("The value is above half its ceiling.",),
    }
    return PairRecord(**{**values, **changes})


def profile(layers=LAYERS, shift=0.0, **changes):
    pairs = []
    for index in range(len(layers) - 1):
        pairs.append(
            pair(
                layers[index], layers[index + 1], len(layers) - 2 - index,
                0.5 + 0.3 * index + shift, **changes,
            )
        )  # fmt: skip
    settings = {"estimator": "KSG(k=4)", "point": "post", "attack": "PGD(eps=0.1)", "seed": 0}
    return Profile(tuple(pairs), settings)


def score(correct, n=500, attack="PGD(eps=0.1)", first=0):
    """`correct` of `n` images, those from the one at `first` on."""
    right = np.roll(np.arange(n) < correct, first)
    by_class = {"0": (correct // 2, n // 2)}
    return AccuracyRecord.of_answers(right, attack=attack, by_class=by_class, labels="fake")


def result(cut="last 2 weight layers", keep=2, converged=(True, True, False), warnings=()):
    layers = LAYERS[-keep - 1 :]
    trials = []
    for index, met in enumerate(converged):
        epochs = tuple(
            EpochRecord(epoch, 1.0 / epoch, score(200 + 10 * epoch + index, 297), "abc")
            for epoch in (1, 2)
        )
        trials.append(
            Trial(index, epochs, met, profile(layers, 0.1 * index), score(400 + index), score(470))
        )
    return RhoResult(
        cut=cut,
        f_a=LAYERS[:-keep],
        f_b=LAYERS[-keep:],
        acc_star=score(410),
        acc_star_validation=score(250, 297),
        acc_sr=score(300),
        clean={"regular": score(490, attack="clean"), "robust": score(470, attack="clean")},
        attacked={"regular": score(5), "robust": score(410), "semirobust": score(300)},
        trials=tuple(trials),
        settings={"tolerance": 2.0, "protocol": "adaptive", "inputs": "adversarial"},
        warnings=tuple(warnings),
    )
