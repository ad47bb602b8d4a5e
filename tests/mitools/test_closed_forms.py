"""Estimators against distributions that know the answer, and a liar that must be caught."""

from dataclasses import dataclass

import numpy as np
import pytest

from mitools import EDGE, KSG, mutual_information
from mitools.distributions import Circular, ClassCorrelation, Gaussian, LinearLayer
from mitools.estimators.base import MutualInformationEstimator

SEEDS = range(4)

#: Distribution, n, and for each estimator the most its mean over four seeds may be off, in nats:
#: four standard errors of the measured spread plus the measured bias.
CASES = [
    (Gaussian((0.0,)), 1000, {"KSG": 0.05, "EDGE": 0.06}),
    (Gaussian((0.5,)), 2000, {"KSG": 0.04, "EDGE": 0.05}),
    (Gaussian((0.9,)), 2000, {"KSG": 0.04, "EDGE": 0.05}),
    (Circular(0.25), 2000, {"KSG": 0.06, "EDGE": 0.10}),
    (LinearLayer(((1.0,),), noise=0.5), 2000, {"KSG": 0.04, "EDGE": 0.05}),
]

ESTIMATORS = {"KSG": KSG(), "EDGE": EDGE()}


def error(estimator, truth, n):
    """The mean error over the seeds, in nats."""
    values = [estimator.estimate(*truth.sample(n, seed=seed)).value for seed in SEEDS]
    return float(np.mean(values)) - truth.mutual_information


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize(("truth", "n", "tolerance"), CASES, ids=lambda item: str(item)[:40])
def test_the_estimate_is_near_the_truth(name, truth, n, tolerance):
    assert abs(error(ESTIMATORS[name], truth, n)) <= tolerance[name]


@dataclass(frozen=True)
class Biased(MutualInformationEstimator):
    """KSG, times a factor, plus an offset: what the cases above must not let pass."""

    factor: float = 1.0
    offset: float = 0.0

    def _estimate(self, x, y):
        return self.factor * KSG().prepare(x, y).found().value + self.offset, {}

    def ceiling(self, n_samples):
        return KSG().ceiling(n_samples)


@pytest.mark.parametrize(
    "liar",
    [Biased(offset=0.1), Biased(offset=-0.1), Biased(factor=1.15), Biased(factor=1 / np.log(2))],
    ids=["up", "down", "stretched", "bits for nats"],
)
def test_a_biased_estimator_is_rejected(liar):
    rejected = [abs(error(liar, truth, n)) > tolerance["KSG"] for truth, n, tolerance in CASES]
    assert any(rejected)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_labels_are_weighed_by_their_shares(name):
    truth = ClassCorrelation((0.9, 0.0), (0.3, 0.7))
    x, y, z = truth.sample_labelled(4000, seed=0)
    value = mutual_information(x, y, given=z, estimator=ESTIMATORS[name]).value
    assert abs(value - truth.conditional_mutual_information) < 0.06
    unweighted = -0.25 * np.log(1 - 0.81)
    assert abs(value - unweighted) > 0.1
