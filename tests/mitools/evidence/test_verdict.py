"""What is concluded, from data with a known answer and estimators with known faults."""

import numpy as np
import pytest
from scipy.special import digamma

from mitools import (
    EDGE,
    KSG,
    Assessment,
    GaussianCopula,
    Verdict,
    assess,
)
from mitools.distributions import Gaussian, Identity
from mitools.estimators.discrete import PlugIn
from mitools.estimators.labels import Labels
from mitools.estimators.mixed import Mixed
from mitools.evidence.null import FITTED_LEVEL, Null, fitted_p_value
from mitools.evidence.pairings import pairs_text
from tests.mitools.correlation import NONE, STRONG, TOY, Alone, Correlation, toy


def test_clean_dependence_is_usable():
    found = toy(*STRONG)
    assert found.verdict is Verdict.USABLE
    assert found.verdict == "magnitude usable"
    assert found.p_value == 1 / 101
    assert abs(found.value - 0.83) < 0.1


def test_independence_is_not_distinguishable():
    found = toy(*NONE)
    assert found.verdict is Verdict.INDEPENDENT
    assert found.verdict == "not distinguishable from independence"
    assert found.p_value > 0.01
    assert "permutations gave at least as much" in found.reasons[0]


@pytest.mark.parametrize(
    ("estimator", "reason"),
    [
        (Correlation(floor=0.5), "is there without dependence"),
        (Correlation(top=0.8), "The value is saturated: 100% of"),
        (Correlation(top=1.4), "above half its ceiling"),
        (Correlation(drift=0.15), "has not settled"),
        (Alone(), "98% of the samples are alone in their joint cell"),
        (Correlation(factor=5), "above half"),
    ],
    ids=["floor", "ceiling", "half ceiling", "drift", "singletons", "half of log n"],
)
def test_each_fault_makes_the_magnitude_unreliable_and_is_named(estimator, reason):
    found = toy(*STRONG, estimator=estimator, cross_check=estimator)
    assert found.verdict is Verdict.UNRELIABLE
    assert any(reason in sentence for sentence in found.reasons), found.reasons


def test_a_second_opinion_is_needed_and_must_agree():
    without = toy(*STRONG, cross_check=None)
    assert without.verdict is Verdict.UNRELIABLE
    assert without.cross_check is None
    assert any("No second estimator ran" in reason for reason in without.reasons)
    apart = toy(*STRONG, cross_check=Correlation(factor=1.4))
    assert apart.verdict is Verdict.UNRELIABLE
    assert any("differ by more than 25%" in reason for reason in apart.reasons)


def test_settings_that_change_the_value_are_named():
    from mitools.evidence.spread import Spread
    from mitools.evidence.verdict import judge

    estimate = TOY.estimate(*STRONG)
    evidence = Assessment(
        estimate=estimate,
        permuted=Null(0.01 * np.random.default_rng(0).normal(size=999), estimate.value),
        spread=Spread(0.01),
        cross_check=toy(*STRONG).cross_check,
        sweep={"k=2": estimate.value * 1.1, "k=8": estimate.value * 1.5},
        by_size={400: estimate.value, 800: estimate.value},
    )
    verdict, reasons = judge(evidence)
    assert verdict is Verdict.UNRELIABLE
    assert any("k=8" in reason and "k=2" not in reason for reason in reasons)


def test_a_blind_estimator_is_told_what_another_sees():
    found = toy(*STRONG, estimator=Correlation(factor=0.0, floor=3.0), cross_check=TOY)
    assert found.verdict is Verdict.INDEPENDENT
    assert found.p_value == 1
    assert any("does find dependence" in reason for reason in found.reasons)
    assert any("The null accounts for the value" in reason for reason in found.reasons)


def test_few_permutations_are_not_hidden():
    found = toy(*STRONG, n_permutations=9)
    assert found.p_value == 0.1
    assert found.verdict is Verdict.UNRELIABLE
    assert any("9 permutations cannot show p below 0.05" in reason for reason in found.reasons)


def test_a_value_just_above_every_permutation_is_no_claim():
    assert fitted_p_value(np.array([0.0, 1.0]), 9.0) == 1.0  # two draws show no law
    assert fitted_p_value(np.zeros(50), 0.0) == 1.0
    assert fitted_p_value(np.zeros(50), 0.1) == 0.0
    found = toy(*Gaussian.independent(1).sample(200, seed=245), cross_check=None)
    assert found.p_value == 1 / 101, "the seed is chosen for it"
    assert found.fitted_p_value > FITTED_LEVEL
    assert found.verdict is Verdict.INDEPENDENT
    assert any("Their spread makes such a value too likely" in r for r in found.reasons)


