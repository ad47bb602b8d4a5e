"""What `assess` concludes, from data with a known answer and estimators with known faults."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq
from scipy.special import digamma
from scipy.stats import gamma, norm

from mitools import (
    EDGE,
    KSG,
    PCA,
    Assessment,
    Auto,
    GaussianCopula,
    Reduced,
    Verdict,
    assess,
    parse_estimator,
)
from mitools.distributions import ClassShift, Gaussian, Identity, SignXor
from mitools.estimators.base import Estimate, MutualInformationEstimator
from mitools.estimators.discrete import PlugIn
from mitools.estimators.geometric import Geometric
from mitools.estimators.labels import Labels
from mitools.estimators.mixed import Mixed
from mitools.estimators.noisy import NoisyBounds
from mitools.estimators.registry import ESTIMATORS
from mitools.estimators.sliced import Sliced
from mitools.evidence.null import FITTED_LEVEL, Null, fitted_p_value, p_value


@dataclass(frozen=True)
class Correlation(MutualInformationEstimator):
    """-ln(1 - r^2) / 2 of the first columns, plus a floor; exact for Gaussian data, and quick."""

    floor: float = 0.0
    drift: float = 0.0
    factor: float = 1.0
    top: float = np.inf

    def _estimate(self, x, y):
        r = np.corrcoef(x[:, 0], y[:, 0])[0, 1]
        value = self.factor * -0.5 * np.log1p(-(r**2)) + self.floor + self.drift * np.log(len(x))
        return min(value, self.top), {"singleton_fraction": 0.1, "cells_x": 7, "cells_y": 8}

    def ceiling(self, n_samples):
        return self.top if np.isfinite(self.top) else float(np.log(n_samples))

    def minimum_samples(self):
        return 5


@dataclass(frozen=True)
class Alone(Correlation):
    """Counts every sample alone, as a hash of wide data does."""

    def _estimate(self, x, y):
        value, stats = super()._estimate(x, y)
        return value, stats | {"singleton_fraction": 0.98}


STRONG = Gaussian((0.9,)).sample(800, seed=0)
NONE = Gaussian.independent(1).sample(800, seed=0)
TOY = Correlation()


def toy(x, y, estimator=TOY, cross_check=TOY, **settings):
    return assess(x, y, estimator=estimator, cross_check=cross_check, **settings)


# --- the three verdicts -----------------------------------------------------------------------


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
    assert "shuffled pairings gave at least as much" in found.reasons[0]


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
    assert any("does tell the data from independence" in reason for reason in found.reasons)
    assert any("The null accounts for the value" in reason for reason in found.reasons)


def test_few_permutations_are_not_hidden():
    found = toy(*STRONG, n_permutations=9)
    assert found.p_value == 0.1
    assert found.verdict is Verdict.UNRELIABLE
    assert any("9 permutations cannot show p below 0.05" in reason for reason in found.reasons)


# --- the numbers ------------------------------------------------------------------------------


def test_the_p_value_counts_ties_and_is_never_zero():
    x, y = STRONG
    constant = toy(x, np.ones(800), estimator=KSG(), cross_check=None)
    assert constant.value == 0
    assert constant.p_value == 1
    assert constant.verdict is Verdict.INDEPENDENT
    assert toy(x, y, n_permutations=400).p_value == 1 / 401


def test_null_p_values_are_uniform():
    """Under independence p <= 0.1 happens one time in ten: 20 of 200, with a sd of 4.2."""
    low = sum(
        toy(
            *Gaussian.independent(1).sample(60, seed=s), n_permutations=19, cross_check=None
        ).p_value
        <= 0.1
        for s in range(200)
    )
    assert 7 <= low <= 33


def test_the_fitted_tail_is_that_of_the_law_for_normal_and_for_skewed_nulls():
    """Its quantile at 0.001, from 2,000 permutations, is the exact one within 6 %."""
    rng = np.random.default_rng(0)
    for draws, law in ((rng.normal(size=2000), norm()), (rng.gamma(4.0, size=2000), gamma(4.0))):
        limit = brentq(lambda v, d=draws: fitted_p_value(d, v) - 0.001, draws.mean(), 100.0)
        assert limit == pytest.approx(law.ppf(0.999), rel=0.06)


def test_one_permuted_value_in_a_thousand_looks_dependent():
    """Each of 100 draws against the other 99: 1 % pass the count alone, 0.1 % both conditions."""
    rng = np.random.default_rng(1)
    counted = fitted = 0
    for null in rng.normal(size=(400, 100)):
        order = np.argsort(null)
        value, rest = null[order[-1]], null[order[:-1]]  # no other draw can be beyond all others
        counted += p_value(rest, value) <= 0.01
        fitted += p_value(rest, value) <= 0.01 and fitted_p_value(rest, value) <= FITTED_LEVEL
    assert counted == 400  # of 40,000
    assert 20 <= fitted <= 60  # 40 expected, sd 6


def test_a_value_just_above_every_permutation_is_no_claim():
    assert fitted_p_value(np.array([0.0, 1.0]), 9.0) == 1.0  # two draws show no law
    assert fitted_p_value(np.zeros(50), 0.0) == 1.0
    assert fitted_p_value(np.zeros(50), 0.1) == 0.0
    found = toy(*Gaussian.independent(1).sample(200, seed=245), cross_check=None)
    assert found.p_value == 1 / 101, "the seed is chosen for it"
    assert found.fitted_p_value > FITTED_LEVEL
    assert found.verdict is Verdict.INDEPENDENT
    assert any("Their spread makes such a value too likely" in r for r in found.reasons)


def test_permutations_stay_within_labels():
    """Shifted classes are dependent overall and independent within: the null must know it."""
    x, y, z = ClassShift(2.0).sample_labelled(600, seed=1)
    overall = toy(x, y, cross_check=None)
    within = toy(x, y, given=z, cross_check=None)
    assert overall.p_value == 1 / 101
    assert overall.excess > 0.3
    assert within.verdict is Verdict.INDEPENDENT
    assert set(within.null_parts) == {-1.0, 1.0}
    shares = [(z == label).mean() for label in (-1, 1)]
    combined = sum(
        share * null for share, null in zip(shares, within.null_parts.values(), strict=True)
    )
    assert within.null == pytest.approx(combined, abs=1e-15)


def test_dependence_within_labels_is_found_where_there_is_none_overall():
    x, y, z = SignXor().sample_labelled(400, seed=0)
    settings = {"estimator": KSG(), "cross_check": None, "sweep": False, "n_permutations": 99}
    assert assess(x, y, **settings).verdict is Verdict.INDEPENDENT
    assert assess(x, y, given=z, **settings).p_value == 0.01


def test_the_interval_covers_the_expected_estimate():
    """90 % intervals cover the mean over data sets in 81 to 98 of 100 (3 standard errors)."""
    samples = [Gaussian((0.7,)).sample(200, seed=s) for s in range(100)]
    found = [toy(x, y, cross_check=None, n_permutations=1, sweep=False) for x, y in samples]
    expected = np.mean([one.value for one in found])
    covered = sum(one.interval[0] <= expected <= one.interval[1] for one in found)
    assert 81 <= covered <= 98
    assert np.mean([one.interval[1] - one.interval[0] for one in found]) < 0.4


def test_halves_are_drawn_without_replacement():
    """A subset with a sample twice would give KSG ties; it must never see any."""

    @dataclass(frozen=True)
    class NoTwins(Correlation):
        def _estimate(self, x, y):
            assert len(np.unique(x, axis=0)) == len(x)
            return super()._estimate(x, y)

    found = toy(*STRONG, estimator=NoTwins(), cross_check=None)
    assert list(found.by_size) == [200, 400, 800]


def test_labels_too_small_to_be_halved_leave_no_interval():
    x, y = STRONG
    z = np.r_[np.zeros(792), np.ones(8)]
    found = toy(x, y, given=z)
    assert np.isnan(found.interval).all()
    assert found.verdict is Verdict.UNRELIABLE
    assert any("too few samples to see whether the value settles" in r for r in found.reasons)
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["interval_nats"] == [None] * 2


def test_the_same_seed_gives_the_same_bits_and_streams_do_not_mix():
    one, other = toy(*STRONG, seed=3), toy(*STRONG, seed=3)
    assert np.array_equal(one.null, other.null)
    assert one == other
    more = toy(*STRONG, seed=3, n_permutations=30)
    assert more.interval == one.interval
    assert toy(*STRONG, seed=4).interval != one.interval


def test_headroom_lies_between_the_null_and_the_ceiling():
    found = toy(*STRONG, estimator=Correlation(floor=0.3, top=2.3))
    expected = (found.value - found.null_mean) / (2.3 - found.null_mean)
    assert found.headroom == pytest.approx(expected)
    assert found.excess == found.value - found.null_mean


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"n_permutations": 0}, ValueError, "`n_permutations` must be at least 1, got 0"),
        ({"n_halves": 1}, ValueError, "`n_halves` must be at least 2"),
        ({"n_halves": 2.5}, ValueError, "`n_halves` must be a whole number, got 2.5"),
        ({"confidence": 90}, ValueError, "`confidence` must lie between 0 and 1, got 90"),
        ({"confidence": 1.5}, ValueError, "`confidence` must lie between 0 and 1, got 1.5"),
        ({"confidence": "90%"}, ValueError, "`confidence` must be a number between 0 and 1"),
        ({"cross_check": "ksg"}, TypeError, '`cross_check` must be "auto", None or an estimator'),
    ],
)
def test_bad_settings_are_refused(settings, error, message):
    with pytest.raises(error, match=message):
        assess(*STRONG, estimator=TOY, **settings)


# --- how it shows itself ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def labelled():
    x, y = STRONG
    return toy(x, y, given=np.repeat(["a", "b"], 400))


def test_text_has_nats_bits_the_verdict_and_what_the_interval_is_of(labelled):
    text = str(labelled)
    first = text.splitlines()[0]
    assert first.startswith("I = ")
    assert "nats (" in first
    assert "bits)" in first
    assert "90%: noise " in text
    assert "bias perhaps" in text
    assert len(text.splitlines()) < 15
    assert len(repr(labelled)) < 140
    assert repr(labelled).endswith(f"{labelled.verdict})")


def test_html_is_escaped_and_self_contained(labelled):
    html = labelled._repr_html_()
    assert html.count("<tr>") >= 5
    assert "<script" not in html
    assert "http" not in html


def test_json_has_everything_in_plain_numbers(labelled):
    record = json.loads(json.dumps(labelled.to_dict(), allow_nan=False))
    assert record["nats"] == labelled.value
    assert record["verdict"] == str(labelled.verdict)
    assert len(record["null_nats"]) == 100
    assert record["parts"]["a"]["n_samples"] == 400
    assert record["interval_of"] == "I: noise, and an allowance for bias"
    assert record["noise_nats"] == labelled.spread.noise
    assert record["saturation"]["cells_x"] == 7


def test_frame_has_a_row_for_the_whole_and_one_per_label(labelled):
    frame = labelled.to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert frame["label"].tolist() == ["all", "a", "b"]
    assert frame["n_samples"].tolist() == [800, 400, 400]
    assert frame["p_value"].between(0, 1, inclusive="right").all()
    assert (frame["excess_nats"] > 0.5).all()


# --- with the real estimators -----------------------------------------------------------------


def second(estimator, width, cross_check="auto", entropy=np.inf, sizes=(1000,)):
    from mitools.assessment import second_estimator

    parts = [Estimate(1.0, n, 5.0, estimator, entropy=entropy) for n in sizes]
    whole = replace(parts[0], n_samples=sum(sizes), parts=dict(enumerate(parts)))
    whole = whole if len(parts) > 1 else parts[0]
    return second_estimator(estimator, whole, cross_check, width)


def test_the_second_estimator_is_of_another_kind():
    assert second(KSG(), 1) == EDGE()
    assert second(EDGE(), 1) == KSG()
    assert second(KSG(), 3) == second(EDGE(), 16) == Auto()
    assert second(KSG(), 17) == second(Auto(), 3) == EDGE()
    assert second(KSG(), 3, sizes=(500, 200)) == Auto()
    assert second(KSG(), 3, sizes=(500, 199)) == EDGE()  # Auto's views need samples
    assert second(EDGE(), 3, sizes=(50, 50)) == KSG()
    assert second(GaussianCopula(), 3) == KSG()
    assert second(GaussianCopula(), 9) == Reduced(KSG(), PCA(4))
    assert second(EDGE(), 300) == Reduced(KSG(), PCA(4))
    assert second(Reduced(KSG(), PCA(2)), 300) == Reduced(EDGE(), PCA(2))
    assert second(Reduced(EDGE(), PCA(2)), 300) == Reduced(KSG(), PCA(2))
    assert second(KSG(), 3, cross_check=None) is None


def test_labels_are_checked_by_what_can_see_labels():
    assert second(Labels(), 3, entropy=1.0) == EDGE()
    assert second(PlugIn(), 300, entropy=1.0) == EDGE()
    assert second(EDGE(), 3, entropy=1.0) == Mixed()
    assert second(EDGE(), 300, entropy=1.0) == Reduced(Mixed(), PCA(4))


def test_auto_that_settles_on_the_estimator_itself_says_so():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3000, 2))
    y = np.sign(x[:, 0] * x[:, 1]) + 0.7 * rng.normal(size=3000)  # no direction sees a product
    found = assess(x, y, n_permutations=50, n_halves=10)
    assert found.cross_check.estimate.stats["picked_ksg"] == 1
    assert found.verdict is Verdict.USABLE
    assert "Auto() finds no view that sees more." in found.reasons
    assert not any("agrees within" in reason for reason in found.reasons)


@pytest.mark.parametrize("own", [Geometric(n_splits=1), NoisyBounds(), Sliced(n_slices=2)])
def test_quantities_of_their_own_confirm_nothing_and_cannot_be_confirmed(own):
    x, y = (side[:200] for side in STRONG)
    with pytest.raises(ValueError, match="confirms no value of another estimator"):
        assess(x, y, cross_check=own)
    found = assess(x, y, estimator=own, n_permutations=19, n_halves=2)
    assert found.cross_check is None
    assert found.verdict is not Verdict.USABLE


def test_what_is_not_in_nats_is_never_called_nats():
    found = assess(*STRONG, estimator=Geometric(n_splits=1), n_permutations=19, n_halves=2)
    record = found.to_dict()
    assert record["gmi"] == found.value
    for text in (str(found), repr(found), found._repr_html_(), json.dumps(record)):
        assert "nats" not in text
        assert "bits" not in text
    assert not [name for name in found.to_frame() if "nats" in name or "bits" in name]
    assert np.isnan(found.bits)


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


def test_k_is_swept():
    found = assess(*STRONG, estimator=KSG(k=4), n_permutations=1, cross_check=None)
    assert list(found.sweep) == ["k=2", "k=8"]
    assert found.sweep["k=8"] == KSG(k=8).estimate(*STRONG).value
    reduced = Reduced(KSG(k=1), PCA(2))
    found = assess(*STRONG, estimator=reduced, n_permutations=1, cross_check=None)
    assert list(found.sweep) == ["k=2"]


def test_the_bandwidth_of_edge_is_swept():
    found = assess(*STRONG, estimator=EDGE(), n_permutations=1, cross_check=None)
    assert list(found.sweep) == ["occupancies=(2, 5)", "occupancies=(6, 20)"]
    released = EDGE.semirobust()
    found = assess(*STRONG, estimator=released, n_permutations=1, cross_check=None)
    assert list(found.sweep) == [f"gamma={released.gamma * factor:g}" for factor in (0.5, 2)]


def test_estimators_that_refuse_a_subset_leave_no_interval():
    """The published code needs 20 samples once a side is wide; 30 are enough, and half are not."""
    x, y = Gaussian.independent(50).sample(30, seed=0)
    found = assess(x, y, estimator=EDGE.semirobust(), n_permutations=3)
    assert np.isnan(found.interval).all()
    assert list(found.by_size) == [30]


def called_independent(width, seed, estimator, n_permutations=50):
    x, y = Gaussian.independent(width).sample(1000, seed=seed)
    quick = {"n_halves": 2, "sweep": False, "cross_check": None}
    found = assess(x, y, estimator=estimator, n_permutations=n_permutations, **quick)
    assert abs(found.null_mean) < 0.1
    return found.verdict is Verdict.INDEPENDENT


@pytest.mark.parametrize("width", [1, 5, 50, 512])
@pytest.mark.parametrize("estimator", [KSG(), EDGE()], ids=["KSG", "EDGE"])
def test_independent_data_of_any_width_are_called_independent(width, estimator):
    assert all(called_independent(width, seed, estimator) for seed in (0, 1))


def test_the_largest_of_101_pairings_is_not_yet_dependence():
    """Here the true pairing happens to beat all 100 shuffles: p alone would raise an alarm."""
    x, y = np.random.default_rng(6).normal(size=(2, 60, 1))
    estimates = [KSG().estimate(x, np.roll(y, shift)).value for shift in range(60)]
    luckiest = np.roll(y, int(np.argmax(estimates)))
    found = assess(x, luckiest, n_permutations=30, n_halves=2, sweep=False, cross_check=None)
    assert found.p_value == 1 / 31
    assert found.verdict is Verdict.INDEPENDENT


@pytest.mark.slow
@pytest.mark.parametrize("width", [1, 5, 50])
@pytest.mark.parametrize("estimator", [KSG(), EDGE()], ids=["KSG", "EDGE"])
def test_false_alarms_are_as_rare_as_stated(width, estimator):
    """One in a thousand: of 150 data sets, 0.15 expected; 10 to 15 have p <= 0.1."""
    alarms = sum(not called_independent(width, seed, estimator) for seed in range(150))
    assert alarms <= 2


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


TEXTS = [*ESTIMATORS, "edge:semirobust", "edge:released=4.3.1", "ksg+pca:2", "sliced:n_slices=5"]


TRAINED = {"infonce", "learned", "mine", "smile"}  # every shuffle is a training: `make test-slow`


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(text, marks=[pytest.mark.slow] * (text in TRAINED))
        for text in sorted({*TEXTS} - {"sliced"})
    ],
)
def test_every_estimator_can_be_assessed_and_none_sees_what_is_not_there(text):
    """The contract of all estimators: data of their kind in, the right verdict and JSON out."""
    estimator = parse_estimator(text)
    rng = np.random.default_rng(3)
    x, noise = rng.normal(size=(2, 120, 2))
    labels = rng.integers(3, size=120)
    x = labels[::-1] % 2 if text == "plugin" else x
    y = labels if text in ("labels", "plugin") else noise
    quick = {"n_permutations": 30, "n_halves": 2, "cross_check": None, "sweep": False}
    found = assess(x, y, estimator=estimator, **quick)
    assert found.verdict is Verdict.INDEPENDENT, str(found)
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["estimator"] == repr(estimator)
    assert found.value <= found.estimate.ceiling
    if text not in ("noisy", "labels", "plugin"):
        both = assess(x, x + 0.1 * noise, estimator=estimator, **quick)
        assert both.verdict is Verdict.UNRELIABLE, str(both)  # no second estimator confirms it


@pytest.mark.parametrize("estimator", [KSG(), EDGE()], ids=["KSG", "EDGE"])
def test_strong_clean_dependence_is_usable(estimator):
    x, y = Gaussian((0.9,)).sample(5000, seed=0)
    found = assess(x, y, estimator=estimator, n_permutations=50, n_halves=10)
    assert found.verdict is Verdict.USABLE, str(found)
    assert abs(found.value - 0.8304) < 0.05


@pytest.mark.parametrize("estimator", [KSG(), EDGE()], ids=["KSG", "EDGE"])
def test_a_wide_identity_is_dependent_without_a_magnitude(estimator):
    x, y = Identity(32).sample(400, seed=0)
    found = assess(x, y, estimator=estimator, n_permutations=20, n_halves=4)
    assert found.verdict is Verdict.UNRELIABLE, str(found)
    assert found.p_value == 1 / 21


def test_the_ceiling_of_an_identity_is_reached_and_said():
    x, y = Identity(1).sample(500, seed=0)
    found = assess(x, y, estimator=KSG(), n_permutations=20, n_halves=4)
    assert found.value == pytest.approx(digamma(500) - digamma(4))
    assert any("saturated: 100% of" in reason for reason in found.reasons)
