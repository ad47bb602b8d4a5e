"""Does a loaded network see the inputs it was trained on? Asked before anything is measured.

A network that was trained on normalised images runs on others without an error, and every number
about it is then wrong. Its accuracy tells: it is near chance, or a usual normalisation raises it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from scipy.stats import binomtest
from torch import Tensor, nn

from robustsplit.attacks.logits import LogitModel
from robustsplit.data import ImageData, as_image_data
from robustsplit.network.models import eval_mode
from robustsplit.normalization import NORMALIZATIONS, NormalizedModel
from robustsplit.training.evaluation import place

__all__ = ["preprocessing_doubt"]

#: So many images are enough to see a difference that matters; each is seen some five times.
IMAGES = 200
#: Normalisations that are tried; those of single data sets are near one of these.
USUAL = ("imagenet", "half", "bytes")
#: A difference is worth saying if it is so large and so improbable by chance.
GAIN, P_VALUE = 0.03, 0.01
#: Few images do not prove an accuracy; one that is so far above chance is not called poor.
NEAR = 0.1


def preprocessing_doubt(model: nn.Module, data: Any, *, trained: bool = True) -> str:
    """Say whether a network's accuracy shows that its inputs are not those of its training.

    The network is scored as it is, and with usual normalisations in front (those of ImageNet, of
    [-1, 1] and of bytes, and mean and deviation of the images given), on the same images. A
    normalisation is named when it gets at least three percentage points more right and an exact
    McNemar test, corrected for the number of normalisations tried, has p <= 0.01.

    Args:
        model: The network, perhaps a `NormalizedModel`; left as found.
        data: What it will be measured on; 200 random images of it are enough.
        trained: Whether weights were loaded. If not, a poor accuracy is no surprise, and only a
            normalisation under which the network is good is named.

    Returns:
        A sentence or two for the reader, or "" when nothing is amiss.
    """
    data = as_image_data(data)
    some = data.take(np.sort(np.random.default_rng(0).permutation(len(data))[:IMAGES]))
    share = max(some.counts.values()) / len(some)
    chance = max(share, 1 / data.n_classes)
    plain = _right(model, some)
    rate = float(plain.double().mean())
    if rate < 1 - GAIN:
        tried = [(words, _right(other, some)) for words, other in _others(model, some)]
        words, best = max(tried, key=lambda pair: int(pair[1].sum()))
        better = float(best.double().mean())
        gained, lost = int((best & ~plain).sum()), int((plain & ~best).sum())
        certain = (
            gained > lost
            and len(tried) * binomtest(gained, gained + lost, 0.5, "greater").pvalue <= P_VALUE
            and not _by_chance(best, chance)
        )
        if certain and better - rate >= GAIN and (trained or better > (1 + chance) / 2):
            now = " with the normalisation given" if isinstance(model, NormalizedModel) else ""
            return (
                f"The network gets {rate:.1%} of {len(some)} images right{now}, and {better:.1%} "
                f"{words}. It probably sees other inputs than in its training, and then every "
                "number here is wrong: find out which mean and standard deviation its training "
                "used, give them (--mean and --std, or NormalizedModel), and measure again."
            )
    if trained and chance < 1 and rate < chance + NEAR and _by_chance(plain, chance):
        return (
            f"The network gets {rate:.1%} of {len(some)} images right, no better than chance "
            f"({chance:.1%}), although weights were loaded. Before anything else: were its images "
            "normalised in training (give --mean and --std, or NormalizedModel), are its classes "
            "in the order of these labels, and are the weights this network's?"
        )
    return ""


def _by_chance(right: Tensor, chance: float) -> bool:
    """Whether so many right answers are not certainly more than chance gives."""
    hits = int(right.sum())
    return bool(binomtest(hits, len(right), chance, "greater").pvalue > P_VALUE)


def _others(model: nn.Module, data: ImageData) -> Iterator[tuple[str, nn.Module]]:
    """Yield the network with other normalisations in front, each with words for it."""
    network = model
    if isinstance(model, NormalizedModel):
        network = model.unnormalized
        yield "without it", network
    image = data.inputs.ndim > 3
    n_channels = data.inputs.shape[1] if image else 1
    for name in USUAL:
        if len(NORMALIZATIONS[name][0]) in (1, n_channels):
            yield f"with --mean {name} in front", NormalizedModel(network, name)
    values = data.inputs.transpose(0, 1).flatten(1) if image else data.inputs.flatten()[None]
    means, stds = values.mean(1).tolist(), values.std(1).clamp(1e-3, 1).tolist()
    shown = [",".join(f"{number:.4g}" for number in numbers) for numbers in (means, stds)]
    yield (
        f"with the mean and deviation of these images in front (--mean {shown[0]} --std "
        f"{shown[1]})",
        NormalizedModel(network, means, stds),
    )


def _right(model: nn.Module, data: ImageData) -> Tensor:
    """Return which images the model classifies rightly, in eval mode."""
    device, dtype = place(model)
    logits = LogitModel(model, (0, int(data.labels.max())))
    with eval_mode(model), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # said where the network is scored
        answers = [logits(x.to(device, dtype)).argmax(dim=1).cpu() for x, _ in data.batches(256)]
    return torch.cat(answers) == data.labels
