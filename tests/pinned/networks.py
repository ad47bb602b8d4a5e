"""What `robustsplit` says of a small network on the digits that scikit-learn brings."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from mitools import EDGE, KSG, PCA, Reduced
from robustsplit.analysis import connectivity, learn_rho
from robustsplit.attacks import FGSM
from robustsplit.data import DataSplits, ImageData
from robustsplit.network import Split
from robustsplit.results import Profile
from robustsplit.training import Recipe
from tests.pinned.estimates import Values

__all__ = ["GROUPS"]


def _network(seed: int = 0) -> nn.Sequential:
    """Return an untrained network whose activations are the same to the bit everywhere.

    Weights are multiples of 1/8 and pixels of 1/16, so that no sum is rounded, in any order.
    """
    rng = np.random.default_rng(seed)
    widths = (64, 12, 10, 8, 3)
    layers: list[nn.Module] = [nn.Flatten()]
    for d_in, d_out in pairwise(widths):
        layer = nn.Linear(d_in, d_out)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(rng.integers(-4, 5, size=(d_out, d_in)) / 8))
            layer.bias.zero_()
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _digits(start: int, stop: int) -> ImageData:
    bunch = load_digits(n_class=3)
    images = (bunch.images[start:stop, None] / 16).astype(np.float32)
    return ImageData(torch.from_numpy(images), torch.from_numpy(bunch.target[start:stop]))


def _profile(profile: Profile) -> Values:
    values: Values = {}
    for pair in profile.pairs:
        at = f"layer {pair.child}"
        for name in ("rho", "ceiling", "null_mean", "null_sd", "p_value", "cross_check"):
            values[f"{at} | {name}"] = getattr(pair, name)
        values[f"{at} | singleton_fraction"] = pair.singleton_fraction
        values[f"{at} | released"] = pair.released
        values[f"{at} | released_null"] = pair.released_null
        values[f"{at} | interval low"], values[f"{at} | interval high"] = pair.interval
        values[f"{at} | verdict"] = pair.verdict
        for label, part in pair.parts.items():
            values[f"{at} | part {label}"] = part
    return values


def _connectivity(**settings: Any) -> Callable[[], Values]:
    def found() -> Values:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            profile = connectivity(
                _network(), _digits(0, 300), n_permutations=3, n_halves=4, **settings
            )
        return _profile(profile)

    return found


def _algorithm1() -> Values:
    """Run one trial of two epochs of Algorithm 1 on networks that were never trained."""
    data = DataSplits(_digits(0, 200), _digits(200, 350), _digits(350, 537))
    robust = _network(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = learn_rho(
            _network(0),
            robust,
            Split(robust, data.test.inputs[:2], last=2),
            data,
            attack=FGSM(eps=0.125),
            recipe=Recipe(batch_size=50, lr=0.05),
            trials=1,
            epochs=2,
            measure={"n_permutations": 3, "n_halves": 4, "cross_check": None},
        )
    trial = result.trials[0]
    values: Values = {
        "acc_star": float(result.acc_star.correct),
        "acc_sr": float(result.acc_sr.correct),
        "attacked": float(trial.test.correct),
        "clean": float(trial.clean.correct),
    }
    for epoch in trial.epochs:
        values[f"epoch {epoch.epoch} | loss"] = epoch.loss
    return values | _profile(trial.profile)


GROUPS: Mapping[str, Callable[[], Values]] = {
    "connectivity": _connectivity(),
    "connectivity attacked": _connectivity(attack=FGSM(eps=0.125), released=False),
    "connectivity EDGE": _connectivity(estimator=EDGE(), point="pre", released=False),
    "connectivity KSG": _connectivity(
        estimator=Reduced(KSG(k=3), PCA(2)), cross_check=None, max_per_class=60
    ),
    "algorithm 1": _algorithm1,
}
