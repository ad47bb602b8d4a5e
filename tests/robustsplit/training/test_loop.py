"""The training loop: derived seeds, bitwise resume, given parameters only, divergence."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from robustsplit.attacks import PGD
from robustsplit.data import ImageData
from robustsplit.training import (
    DivergedError,
    MemoryStore,
    Recipe,
    accuracy,
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


def bits(model: nn.Module) -> list[bytes]:
    return [tensor.numpy().tobytes() for tensor in model.state_dict().values()]


class Stop(Exception):
    pass


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("attack", [None, ATTACK])
def test_resuming_after_any_epoch_gives_the_same_bits(data, optimizer, attack):
    recipe = Recipe(epochs=3, batch_size=16, lr=0.01, optimizer=optimizer)
    options = {"recipe": recipe, "attack": attack, "validation": data, "seed": 4}
    whole = network()
    logs = fit(whole, data, **options)
    for cut in (1, 2, 3):
        store = MemoryStore()

        def stop(log, cut=cut):
            if log.epoch == cut:
                raise Stop

        with pytest.raises(Stop):
            fit(network(), data, store=store, on_epoch=stop, **options)
        torch.manual_seed(cut)  # the global generator must not matter
        resumed = network(seed=9)
        assert fit(resumed, data, store=store, **options) == logs
        assert bits(resumed) == bits(whole)


def test_the_global_generators_are_left_alone(data):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    fit(network(), data, recipe=Recipe(epochs=1, batch_size=16), attack=ATTACK)
    assert torch.equal(before, torch.get_rng_state())


def test_seeds_and_keys_decide(data):
    recipe = Recipe(epochs=1, batch_size=16)
    nets = [network() for _ in range(4)]
    for net, (seed, key) in zip(nets, [(0, "a"), (0, "a"), (1, "a"), (0, "b")], strict=True):
        fit(net, data, recipe=recipe, seed=seed, key=key)
    first, same, seeded, keyed = map(bits, nets)
    assert first == same and first != seeded and first != keyed


def test_only_the_given_parameters_move_even_with_decay_and_momentum(data):
    net = network()
    before = {name: p.clone() for name, p in net.named_parameters()}
    recipe = Recipe(epochs=2, batch_size=16, lr=0.1, weight_decay=0.1)
    fit(net, data, recipe=recipe, parameters=net[4].parameters())
    for name, parameter in net.named_parameters():
        assert torch.equal(parameter, before[name]) != name.startswith("4."), name


def test_training_helps_and_adversarial_training_helps_under_attack(data):
    recipe = Recipe(epochs=15, batch_size=16, lr=0.05)
    regular, robust = network(), network()
    fit(regular, data, recipe=recipe)
    fit(robust, data, recipe=recipe, attack=ATTACK)
    assert accuracy(regular, data).percent > 90 > accuracy(network(), data).percent
    assert accuracy(robust, data, attack=ATTACK).percent >= (
        accuracy(regular, data, attack=ATTACK).percent - 5
    )


def test_divergence_is_an_error_that_keeps_finished_epochs(data):
    store = MemoryStore()
    recipe = Recipe(epochs=5, batch_size=16, lr=1e30, weight_decay=0.0)
    with pytest.raises(DivergedError, match="Lower the learning rate"):
        fit(network(), data, recipe=recipe, store=store)
    gentle = Recipe(epochs=1, batch_size=16)
    fit(network(), data, recipe=gentle, store=store, key="other")
    assert len(store.load("other/state")["record"]["epochs"]) == 1


def test_a_store_of_other_settings_is_refused(data):
    store = MemoryStore()
    fit(network(), data, recipe=Recipe(epochs=1), store=store)
    with pytest.raises(ValueError, match="other settings"):
        fit(network(), data, recipe=Recipe(epochs=2), store=store)


def test_wilson_interval_against_a_textbook_value():
    from robustsplit.results import AccuracyRecord

    low, high = AccuracyRecord(81, 263).interval  # Newcombe 1998, table I: 0.2553 to 0.3662
    assert (round(low, 2), round(high, 2)) == (25.53, 36.62)


def test_validation_labels_outside_the_logits_are_named_before_training(data):
    net, told = network(), []
    wide = ImageData(data.inputs, data.labels + 1)
    before = bits(net)
    with pytest.raises(ValueError, match="Got label 3, but the model has 3 classes"):
        fit(net, data, recipe=Recipe(epochs=1), validation=wide, on_epoch=told.append)
    assert bits(net) == before and not told


def test_loaders_and_double_precision(data):
    pairs = torch.utils.data.TensorDataset(data.inputs, data.labels)
    loader = torch.utils.data.DataLoader(pairs, batch_size=32)
    recipe = Recipe(epochs=1, batch_size=16)
    one, two = network(), network()
    assert fit(one, loader, recipe=recipe, attack=ATTACK) == fit(
        two, data, recipe=recipe, attack=ATTACK
    )
    assert bits(one) == bits(two)
    double = network().double()
    logs = fit(double, data, recipe=recipe, attack=ATTACK, validation=loader)
    assert np.isfinite(logs[0].loss) and logs[0].validation.n == 90
    assert perturbed(double, data, ATTACK).inputs.dtype == torch.float32


def test_one_class_is_refused():
    images = ImageData(torch.rand(6, 4), torch.ones(6, dtype=torch.long), ("a", "b"), "one class")
    with pytest.raises(ValueError, match=r"two classes or more, and all 6 .* label 'b'"):
        fit(nn.Linear(4, 2), images, recipe=Recipe(epochs=1))
