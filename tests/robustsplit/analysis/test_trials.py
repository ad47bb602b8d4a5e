"""What Algorithm 1 keeps: found again, refused when it is another run's, read across versions."""

import json

import pytest
from torch import nn

from robustsplit.analysis import learn_rho
from robustsplit.analysis.trials import TrialStore
from robustsplit.network import Split
from robustsplit.results import AccuracyRecord
from robustsplit.training import MemoryStore
from tests.robustsplit.blobs import ATTACK, ESTIMATOR, RECIPE


def run(nets, blobs, store, **measure):
    regular, robust = nets
    how = {"released": False, "n_permutations": 5, "n_halves": 2, "cross_check": None, **measure}
    return learn_rho(
        regular, robust, Split(robust, blobs.test.inputs[:2], at="3"), blobs, attack=ATTACK,
        estimator=ESTIMATOR, recipe=RECIPE, trials=1, epochs=1, tolerance=0.0, measure=how,
        store=store,
    )  # fmt: skip


def rewritten(store, change):
    """Return a store with the same tensors and changed settings in every record."""
    other = MemoryStore()
    for key, (tensors, text) in store.kept.items():
        record = json.loads(text)
        change(record["settings"])
        other.save(key, tensors, record)
    return other


def test_a_store_whose_records_name_fewer_settings_is_resumed(nets, blobs):
    """Earlier versions wrote down only the settings that they were given."""
    store = MemoryStore()
    first = run(nets, blobs, store)
    given = {"released", "n_permutations", "n_halves", "cross_check", "estimator"}

    def fewer(settings):
        settings["measure"] = {k: v for k, v in settings["measure"].items() if k in given}

    again = run(nets, blobs, rewritten(store, fewer))
    assert repr(again.trials) == repr(first.trials)


@pytest.mark.parametrize("changed", [{"point": "pre"}, {"n_halves": 3}, {"memory": 5}])
def test_a_store_of_another_measurement_is_refused(nets, blobs, changed):
    store = MemoryStore()
    run(nets, blobs, store)
    with pytest.raises(ValueError, match="with another measure"):
        run(nets, blobs, store, **changed)


def test_accuracies_come_back_as_they_were():
    kept = TrialStore(MemoryStore(), "cut1", {"seed": 0})
    assert kept.baseline() is None and kept.trial(0) is None
    found = {"clean": {"robust": AccuracyRecord(3, 5, "clean", {"a": (3, 5)})}}
    assert kept.save_baseline(found) is found
    assert kept.baseline() == found
    with pytest.raises(ValueError, match="another seed"):
        TrialStore(kept.store, "cut1", {"seed": 1}).baseline()
    assert TrialStore(kept.store, "cut2", {"seed": 1}).baseline() is None


def test_settings_tell_networks_apart_by_their_weights(nets, blobs):
    store = MemoryStore()
    result = run(nets, blobs, store)
    regular, robust = result.settings["regular"], result.settings["robust"]
    assert len(regular) == len(robust) == 16 and regular != robust
    wrapped = run([nn.DataParallel(net) for net in nets], blobs, MemoryStore())
    assert wrapped.settings["regular"] == regular
