"""Every stated truth against an independent one: Monte Carlo, counts, or a published value."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from mitools import distributions
from mitools.distributions import (
    AdditiveUniform,
    BinarySymmetric,
    Circular,
    ClassCorrelation,
    ClassShift,
    Erasure,
    Gaussian,
    Identity,
    LabelledDistribution,
    LinearLayer,
    SignXor,
    UniformIdentity,
)

ALL = [
    Gaussian((0.5,)),
    Gaussian((0.9, 0.3), width=4, rotated=True),
    LinearLayer(((1.0, 0.5), (0.0, 2.0)), noise=0.5),
    AdditiveUniform(0.5),
    Circular(0.25),
    Erasure(8, 0.25),
    BinarySymmetric(0.1),
    UniformIdentity(5),
    Identity(2),
    ClassShift(2.0),
    SignXor(),
    ClassCorrelation(),
]

PUBLISHED = [  # from the papers, or by hand
    (Gaussian((0.5,)), 0.14384),
    (Gaussian((0.9,)), 0.83037),
    (Gaussian((0.99,)), 1.95851),
    (Gaussian.independent(5), 0.0),
    (LinearLayer(((1.0, 0.5), (0.0, 2.0)), noise=0.5), 2.22717),
    (AdditiveUniform(1.0), 2.9179),
    (AdditiveUniform(0.5), 4.2448),
    (AdditiveUniform(0.2), 6.0601),
    (AdditiveUniform(0.1), 7.4439),
    (Circular(0.25), 1.38629),
    (Erasure(8, 0.25), 0.75 * np.log(8)),
    (BinarySymmetric(0.1), 0.36806),
    (BinarySymmetric(0.0), np.log(2)),
    (BinarySymmetric(0.5), 0.0),
    (UniformIdentity(5), np.log(5)),
    (Identity(), np.inf),
    (ClassShift(2.0), 0.57890),
    (SignXor(), 0.0),
]


@pytest.mark.parametrize(("truth", "expected"), PUBLISHED, ids=str)
def test_known_values(truth, expected):
    assert truth.mutual_information == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize("truth", ALL, ids=str)
def test_samples_are_pairs_of_columns_fixed_by_their_seed(truth):
    x, y = truth.sample(50, seed=3)
    assert x.shape[0] == y.shape[0] == 50
    assert x.ndim == y.ndim == 2
    assert x.dtype == y.dtype == np.float64
    again = truth.sample(50, seed=3)
    other = truth.sample(50, seed=4)
    assert np.array_equal(x, again[0])
    assert np.array_equal(y, again[1])
    assert not np.array_equal(y, other[1])
    with pytest.raises(ValueError, match="at least 1"):
        truth.sample(0)


@pytest.mark.parametrize("truth", [t for t in ALL if isinstance(t, LabelledDistribution)], ids=str)
def test_labels_come_with_the_same_pairs(truth):
    x, y, z = truth.sample_labelled(50, seed=3)
    assert np.array_equal(x, truth.sample(50, seed=3)[0])
    assert np.array_equal(y, truth.sample(50, seed=3)[1])
    assert z.shape == (50,)
    assert len(np.unique(z)) > 1


def plug_in(x, y):
    """The mutual information of the empirical distribution of two discrete columns."""
    cells, joint = np.unique(np.column_stack([x, y]), axis=0, return_counts=True)
    p = joint / len(x)
    p_x = np.array([(x[:, 0] == a).mean() for a in cells[:, 0]])
    p_y = np.array([(y[:, 0] == b).mean() for b in cells[:, 1]])
    return float((p * np.log(p / p_x / p_y)).sum())


@pytest.mark.parametrize("truth", [Erasure(8, 0.25), BinarySymmetric(0.1), UniformIdentity(5)])
def test_discrete_truths_against_counts(truth):
    x, y = truth.sample(100_000, seed=0)
    assert plug_in(x, y) == pytest.approx(truth.mutual_information, abs=0.008)


def log_ratio(truth, x, y):
    """ln p(x, y) / p(x) p(y), written from the densities and not from the formulas under test."""
    match truth:
        case Gaussian() | LinearLayer():
            both = np.cov(np.hstack([x, y]), rowvar=False)
            d = x.shape[1]
            sides = both[:d, :d], both[d:, d:]
            zeros = np.zeros(len(both))
            joint = multivariate_normal(zeros, both).logpdf(np.hstack([x, y]))
            return (
                joint
                - multivariate_normal(zeros[:d], sides[0]).logpdf(x)
                - multivariate_normal(zeros[d:], sides[1]).logpdf(y)
            )
        case AdditiveUniform(noise=a):
            return -np.log(norm.cdf(y) - norm.cdf(y - a)).sum(axis=1)
        case Circular(noise=a):
            assert (((y - x) % 1.0) <= a).all()
            return np.full(len(x), -np.log(a))
        case ClassShift(shift=mu):
            joint = np.mean([norm.pdf(x - m) * norm.pdf(y - m) for m in (mu, -mu)], axis=0)
            p_x, p_y = (np.mean([norm.pdf(s - m) for m in (mu, -mu)], axis=0) for s in (x, y))
            return np.log(joint / p_x / p_y)
        case ClassCorrelation(correlations=correlations, shares=shares):
            joint = sum(
                share * multivariate_normal([0, 0], [[1, r], [r, 1]]).pdf(np.hstack([x, y]))
                for r, share in zip(correlations, shares, strict=True)
            )
            return np.log(joint) - norm.logpdf(x[:, 0]) - norm.logpdf(y[:, 0])


@pytest.mark.parametrize(
    "truth",
    [
        Gaussian((0.9, 0.3), width=4, rotated=True),
        LinearLayer(((1.0, 0.5), (0.0, 2.0)), noise=0.5),
        AdditiveUniform(0.5),
        Circular(0.25),
        ClassShift(2.0),
        ClassCorrelation(),
    ],
    ids=str,
)
def test_continuous_truths_against_monte_carlo(truth):
    x, y = truth.sample(200_000, seed=0)
    ratios = log_ratio(truth, x, y)
    error = 5 * ratios.std() / np.sqrt(len(ratios)) + 1e-4
    assert ratios.mean() == pytest.approx(truth.mutual_information, abs=error)


def test_conditional_truths_against_monte_carlo():
    truth = ClassCorrelation()
    x, y, z = truth.sample_labelled(200_000, seed=1)
    by_label = [np.corrcoef(x[z == k, 0], y[z == k, 0])[0, 1] for k in range(3)]
    expected = sum(
        share * -0.5 * np.log(1 - r**2) for share, r in zip(truth.shares, by_label, strict=True)
    )
    assert truth.conditional_mutual_information == pytest.approx(expected, abs=0.01)
    assert ClassShift(3.0).conditional_mutual_information == 0
    x, y, z = SignXor().sample_labelled(100_000, seed=0)
    signs = np.sign(x), np.sign(y)
    within = np.mean([plug_in(signs[0][z == s], signs[1][z == s]) for s in (-1, 1)])
    assert SignXor().conditional_mutual_information == pytest.approx(within, abs=1e-3)


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="strictly between -1 and 1"):
        Gaussian((1.0,))
    with pytest.raises(ValueError, match="`width` must be at least 2"):
        Gaussian((0.5, 0.5), width=1)
    with pytest.raises(ValueError, match="summing to 1"):
        ClassCorrelation((0.1, 0.2), (0.5, 0.6))


def test_everything_public_is_tested_here():
    kinds = {type(truth).__name__ for truth in ALL}
    assert set(distributions.__all__) - kinds == {"JointDistribution", "LabelledDistribution"}
