r"""Joint distributions that know their own mutual information: for docs, tests and benchmarks.

>>> from mitools.distributions import Gaussian
>>> truth = Gaussian((0.9,))
>>> x, y = truth.sample(1000, seed=0)
>>> round(truth.mutual_information, 4)
0.8304

Those that come with labels also know :math:`I(X; Y \mid Z)`, and `sample_labelled` returns the
labels. Sources of the cases: Kraskov et al. 2004 (Gaussian), Noshad et al. 2019 (additive noise),
Cover and Thomas 2006 (channels).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
from scipy.integrate import quad
from scipy.special import ndtr

from mitools.estimators.base import Matrix

__all__ = [
    "AdditiveUniform",
    "BinarySymmetric",
    "Circular",
    "ClassCorrelation",
    "ClassShift",
    "Erasure",
    "Gaussian",
    "Identity",
    "JointDistribution",
    "LabelledDistribution",
    "LinearLayer",
    "SignXor",
    "UniformIdentity",
]

Pair = tuple[Matrix, Matrix]


class JointDistribution(ABC):
    """A distribution of pairs with known mutual information. Subclasses are frozen dataclasses."""

    @property
    @abstractmethod
    def mutual_information(self) -> float:
        """I(X; Y) in nats (infinite for continuous deterministic maps)."""

    @final
    def sample(self, n: int, seed: int = 0) -> Pair:
        """Return n independent pairs, as arrays with shapes (n, d_x) and (n, d_y).

        Args:
            n: How many pairs.
            seed: Seed of the draw; equal seeds give equal pairs.

        Raises:
            ValueError: For n below 1.
        """
        if n < 1:
            raise ValueError(f"`n` must be at least 1, got {n}.")
        return self._sample(n, np.random.default_rng(seed))

    @abstractmethod
    def _sample(self, n: int, generator: np.random.Generator) -> Pair:
        """Draw n pairs."""


class LabelledDistribution(JointDistribution):
    """A distribution of (X, Y, Z) with Z a label."""

    @property
    @abstractmethod
    def conditional_mutual_information(self) -> float:
        """I(X; Y | Z) in nats."""

    @final
    def sample_labelled(self, n: int, seed: int = 0) -> tuple[Matrix, Matrix, Matrix]:
        """Return n independent triples, labels of shape (n,); the pairs are those of `sample`.

        Args:
            n: How many triples.
            seed: Seed of the draw, as for `sample`.
        """
        return self._sample_labelled(n, np.random.default_rng(seed))

    def _sample(self, n: int, generator: np.random.Generator) -> Pair:
        return self._sample_labelled(n, generator)[:2]

    @abstractmethod
    def _sample_labelled(
        self, n: int, generator: np.random.Generator
    ) -> tuple[Matrix, Matrix, Matrix]:
        """Draw n triples."""


@dataclass(frozen=True)
class Gaussian(JointDistribution):
    r"""Standard normal sides with correlations r: :math:`-\frac12 \sum_i \ln(1 - r_i^2)`.

    Attributes:
        correlations: Correlation of column i of X with column i of Y; other columns are
            independent.
        width: Number of columns of each side, if more than there are correlations.
        rotated: Whether each side is rotated at random, which hides the pairing of
            columns and changes no information.
    """

    correlations: tuple[float, ...]
    width: int | None = None
    rotated: bool = False

    def __post_init__(self) -> None:
        if not self.correlations or any(abs(r) >= 1 for r in self.correlations):
            raise ValueError(
                f"`correlations` must lie strictly between -1 and 1, got {self.correlations}."
            )
        if self.width is not None and self.width < len(self.correlations):
            raise ValueError(
                f"`width` must be at least {len(self.correlations)}, got {self.width}."
            )

    @classmethod
    def independent(cls, width: int) -> Gaussian:
        """Return independent sides of `width` columns each."""
        return cls((0.0,) * width)

    @property
    def mutual_information(self) -> float:
        """Minus half the sum of ln(1 - r^2)."""
        return float(-0.5 * np.log1p(-np.square(self.correlations)).sum())

    def _sample(self, n: int, generator: np.random.Generator) -> Pair:
        width = self.width or len(self.correlations)
        r = np.zeros(width)
        r[: len(self.correlations)] = self.correlations
        x = generator.normal(size=(n, width))
        y = r * x + np.sqrt(1 - r**2) * generator.normal(size=(n, width))
        if self.rotated:
            x, y = (side @ _rotation(width, generator) for side in (x, y))
        return x, y


@dataclass(frozen=True)
class LinearLayer(JointDistribution):
    r"""A noisy linear layer :math:`Y = W X + s Z`: :math:`\frac12 \ln\det(I + W W^\top / s^2)`.

    Attributes:
        weights: W, with shape (d_y, d_x), as nested tuples.
        noise: The standard deviation s of the noise.
    """

    weights: tuple[tuple[float, ...], ...]
    noise: float = 1.0

    @property
    def mutual_information(self) -> float:
        """Half the log-determinant of the signal-to-noise matrix plus one."""
        w = np.array(self.weights) / self.noise
        return float(0.5 * np.linalg.slogdet(np.eye(len(w)) + w @ w.T)[1])

    def _sample(self, n: int, generator: np.random.Generator) -> Pair:
        w = np.array(self.weights)
        x = generator.normal(size=(n, w.shape[1]))
        return x, x @ w.T + self.noise * generator.normal(size=(n, len(w)))


@dataclass(frozen=True)
class AdditiveUniform(JointDistribution):
    r"""Normal X, uniform noise: :math:`Y = X + a U`, :math:`U \sim U[0, 1]^d` (EDGE, figure 2).

    Attributes:
        noise: The width a of the noise.
        width: Number of columns of each side.
    """

    noise: float = 1.0
    width: int = 2

    @property
    def mutual_information(self) -> float:
        """Per column h(Y) - ln a, from the density (Phi(y) - Phi(y - a)) / a."""
        a = self.noise

        def density(y: float) -> float:
            mirrored = a - y if y > a / 2 else y  # the tail where ndtr keeps its digits
            return float(ndtr(mirrored) - ndtr(mirrored - a)) / a

        return self.width * (_entropy(density, -9.0, a + 9.0) - float(np.log(a)))

    def _sample(self, n: int, generator: np.random.Generator) -> Pair:
        x = generator.normal(size=(n, self.width))
        return x, x + self.noise * generator.uniform(size=(n, self.width))


@dataclass(frozen=True)
class Circular(JointDistribution):
    r"""Uniform X on a circle, :math:`Y = X + a V \bmod 1`: information :math:`-\ln a`.

    Attributes:
        noise: The width a of the noise, in (0, 1].
    """

    noise: float = 0.25

    @property
    def mutual_information(self) -> float:
        """Minus ln a."""
        return float(-np.log(self.noise))

    def _sample(self, n: int, generator: np.random.Generator) -> Pair:
        x = generator.uniform(size=(n, 1))
        return x, (x + self.noise * generator.uniform(size=(n, 1))) % 1.0


@dataclass(frozen=True)
class Erasure(JointDistribution):
    """Uniform symbols, each erased (replaced by -1) with a probability: (1 - e) ln K.

    Attributes:
        symbols: How many symbols K.
        probability: The probability e of an erasure.
    """

    symbols: int = 8
    probability: float = 0.25

    @property
    def mutual_information(self) -> float:
        """What is not erased, of ln K."""
        return float((1 - self.probability) * np.log(self.symbols))

    def _sample(self, n: int, generator: np.random.Generator) -> Pair:
        x = generator.integers(self.symbols, size=(n, 1)).astype(np.float64)
        return x, np.where(generator.uniform(size=(n, 1)) < self.probability, -1.0, x)


@dataclass(frozen=True)
class BinarySymmetric(JointDistribution):
    """A fair bit, flipped with a probability: ln 2 - h(p).

    Attributes:
        flip: The probability p of a flip.
    """

    flip: float = 0.1

    @property
    def mutual_information(self) -> float:
        """Ln 2 less the entropy of the flip."""
        p = np.array([self.flip, 1 - self.flip])
        p = p[p > 0]
        return float(np.log(2) + (p * np.log(p)).sum())

    def _sample(self, n: int, generator: np.random.Generator) -> Pair:
        x = generator.integers(2, size=(n, 1)).astype(np.float64)
        return x, np.abs(x - (generator.uniform(size=(n, 1)) < self.flip))


@dataclass(frozen=True)
class UniformIdentity(JointDistribution):
    """Y = X, uniform over K symbols: ln K.

    Attributes:
        symbols: How many symbols K.
    """

    symbols: int = 8

    @property
    def mutual_information(self) -> float:
        """Ln K."""
        return float(np.log(self.symbols))

    def _sample(self, n: int, generator: np.random.Generator) -> Pair:
        x = generator.integers(self.symbols, size=(n, 1)).astype(np.float64)
        return x, x.copy()


@dataclass(frozen=True)
class Identity(JointDistribution):
    """Y = X, standard normal: infinite. Estimates on finite samples depend on their number.

    Attributes:
        width: Number of columns of each side.
    """

    width: int = 1

    @property
    def mutual_information(self) -> float:
        """Infinity: no density of the pair exists."""
        return float("inf")

    def _sample(self, n: int, generator: np.random.Generator) -> Pair:
        x = generator.normal(size=(n, self.width))
        return x, x.copy()


@dataclass(frozen=True)
class ClassShift(LabelledDistribution):
    r"""Two classes that shift both sides: :math:`(X, Y) \mid Z = \pm 1 \sim N(\pm\mu (1, 1), I)`.

    Independent within a class, dependent overall: the case where rho is 0 while I is not.

    Attributes:
        shift: The shift mu.
    """

    shift: float = 2.0

    @property
    def mutual_information(self) -> float:
        """2 h(X) - h(X, Y); along and across the shift, (X, Y) is a mixture and a normal."""
        mu = self.shift
        across = 0.5 * float(np.log(2 * np.pi * np.e))
        return 2 * _mixture_entropy(mu) - _mixture_entropy(float(np.sqrt(2)) * mu) - across

    @property
    def conditional_mutual_information(self) -> float:
        """0."""
        return 0.0

    def _sample_labelled(
        self, n: int, generator: np.random.Generator
    ) -> tuple[Matrix, Matrix, Matrix]:
        z = 2 * generator.integers(2, size=n) - 1
        pairs = generator.normal(size=(n, 2)) + self.shift * z[:, None]
        return pairs[:, :1], pairs[:, 1:], z.astype(np.float64)


@dataclass(frozen=True)
class SignXor(LabelledDistribution):
    """Independent normal sides, labelled by the sign of their product: 0, but ln 2 in a label."""

    @property
    def mutual_information(self) -> float:
        """0."""
        return 0.0

    @property
    def conditional_mutual_information(self) -> float:
        """Ln 2: given the label, each side's sign tells the other's."""
        return float(np.log(2))

    def _sample_labelled(
        self, n: int, generator: np.random.Generator
    ) -> tuple[Matrix, Matrix, Matrix]:
        pairs = generator.normal(size=(n, 2))
        return pairs[:, :1], pairs[:, 1:], np.sign(pairs[:, 0] * pairs[:, 1])


@dataclass(frozen=True)
class ClassCorrelation(LabelledDistribution):
    r"""Standard normal pairs whose correlation depends on the label; unequal shares test weights.

    Attributes:
        correlations: The correlation within each label 0, 1, ...
        shares: The labels' probabilities, which sum to 1.
    """

    correlations: tuple[float, ...] = (0.9, 0.0, -0.6)
    shares: tuple[float, ...] = (0.2, 0.5, 0.3)

    def __post_init__(self) -> None:
        if len(self.shares) != len(self.correlations) or abs(sum(self.shares) - 1) > 1e-9:
            raise ValueError(
                f"`shares` must hold one probability per correlation, summing to 1, got "
                f"{self.shares}."
            )

    @property
    def mutual_information(self) -> float:
        """The mixture's divergence from independence, by the trapezoidal rule on a grid."""
        grid = np.linspace(-9, 9, 2401)
        normal = np.exp(-0.5 * grid**2) / np.sqrt(2 * np.pi)
        product = normal[:, None] * normal
        joint = np.zeros_like(product)
        for r, share in zip(self.correlations, self.shares, strict=True):
            squares = grid[:, None] ** 2 - 2 * r * grid[:, None] * grid + grid**2
            scale = 2 * np.pi * np.sqrt(1 - r**2)
            joint += share * np.exp(-0.5 * squares / (1 - r**2)) / scale
        seen = joint > 0
        terms = joint[seen] * (np.log(joint[seen]) - np.log(product[seen]))
        return float(terms.sum() * (grid[1] - grid[0]) ** 2)

    @property
    def conditional_mutual_information(self) -> float:
        """The share-weighted mean of -ln(1 - r^2) / 2."""
        per_label = -0.5 * np.log1p(-np.square(self.correlations))
        return float(np.dot(self.shares, per_label))

    def _sample_labelled(
        self, n: int, generator: np.random.Generator
    ) -> tuple[Matrix, Matrix, Matrix]:
        z = generator.choice(len(self.shares), size=n, p=self.shares)
        r = np.array(self.correlations)[z][:, None]
        x = generator.normal(size=(n, 1))
        y = r * x + np.sqrt(1 - r**2) * generator.normal(size=(n, 1))
        return x, y, z.astype(np.float64)


def _rotation(width: int, generator: np.random.Generator) -> Matrix:
    """Return a rotation drawn uniformly (Haar), up to a reflection."""
    q, r = np.linalg.qr(generator.normal(size=(width, width)))
    return q * np.sign(np.diag(r))


def _mixture_entropy(mean: float) -> float:
    """Return the entropy of (N(-mean, 1) + N(mean, 1)) / 2, in nats."""

    def density(t: float) -> float:
        lobes = np.exp(-0.5 * (t - mean) ** 2) + np.exp(-0.5 * (t + mean) ** 2)
        return float(lobes / np.sqrt(8 * np.pi))

    return 2 * _entropy(density, 0.0, mean + 12.0)


def _entropy(density: Callable[[float], float], low: float, high: float) -> float:
    """Return the integral of -p ln p, in nats."""

    def integrand(t: float) -> float:
        p = density(t)
        return -p * float(np.log(p)) if p > 0 else 0.0

    middle = (low + high) / 2
    return sum(
        float(quad(integrand, *ends, limit=200, epsabs=1e-11)[0])
        for ends in ((low, middle), (middle, high))
    )
