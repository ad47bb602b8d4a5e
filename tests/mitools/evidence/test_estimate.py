"""The records of an estimate: how they show themselves, pool labels and take plain tuples."""

import numpy as np
import pytest

from mitools import KSG, Estimate, mutual_information
from mitools.distributions import Gaussian

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
