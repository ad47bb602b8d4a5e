"""Algorithm 1 end to end on a two-layer net: frozen f_a, resets, stop rule, resume, protocols."""

from __future__ import annotations

import copy
import json
from dataclasses import asdict

import pytest
import torch
from torch import nn

from robustsplit.analysis import learn_rho
from robustsplit.attacks import FGSM, PGD
from robustsplit.data import DataSplits, ImageData
from robustsplit.network import Split
from robustsplit.training import MemoryStore, Recipe
from tests.robustsplit.blobs import ATTACK, ESTIMATOR, QUICK, RECIPE, network


def learn(nets, blobs, **changes):
    regular, robust = nets
    arguments = {
        "attack": ATTACK,
        "estimator": ESTIMATOR,
        "recipe": RECIPE,
        "trials": 2,
        "epochs": 3,
        "tolerance": 0.0,
        "measure": QUICK,
    }
    split = Split(robust, blobs.test.inputs[:2], at="3")
    data = changes.pop("data", blobs)
    return learn_rho(regular, robust, split, data, **{**arguments, **changes})


def state(model: nn.Module) -> dict[str, bytes]:
    return {name: t.numpy().tobytes() for name, t in model.state_dict().items()}


def text(result) -> str:
    """Everything in a result; NaN equals NaN, and lists that came through JSON equal tuples."""
    return json.dumps(asdict(result))


def test_measures_every_pair_of_f_b_and_leaves_the_networks_alone(nets, blobs):
    before = [state(net) for net in nets]
    modes = [[module.training for module in net.modules()] for net in nets]
    result = learn(nets, blobs)
    assert [state(net) for net in nets] == before
    assert [[module.training for module in net.modules()] for net in nets] == modes
    assert (result.f_a, result.f_b) == (("0",), ("3", "6"))
    assert [(p.parent, p.child, p.offset) for p in result.trials[0].profile.pairs] == [
        ("0", "3", 1),
        ("3", "6", 0),
    ]
    assert len(result.trials) == 2 and all(1 <= len(t.epochs) <= 3 for t in result.trials)
    assert set(result.clean) == set(result.attacked) == {"regular", "robust", "semirobust"}
    assert result.acc_star == result.attacked["robust"] and result.acc_star.n == 60
    assert result.trials[0].profile.settings["inputs"] == "adversarial"


def test_f_a_keeps_its_fingerprint_and_f_b_moves(nets, blobs):
    store = MemoryStore()
    result = learn(nets, blobs, store=store)
    prints = {epoch.fingerprint for trial in result.trials for epoch in trial.epochs}
    with Split(nets[1], blobs.test.inputs[:2], at="3").frozen() as f_a:
        assert prints == {f_a.fingerprint}
    trained = store.load("algorithm1/trial0/result")["tensors"]
    assert set(trained) == {"3.weight", "3.bias", "6.weight", "6.bias"}  # nothing of f_a
    assert not torch.equal(trained["3.weight"], nets[0].state_dict()["3.weight"])


def test_every_trial_starts_from_the_regular_f_b(nets, blobs, monkeypatch):
    from robustsplit.analysis import algorithm1

    starts = []
    original = algorithm1.train_epoch

    def spy(model, *args, **options):
        if options["epoch"] == 1:
            starts.append({name: t.clone() for name, t in model.state_dict().items()})
        return original(model, *args, **options)

    monkeypatch.setattr(algorithm1, "train_epoch", spy)
    learn(nets, blobs, trials=3)
    regular, robust = (net.state_dict() for net in nets)
    assert len(starts) == 3
    for start in starts:
        for name, value in start.items():
            source = regular if name.startswith(("3.", "6.")) else robust
            assert torch.equal(value, source[name]), name


def test_trials_differ_and_seeds_decide(nets, blobs):
    one, same, other = learn(nets, blobs), learn(nets, blobs), learn(nets, blobs, seed=1)
    assert text(one) == text(same)
    losses = [[epoch.loss for epoch in trial.epochs] for trial in one.trials]
    assert losses[0] != losses[1]
    assert other.trials[0].epochs[0].loss != one.trials[0].epochs[0].loss


def test_stops_at_the_first_epoch_within_the_tolerance(nets, blobs):
    result = learn(nets, blobs, tolerance=100.0)
    assert [len(trial.epochs) for trial in result.trials] == [1, 1]  # never zero epochs
    assert all(trial.converged for trial in result.trials)
    for trial in learn(nets, blobs, tolerance=0.0, epochs=4).trials:
        goal = result.acc_star_validation.percent
        met = [epoch.validation.percent >= goal for epoch in trial.epochs]
        assert trial.converged == met[-1] and not any(met[:-1])


def test_without_convergence_rho_is_undefined_and_the_best_epoch_is_kept(blobs, nets):
    hopeless = Recipe(batch_size=32, lr=0.0, schedule="constant")  # f_b cannot move
    robust = copy.deepcopy(nets[1])
    regular = network(seed=5)  # untrained: (f_a*, f_b) is near chance
    result = learn((regular, robust), blobs, recipe=hopeless, epochs=2)
    assert result.n_converged == 0 and result.rho().isna().all()
    assert result.rho("max").notna().all()
    assert any("No trial came within" in text for text in result.warnings)
    assert all(len(trial.epochs) == 2 for trial in result.trials)


class Killed(Exception):
    pass


