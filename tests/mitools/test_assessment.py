"""`assess` with toy and real estimators: nulls, intervals, sweeps, second estimators."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest

from mitools import (
    EDGE,
    KSG,
    PCA,
    Auto,
    GaussianCopula,
    Reduced,
    Verdict,
    assess,
    parse_estimator,
)
from mitools.distributions import ClassShift, Gaussian, Identity, SignXor
from mitools.estimators.base import Estimate
from mitools.estimators.discrete import PlugIn
from mitools.estimators.geometric import Geometric
from mitools.estimators.labels import Labels
from mitools.estimators.mixed import Mixed
from mitools.estimators.noisy import NoisyBounds
from mitools.estimators.registry import ESTIMATORS
from mitools.estimators.sliced import Sliced
from tests.mitools.correlation import STRONG, TOY, Correlation, toy


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
    assert "Auto() finds no estimator that sees more." in found.reasons
    assert not any("agrees within" in reason for reason in found.reasons)


@pytest.mark.parametrize("own", [Geometric(n_splits=1), NoisyBounds(), Sliced(n_slices=2)])
def test_quantities_of_their_own_confirm_nothing_and_cannot_be_confirmed(own):
    x, y = (side[:200] for side in STRONG)
    with pytest.raises(ValueError, match="confirms no value of another estimator"):
        assess(x, y, cross_check=own)
    found = assess(x, y, estimator=own, n_permutations=19, n_halves=2)
    assert found.cross_check is None
    assert found.verdict is not Verdict.USABLE


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


@pytest.mark.slow
@pytest.mark.parametrize("width", [1, 5, 50])
@pytest.mark.parametrize("estimator", [KSG(), EDGE()], ids=["KSG", "EDGE"])
def test_false_alarms_are_as_rare_as_stated(width, estimator):
    """One in a thousand: of 150 data sets, 0.15 expected; 10 to 15 have p <= 0.1."""
    alarms = sum(not called_independent(width, seed, estimator) for seed in range(150))
    assert alarms <= 2


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
