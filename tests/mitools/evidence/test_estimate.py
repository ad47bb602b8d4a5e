"""The records of an estimate: how they show themselves, pool labels and take plain tuples."""

import numpy as np
import pytest

from mitools import KSG, Estimate, Geometric, mutual_information
from mitools.distributions import Gaussian
from mitools.evidence.estimate import PER_SYMBOL, Found, amount, in_unit

X, Y = Gaussian((0.8,)).sample(60, seed=1)
KSG3 = KSG(k=3)


def test_an_estimate_shows_itself_shortly():
    estimate = mutual_information(X, Y, estimator=KSG3)
    assert repr(estimate) == f"Estimate({estimate.value:.3f} nats, n=60, KSG(k=3))"
    assert float(estimate) == estimate.value
    assert estimate.bits == pytest.approx(estimate.value / np.log(2), abs=1e-15)
    assert "nats" in estimate.summary()
    assert "ceiling" in estimate.summary()


def test_an_estimate_at_its_ceiling_says_so():
    estimate = mutual_information(X, X, estimator=KSG3)
    assert estimate.saturated
    assert "near its ceiling" in repr(estimate)


def test_an_infinite_ceiling_survives_json():
    import json

    estimate = Estimate(1.0, 10, float("inf"), KSG3)
    assert json.loads(json.dumps(estimate.to_dict(), allow_nan=False))["ceiling_nats"] is None
    assert not estimate.saturated


def test_plain_tuples_are_taken_apart():
    found = Found.of((np.float32(0.5), {"ceiling": 2, "rows": 7.0}))
    assert found == Found(0.5, 2.0, np.inf, {"rows": 7.0})
    assert Found.of(found) is found
    stats = {"entropy": 1.0}
    assert Found.of((0.1, stats)).entropy == 1.0
    assert stats == {"entropy": 1.0}, "what was given is left alone"


@pytest.mark.parametrize("wrong", [0.5, (0.5,), (0.5, 3), (0.5, {}, {}), None])
def test_other_answers_are_refused(wrong):
    with pytest.raises(TypeError, match="must return a `Found`, or its value in nats"):
        Found.of(wrong)


def test_labels_are_pooled_by_their_shares():
    parts = {
        "a": Estimate(1.0, 30, 2.0, KSG3, stats={"seen": 1.0, "only": 1.0}, entropy=0.5),
        "b": Estimate(3.0, 10, 6.0, KSG3, stats={"seen": 5.0}),
    }
    whole = Estimate.pooled(parts, KSG3)
    assert (whole.value, whole.n_samples, whole.ceiling) == (1.5, 40, 3.0)
    assert whole.stats == {"seen": 2.0}
    assert whole.entropy == np.inf
    assert whole.parts == parts
    assert whole.summary().count("label ") == 2
    assert set(whole.to_dict()["parts"]) == {"a", "b"}


def test_a_ceiling_is_an_entropy_where_each_symbol_was_seen_ten_times():
    entropy = np.log(4)
    enough = 4 * PER_SYMBOL
    full = Estimate(entropy, enough, entropy, KSG3, entropy=entropy)
    assert full.ceiling_is_entropy
    assert "near the entropy" in repr(full)
    assert "the entropy of the discrete side" in full.summary()
    assert not Estimate(entropy, enough - 1, entropy, KSG3, entropy=entropy).ceiling_is_entropy
    assert not Estimate(1.0, enough, 1.0, KSG3, entropy=entropy).ceiling_is_entropy


def test_amounts_and_records_name_their_unit():
    assert amount(np.log(2)) == "0.693 nats (1.000 bits)"
    assert amount(0.5, "gmi") == "0.500 gmi"
    record = {"nats": 1.0, "bits": 2.0, "ceiling_nats": 3.0}
    assert in_unit(record, "nats") == record
    assert in_unit(record, "gmi") == {"gmi": 1.0, "ceiling_gmi": 3.0}
    other = Estimate(0.5, 10, 1.0, Geometric())
    assert np.isnan(other.bits)
    assert other.to_dict()["gmi"] == 0.5
