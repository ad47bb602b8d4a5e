"""Accuracy, perturbed data, derived seeds, and the check of the logits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from robustsplit.attacks import PGD
from robustsplit.data import ImageData
from robustsplit.training import (
    Recipe,
    accuracy,
    derive_seed,
    fit,
    perturbed,
)

ATTACK = PGD(eps=0.1, step_size=0.05, steps=2)


def network(seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 3)
        )


@pytest.fixture(scope="module")
def data() -> ImageData:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(90) % 3
    inputs = 0.2 * torch.rand(90, 4, generator=generator) + 0.3 * labels[:, None] / 2 + 0.2
    return ImageData(inputs, labels, ("a", "b", "c"), "steps")


def test_derived_seeds_are_distinct_and_stable():
    seeds = {
        derive_seed(0, stage, trial, epoch, batch)
        for stage in ("x", "y")
        for trial in range(3)
        for epoch in range(3)
        for batch in range(3)
    }
    assert len(seeds) == 54 and all(0 <= seed < 2**63 for seed in seeds)
    words = np.random.SeedSequence([7, 0x8CDC1683, 1, 2, 3]).generate_state(1, np.uint64)
    assert derive_seed(7, "x", 1, 2, 3) == int(words[0] >> np.uint64(1))  # CRC-32 of b"x"


def test_accuracy_counts_by_class_and_leaves_the_model(data):
    net = network()
    net[1].eval()  # a mixed state must survive
    modes = [module.training for module in net.modules()]
    scored = accuracy(net, data, attack=ATTACK, batch_size=7)
    assert [module.training for module in net.modules()] == modes
    assert scored.n == 90 and sum(hits for hits, _ in scored.by_class.values()) == scored.correct
    assert [count for _, count in scored.by_class.values()] == [30, 30, 30]
    low, high = scored.interval
    assert low < scored.percent < high
    stored = perturbed(net, data, ATTACK, batch_size=7)
    assert accuracy(net, stored).correct == scored.correct
    assert accuracy(net, data).attack == "clean" and scored.attack.startswith("PGD")


def test_labels_beyond_the_logits_are_named(data):
    wide = ImageData(data.inputs, data.labels + 1)
    for call in (
        lambda: accuracy(network(), wide),
        lambda: fit(network(), wide, recipe=Recipe(epochs=1)),
    ):
        with pytest.raises(ValueError, match="Got label 3, but the model has 3 classes"):
            call()


class Answering(nn.Module):
    """A net that gives its logits in some other way."""

    def __init__(self, answer) -> None:
        super().__init__()
        self.net, self.answer = nn.Linear(4, 3), answer

    def forward(self, inputs):
        return self.answer(self.net(inputs))


@pytest.mark.parametrize("answer", [lambda z: (z, z), lambda z: {"out": z}])
def test_tuples_and_dicts_are_refused_before_training(data, answer):
    with pytest.raises(TypeError, match="SelectOutput"):
        fit(Answering(answer), data, recipe=Recipe(epochs=1))


def test_rounding_beyond_the_bounds_is_taken_back(data):
    def careless(model, inputs, labels):
        return torch.ones_like(inputs) + 1e-7

    found = perturbed(network(), data, careless)
    assert float(found.inputs.max()) == 1.0


def test_which_inputs_were_right_is_kept_in_their_order(data):
    net = network()
    scored = accuracy(net, data, batch_size=7)
    with torch.no_grad():
        right = net.eval()(data.inputs).argmax(1) == data.labels
    np.testing.assert_array_equal(scored.answers, right.numpy())
    other = accuracy(network(1), data, batch_size=90)
    assert scored.minus(other).points == pytest.approx(scored.percent - other.percent)
    turned = ImageData(data.inputs, data.labels.roll(1))
    with pytest.raises(ValueError, match="other labels"):
        scored.minus(accuracy(net, turned))