def test_the_entropy_of_labels_is_no_limit_of_the_sample():
    """A label that is read off perfectly has I = H(Y): nothing wrong with the magnitude."""
    rng = np.random.default_rng(0)
    z = rng.integers(4, size=400)
    x = 20.0 * z + rng.normal(size=400)
    found = assess(x, z, estimator=Labels(), n_permutations=19, n_halves=4)
    assert found.estimate.ceiling_is_entropy
    assert found.verdict is Verdict.USABLE, str(found)
    assert "entropy of the discrete side" in " ".join(found.reasons)
    by_edge = assess(x, z, estimator=EDGE(), n_permutations=19, n_halves=4)
    assert by_edge.estimate.ceiling_is_entropy
    assert by_edge.cross_check.estimate.estimator == Mixed()
    assert by_edge.verdict is Verdict.USABLE, str(by_edge)
    # with two samples a symbol, the entropy is ln n in disguise
    pairs = np.repeat(np.arange(200), 2)
    found = assess(pairs, pairs, estimator=PlugIn(), n_permutations=19, n_halves=4)
    assert not found.estimate.ceiling_is_entropy
    assert found.verdict is Verdict.UNRELIABLE
    assert any("saturated" in reason for reason in found.reasons)


def test_the_largest_of_101_pairings_is_not_yet_dependence():
    """Here the true pairing happens to beat all 100 shuffles: p alone would raise an alarm."""
    x, y = np.random.default_rng(6).normal(size=(2, 60, 1))
    estimates = [KSG().estimate(x, np.roll(y, shift)).value for shift in range(60)]
    luckiest = np.roll(y, int(np.argmax(estimates)))
    found = assess(x, luckiest, n_permutations=30, n_halves=2, sweep=False, cross_check=None)
    assert found.p_value == 1 / 31
    assert found.verdict is Verdict.INDEPENDENT


def test_the_published_setting_on_wide_noise_is_exposed():
    x, y = Gaussian.independent(512).sample(1000, seed=0)
    found = assess(x, y, estimator=EDGE.semirobust(), n_permutations=30, n_halves=2)
    assert abs(found.bits - 6.0) < 0.6
    assert found.verdict is Verdict.INDEPENDENT
    assert found.saturation.singleton_fraction > 0.9
    said = " ".join(found.reasons)
    assert "The null accounts for the value" in said
    assert "ceiling" in said
    assert "alone in their joint cell" in said


def test_the_ceiling_of_an_identity_is_reached_and_said():
    x, y = Identity(1).sample(500, seed=0)
    found = assess(x, y, estimator=KSG(), n_permutations=20, n_halves=4)
    assert found.value == pytest.approx(digamma(500) - digamma(4))
    assert any("saturated: 100% of" in reason for reason in found.reasons)


QUICK = {"n_permutations": 99, "n_halves": 2, "sweep": False, "cross_check": None}


@pytest.mark.parametrize("blocks", [None, 1, 5])
@pytest.mark.parametrize("coupled", [True, False])
def test_reasons_and_rows_name_the_pairs_that_were_used(blocks, coupled):
    x, noise = np.random.default_rng(3).normal(size=(2, 300))
    y = noise + coupled * x
    found = assess(x, y, estimator=GaussianCopula(), blocks=blocks, **QUICK)
    assert (found.p_value <= 0.01) is coupled
    assert pairs_text(blocks) in found.reasons[0]
    assert f"99 {pairs_text(blocks)}, p = " in str(found)
    assert ("circular shifts" in str(found)) is (blocks == 1)
    assert (f"of {blocks} blocks" in str(found)) is (blocks == 5)


def test_a_large_null_is_named_as_well():
    rng = np.random.default_rng(0)
    x = rng.integers(12, size=150)
    y = np.where(rng.random(150) < 0.5, x, rng.integers(12, size=150))
    found = assess(x, y, estimator=PlugIn(correction="none"), blocks=1, **QUICK)
    assert any(reason.startswith("Circular shifts give") for reason in found.reasons)