class Mortal(MemoryStore):
    """Dies just before or just after the save of a chosen number."""

    def __init__(self, at: int, before: bool) -> None:
        super().__init__()
        self.at, self.before, self.saves = at, before, 0

    def save(self, key, tensors, record):
        self.saves += 1
        if self.saves == self.at and self.before:
            raise Killed
        super().save(key, tensors, record)
        if self.saves == self.at:
            raise Killed


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_run_cut_at_any_save_ends_like_an_undisturbed_one(nets, blobs, optimizer):
    options = {"recipe": Recipe(batch_size=32, lr=0.02, optimizer=optimizer), "epochs": 2}
    whole = MemoryStore()
    expected = learn(nets, blobs, store=whole, **options)
    counter = Mortal(at=10**9, before=True)
    learn(nets, blobs, store=counter, **options)
    assert counter.saves >= 7
    for at in range(1, counter.saves + 1):
        store = Mortal(at, before=bool(at % 2))
        with pytest.raises(Killed):
            learn(nets, blobs, store=store, **options)
        resumed = learn(nets, blobs, store=store, **options)
        assert text(resumed) == text(expected)
        for key, (tensors, record) in whole.kept.items():
            others, other_record = store.kept[key]
            assert record == other_record
            assert all(torch.equal(tensors[name], others[name]) for name in tensors), key


def test_finished_work_is_loaded_not_redone(nets, blobs, monkeypatch):
    from robustsplit.analysis import algorithm1, threat

    store = MemoryStore()
    first = learn(nets, blobs, store=store)

    def forbidden(*args, **options):
        raise AssertionError("done again")

    monkeypatch.setattr(algorithm1, "train_epoch", forbidden)
    monkeypatch.setattr(threat, "connectivity", forbidden)
    again = learn(nets, blobs, store=store)
    assert text(again) == text(first)


def test_a_store_of_another_run_is_refused(nets, blobs):
    store = MemoryStore()
    learn(nets, blobs, store=store, trials=1)
    with pytest.raises(ValueError, match="another tolerance"):
        learn(nets, blobs, store=store, trials=1, tolerance=1.0)
    with pytest.raises(ValueError, match="another regular"):
        learn((network(9), nets[1]), blobs, store=store, trials=1)


def test_static_examples_are_crafted_once_and_labelled(nets, blobs, monkeypatch):
    calls = []
    original = PGD._perturb

    def counted(self, model, inputs, labels, generator):
        calls.append(len(inputs))
        return original(self, model, inputs, labels, generator)

    monkeypatch.setattr(PGD, "_perturb", counted)
    static = learn(nets, blobs, protocol="static")
    assert sum(calls) == 128 + 60 + 60  # each part once, for all networks, epochs and trials
    assert static.acc_star.attack.startswith("stored examples of PGD")
    (trial, _) = static.trials
    for label in (trial.test.attack, trial.epochs[0].validation.attack):
        assert label.startswith("stored examples of PGD")
    assert trial.profile.settings["attack"].startswith("stored examples of PGD")
    assert trial.profile.settings["protocol"] == static.settings["protocol"] == "static"
    assert any("not robust accuracies" in text for text in static.warnings)
    calls.clear()
    adaptive = learn(nets, blobs)
    assert sum(calls) > 128 + 60 + 60
    assert adaptive.acc_star.attack.startswith("PGD")


def test_training_may_use_another_attack_and_clean_inputs_be_measured(nets, blobs):
    result = learn(nets, blobs, train_attack=FGSM(eps=0.1), inputs="clean", trials=1)
    assert result.settings["train_attack"]["name"] == "fgsm"
    assert result.trials[0].profile.settings["inputs"] == "clean"


def test_progress_is_told_of_every_epoch(nets, blobs):
    events = []
    result = learn(nets, blobs, progress=events.append)
    epochs = [event for event in events if event["event"] == "epoch"]
    assert len(epochs) == sum(len(trial.epochs) for trial in result.trials)
    assert [event["trial"] for event in events if event["event"] == "trial"] == [1, 2]


def test_data_and_networks_are_checked_before_anything_runs(nets, blobs, monkeypatch):
    monkeypatch.setattr(PGD, "_perturb", None)  # nothing may be attacked
    with pytest.raises(TypeError, match="DataSplits"):
        learn(nets, blobs, data=(blobs.test.inputs, blobs.test.labels))
    names = ("low", "high", "higher")
    wide = [
        ImageData(part.inputs, part.labels + 1, names)
        for part in (blobs.train, blobs.validation, blobs.test)
    ]
    with pytest.raises(ValueError, match="Got label 2, but the model has 2 classes"):
        learn(nets, blobs, data=DataSplits(*wide))


def test_networks_handed_over_frozen_are_trained_in_f_b(nets, blobs):
    held = tuple(copy.deepcopy(net).requires_grad_(False) for net in nets)
    assert text(learn(held, blobs)) == text(learn(nets, blobs))
    assert not any(p.requires_grad for net in held for p in net.parameters())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trials": 0}, "at least 1"),
        ({"tolerance": -1.0}, "percentage points"),
        ({"protocol": "statik"}, "Did you mean 'static'"),
        ({"inputs": "dirty"}, "No kind of inputs"),
    ],
)
def test_bad_settings_say_what_to_do(nets, blobs, changes, message):
    with pytest.raises(ValueError, match=message):
        learn(nets, blobs, **changes)
