"""The two protocols: attacked afresh, or scored on examples made once on the robust network."""

from dataclasses import replace

import pytest
import torch

from robustsplit.analysis.threat import Threat
from robustsplit.attacks import FGSM
from robustsplit.measurement import Measurement
from robustsplit.network import Split
from robustsplit.training import accuracy
from tests.robustsplit.blobs import ATTACK, ESTIMATOR, QUICK, network


@pytest.fixture
def threat(blobs):
    return Threat(
        data=blobs, attack=ATTACK, train_attack=FGSM(0.1), inputs="adversarial",
        protocol="adaptive", measurement=Measurement.of(QUICK, estimator=ESTIMATOR), seed=0,
        stage="test",
    )  # fmt: skip


def test_adaptive_attacks_the_network_at_hand(threat, blobs, nets):
    threat = threat.against(nets[1])
    assert threat.stored is None and threat.train is blobs.train
    assert threat.on_the_fly == FGSM(0.1) and threat.label == ATTACK.label
    for net in nets:
        found = threat.accuracy(net, "validation")
        assert found.correct <= accuracy(net, blobs.validation).correct
        assert found == threat.accuracy(net, "validation")  # the same seeds
    assert found.attack == ATTACK.label


def test_static_examples_are_those_of_the_robust_network(threat, blobs, nets):
    static = replace(threat, protocol="static").against(nets[1])
    assert static.on_the_fly is None and static.label == f"stored examples of {ATTACK.label}"
    moved = static.stored.test.inputs - blobs.test.inputs
    assert 0 < moved.abs().max() <= ATTACK.eps + 1e-6
    assert torch.equal(static.train.labels, blobs.train.labels)
    other = network(5)
    expected = replace(accuracy(other, static.stored.test), attack=static.label)
    assert static.accuracy(other, "test") == expected


def test_the_baseline_turns_the_robust_network_into_the_semirobust_one(threat, nets, blobs):
    regular, robust = nets[0], network(3)
    robust.load_state_dict(nets[1].state_dict())
    cut = Split(robust, blobs.test.inputs[:2], at="3")
    found = threat.against(robust).baseline(regular, robust, cut)
    assert torch.equal(robust[0].weight, nets[1][0].weight)
    assert torch.equal(robust[3].weight, regular[3].weight)
    assert set(found["attacked"]) == set(found["clean"]) == {"regular", "robust", "semirobust"}
    assert found["clean"]["semirobust"] == accuracy(robust, blobs.test)
    assert found["clean"]["robust"] == accuracy(nets[1], blobs.test)


@pytest.mark.parametrize(("inputs", "label"), [("adversarial", ATTACK.label), ("clean", "clean")])
def test_connectivity_is_measured_on_the_inputs_asked_for(threat, nets, blobs, inputs, label):
    events = []
    cut = Split(nets[1], blobs.test.inputs[:2], at="3")
    threat = replace(threat, inputs=inputs).against(nets[1])
    attacked, clean, profile = threat.measured(nets[1], cut, 2, progress=events.append)
    assert profile.settings["attack"] == label and profile.settings["protocol"] == "adaptive"
    assert [(p.parent, p.child) for p in profile.pairs] == [("0", "3"), ("3", "6")]
    assert [event["trial"] for event in events] == [3, 3]
    assert attacked.attack == ATTACK.label and clean == accuracy(nets[1], blobs.test)
