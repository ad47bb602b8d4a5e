"""Connectivity on designed layers with known dependence, and on layers that carry none."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mitools import CCA, KSG, PCA, Reduced, Verdict
from robustsplit.analysis import connectivity
from robustsplit.attacks import FGSM
from robustsplit.data import ImageData
from robustsplit.zoo import small_cnn
from tests.robustsplit.analysis.designed import QUICK, profile


def test_xor_is_dependent_given_the_label_only():
    rng = np.random.default_rng(0)
    g, h = rng.normal(size=(2, 3000, 1))
    labels = (g * h > 0).astype(int)[:, 0]
    row = profile(g, h, labels)
    assert row.rho == pytest.approx(np.log(2), abs=0.08)  # marginally independent
    assert row.p_value <= 1 / 31 and row.verdict != Verdict.INDEPENDENT


def test_a_class_shift_is_no_dependence_given_the_label():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 2000)
    g, h = rng.normal(size=(2, 2000, 1)) + 4 * labels[:, None]  # marginally I = 0.68 nats
    row = profile(g, h, labels)
    assert abs(row.rho) < 0.06 and row.verdict == Verdict.INDEPENDENT


def test_parts_are_weighted_by_label_frequencies():
    rng = np.random.default_rng(2)
    labels = (np.arange(3000) % 4 == 0).astype(int)
    r = np.where(labels == 1, 0.9, 0.0)[:, None]
    g = rng.normal(size=(3000, 1))
    h = r * g + np.sqrt(1 - r**2) * rng.normal(size=(3000, 1))
    row = profile(g, h, labels)
    assert row.parts["yes"] == pytest.approx(0.8304, abs=0.12)
    assert abs(row.parts["no"]) < 0.06
    assert row.rho == pytest.approx(0.75 * row.parts["no"] + 0.25 * row.parts["yes"], abs=1e-12)


def test_a_one_hot_layer_has_rho_zero():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, 200)
    row = profile(rng.normal(size=(200, 3)), np.eye(2)[labels], labels)
    assert (
        row.rho == 0.0
        and row.verdict == Verdict.INDEPENDENT
        and row.parts == {"no": 0.0, "yes": 0.0}
    )
    assert "constant within every class" in row.reasons[0]


def test_a_layer_dead_in_one_class_still_gets_a_number():
    rng = np.random.default_rng(4)
    labels = np.arange(400) % 2
    g = rng.normal(size=(400, 1)) * (labels[:, None] == 1)
    row = profile(g, g + 0.3 * rng.normal(size=(400, 1)), labels)
    assert np.isfinite(row.rho) and row.parts["yes"] > 0.5 and abs(row.parts["no"]) < 0.2


def images(n: int = 400, classes: int = 4) -> ImageData:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.rand(n, 1, 8, 8, generator=generator)
    return ImageData(inputs, torch.arange(n) % classes)


def test_every_pair_of_an_untrained_network_with_nulls_at_zero():
    model = small_cnn(classes=4, width=4)
    before = [t.clone() for t in model.state_dict().values()]
    found = connectivity(model, images(), **{**QUICK, "released": True})
    names = ["conv1", "conv2", "conv3", "conv4", "conv5", "fc1", "fc2"]
    assert [(p.parent, p.child) for p in found.pairs] == list(pairwise(names))
    assert [p.offset for p in found.pairs] == [5, 4, 3, 2, 1, 0]
    assert found["conv2"].parent_dim == 4 * 64 and found["fc2"].child_dim == 4
    assert all(abs(p.null_mean) < 0.1 < p.rho < p.ceiling for p in found.pairs)
    # the published call hardly tells the pairs from shuffled ones
    assert all(abs(p.released - p.released_null) < 0.5 * p.released for p in found.pairs[:-1])
    assert all(torch.equal(a, b) for a, b in zip(before, model.state_dict().values(), strict=True))
    again = connectivity(model, images(), **{**QUICK, "released": True})
    assert repr(found) == repr(again)  # NaN equals NaN in text


def test_shuffled_activations_are_not_distinguishable_from_independence():
    class Shuffling(nn.Module):
        """Breaks the pairing of rows between the two layers, within labels (all one batch)."""

        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Linear(16, 8), nn.Linear(8, 6)

        def forward(self, inputs: Tensor) -> Tensor:
            hidden = self.one(inputs).view(-1, 2, 8)  # labels alternate
            order = torch.randperm(len(hidden), generator=torch.Generator().manual_seed(1))
            return self.two(hidden[order].reshape(-1, 8).roll(0, 0))

    inputs = torch.rand(400, 16, generator=torch.Generator().manual_seed(2))
    data = ImageData(inputs, torch.arange(400) % 2)
    row = connectivity(Shuffling(), data, point="pre", batch_size=400, **QUICK).pairs[0]
    assert row.verdict == Verdict.INDEPENDENT and abs(row.rho) < 0.15


def test_inputs_are_perturbed_before_capture():
    model, data = small_cnn(classes=4, width=4, seed=1), images(120)
    attack = FGSM(eps=0.2)
    clean = connectivity(model, data, ["fc1", "fc2"], **QUICK)
    attacked = connectivity(model, data, ["fc1", "fc2"], attack=attack, **QUICK)
    by_hand = ImageData(attack.perturb(model, data.inputs, data.labels), data.labels)
    expected = connectivity(model, by_hand, ["fc1", "fc2"], **QUICK)
    assert attacked.pairs == pytest.approx(expected.pairs) or [
        p.rho for p in attacked.pairs
    ] == pytest.approx([p.rho for p in expected.pairs], abs=1e-6)
    assert clean.pairs[0].rho != attacked.pairs[0].rho
    assert (clean.settings["inputs"], attacked.settings["inputs"]) == ("clean", "adversarial")


def test_the_interval_is_that_of_the_estimate():
    """One layer is a function of the other: an interval of I would have no upper end."""
    rng = np.random.default_rng(0)
    parent, labels = rng.normal(size=(600, 2)), rng.integers(2, size=600)
    found = profile(parent, np.tanh(parent @ [[2.0, 1.0], [-1.0, 1.0]]), labels, n_halves=20)
    low, high = found.interval
    assert found.rho - low == pytest.approx(high - found.rho)
    assert 0 < high - low < 0.5 and high < found.ceiling


def test_canonical_directions_see_both_layers_within_each_class():
    rng = np.random.default_rng(0)
    signal, labels = rng.normal(size=(400, 1)), rng.integers(2, size=400)
    parent, child = (np.c_[rng.normal(size=(400, 5)), signal] for _ in range(2))
    found = profile(parent, child, labels, estimator=Reduced(KSG(), CCA(1)))
    alone = profile(parent, child, labels, estimator=Reduced(KSG(), PCA(1)))
    assert found.rho > 1 > 0.2 > alone.rho


def test_loaders_double_precision_and_mixed_modes():
    model, data = small_cnn(classes=4, width=4).double(), images(80)
    model.conv1.eval()
    modes = [module.training for module in model.modules()]
    pairs = torch.utils.data.TensorDataset(data.inputs, data.labels)
    loader = torch.utils.data.DataLoader(pairs, batch_size=32)
    threads = torch.get_num_threads()
    found = connectivity(model, loader, ["fc1", "fc2"], attack=FGSM(eps=0.1), **QUICK)
    same = connectivity(model, data, ["fc1", "fc2"], attack=FGSM(eps=0.1), **QUICK)
    assert found.pairs[0].rho == same.pairs[0].rho
    assert [module.training for module in model.modules()] == modes
    assert torch.get_num_threads() == threads  # numba's pool must not reset torch's


def test_labels_outside_the_logits_are_named_before_the_attack():
    with pytest.raises(ValueError, match="Got label 3, but the model has 2 classes"):
        connectivity(small_cnn(classes=2, width=4), images(80), attack=FGSM(eps=0.1), **QUICK)


def test_projections_on_shortcuts_are_measured_where_asked_and_named_where_not():
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.one, self.two = nn.Linear(4, 5), nn.Linear(5, 5), nn.Linear(5, 5)
            self.project, self.head = nn.Linear(5, 5), nn.Linear(5, 2)

        def forward(self, x):
            x = torch.relu(self.stem(x.flatten(1)))
            return self.head(self.two(torch.relu(self.one(x))) + self.project(x))

    torch.manual_seed(0)
    model, data = Residual(), (torch.rand(60, 4, 1, 1), np.arange(60) % 2)
    without = connectivity(model, data, **QUICK)
    with_them = connectivity(model, data, shortcuts="include", **QUICK)
    assert [pair.child for pair in without.pairs] == ["one", "two", "head"]
    assert [pair.child for pair in with_them.pairs] == ["one", "two", "project", "head"]
    assert [pair.connected for pair in with_them.pairs] == [True, True, False, True]
    assert without.settings["left_out"] == ["project"]
    assert with_them.settings["left_out"] == []
    assert (without.settings["shortcuts"], with_them.settings["shortcuts"]) == (
        "exclude",
        "include",
    )
    some = connectivity(model, data, ["one", "two"], **QUICK)
    assert [pair.offset for pair in some.pairs] == [1]
    some = connectivity(model, data, ["one", "two"], shortcuts="include", **QUICK)
    assert [pair.offset for pair in some.pairs] == [2]  # the projection runs after it


def test_weights_that_are_no_layers_are_named_in_the_notes():
    class Bare(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(4, 5), nn.Linear(3, 2)
            self.matrix = nn.Parameter(torch.randn(5, 3))

        def forward(self, x):
            return self.b(torch.tanh(self.a(x.flatten(1)) @ self.matrix))

    torch.manual_seed(0)
    found = connectivity(Bare(), (torch.rand(40, 4), np.arange(40) % 2), **QUICK)
    assert any("multiplies by 1 weight(s)" in note for note in found.settings["notes"])
