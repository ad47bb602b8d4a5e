"""The narrow tasks of the suite "heldout": one column a side."""

from __future__ import annotations

import numpy as np
from scipy.special import digamma, gammaincinv, gammaln, ive, log_ndtr, xlogy

from mitools.estimators.base import Matrix
from mitools.tasks.task import Pair, Task
from mitools.tasks.truths import channel_information, middles, normal_density

__all__ = ["TASKS", "laplace_density", "rotated", "vonmises_information"]

#: Quantiles of X in a quadrature.
GRID = 4000


def clayton(theta: float) -> Task:
    """Return Clayton's copula, tied in the lower tail, with exponential margins.

    It is that of the bivariate Pareto distribution, whose entropies give the closed form.
    """

    def draw(n: int, rng: np.random.Generator) -> Pair:
        u, w = rng.uniform(size=(2, n, 1))
        v = (u**-theta * (w ** (-theta / (1 + theta)) - 1) + 1) ** (-1 / theta)
        return -np.log(u), -np.log(v)

    truth = float(np.log1p(theta)) - theta / (1 + theta)
    return Task("Clayton copula 1+1", draw, truth, "ln(1 + theta) - theta / (1 + theta)")


def gumbel(theta: float) -> Task:
    """Gumbel's copula, tied in the upper tail, with margins of Frechet's heavy-tailed law."""

    def draw(n: int, rng: np.random.Generator) -> Pair:
        a = 1 / theta  # a positive stable frailty, after Chambers, Mallows and Stuck (1976)
        angle, scale = rng.uniform(0, np.pi, size=(n, 1)), rng.exponential(size=(n, 1))
        stable = np.sin(a * angle) / np.sin(angle) ** theta
        stable = stable * (np.sin((1 - a) * angle) / scale) ** (theta - 1)
        x, y = (rng.exponential(size=(2, n, 1)) / stable) ** a  # -ln u and -ln v
        return 1 / x, 1 / y

    def truth() -> float:
        z = np.linspace(-8.5, 8.5, 1701)
        x, y = -log_ndtr(z)[:, None], -log_ndtr(z)
        s = x**theta + y**theta
        root = s ** (1 / theta)
        log_c = x + y - root + (theta - 1) * np.log(x * y) + (1 / theta - 2) * np.log(s)
        log_c = log_c + np.log(root + theta - 1)
        weight = normal_density(z, 0.0, 1.0)
        terms = weight[:, None] * weight * np.exp(log_c) * log_c
        return float(terms.sum() * (z[1] - z[0]) ** 2)

    return Task("Gumbel copula 1+1", draw, truth, "quadrature of the copula's density")


def fgm(theta: float) -> Task:
    """The copula of Farlie, Gumbel and Morgenstern, as weak as it is, with logistic margins."""

    def draw(n: int, rng: np.random.Generator) -> Pair:
        u, w = rng.uniform(size=(2, n, 1))
        a = theta * (1 - 2 * u)
        v = 2 * w / (1 + a + np.sqrt((1 + a) ** 2 - 4 * a * w))
        return np.log(u / (1 - u)), np.log(v / (1 - v))

    def truth() -> float:
        nodes, weights = np.polynomial.legendre.leggauss(200)
        density = 1 + theta * np.outer(nodes, nodes)  # 1 - 2u runs over (-1, 1)
        return float((np.outer(weights, weights) / 4 * xlogy(density, density)).sum())

    return Task("FGM copula 1+1", draw, truth, "quadrature of the copula's density")


def gamma_exponential(shape: float) -> Task:
    """A gamma variable, and an exponential one of that rate (Darbellay and Vajda 2000)."""

    def draw(n: int, rng: np.random.Generator) -> Pair:
        x = rng.gamma(shape, size=(n, 1))
        return x, rng.exponential(size=(n, 1)) / x

    truth = float(digamma(shape + 1) - np.log(shape))
    return Task("gamma-exponential 1+1", draw, truth, "psi(a + 1) - ln a")


def heteroscedastic() -> Task:
    """A line whose noise grows with the distance from 0."""

    def deviation(x: Matrix) -> Matrix:
        return 0.05 + 0.6 * np.abs(x)

    def draw(n: int, rng: np.random.Generator) -> Pair:
        x = rng.uniform(-1, 1, size=(n, 1))
        return x, 0.5 * x + deviation(x) * rng.normal(size=(n, 1))

    def truth() -> float:
        x, y = 2 * middles(GRID) - 1, np.linspace(-6, 6, 4801)
        return channel_information(lambda x, y: normal_density(y, 0.5 * x, deviation(x)), x, y)

    return Task("heteroscedastic 1+1", draw, truth, "quadrature")


def three_lines(noise: float) -> Task:
    """One of three lines at random, in noise."""
    slopes, levels = np.array([1.0, -1.0, 0.0]), np.array([0.0, 1.0, -2.0])

    def draw(n: int, rng: np.random.Generator) -> Pair:
        x, which = rng.uniform(-2, 2, size=(n, 1)), rng.integers(3, size=(n, 1))
        return x, slopes[which] * x + levels[which] + noise * rng.normal(size=(n, 1))

    def truth() -> float:
        x, y = 4 * middles(2000) - 2, np.linspace(-4.5, 4.5, 3601)

        def density(x: Matrix, y: Matrix) -> Matrix:
            lines = zip(slopes, levels, strict=True)
            parts = [normal_density(y, slope * x + level, noise) for slope, level in lines]
            return np.asarray(sum(parts) / 3)

        return channel_information(density, x, y)

    return Task("three lines 1+1", draw, truth, "quadrature")


def cauchy(noise: float) -> Task:
    """A Cauchy variable in Cauchy noise."""

    def draw(n: int, rng: np.random.Generator) -> Pair:
        x = rng.standard_cauchy(size=(n, 1))
        return x, x + noise * rng.standard_cauchy(size=(n, 1))

    return Task("Cauchy channel 1+1", draw, float(np.log1p(1 / noise)), "ln(1 + 1 / g)")


def counts(shape: float, scale: float) -> Task:
    """A gamma rate and a Poisson count of it, which a uniform fraction makes continuous."""

    def draw(n: int, rng: np.random.Generator) -> Pair:
        rate = rng.gamma(shape, scale, size=(n, 1))
        return rate, rng.poisson(rate) + rng.uniform(size=(n, 1))

    def truth() -> float:
        rate = scale * gammaincinv(shape, middles(GRID))[:, None]
        k = np.arange(400)
        p = np.exp(xlogy(k, rate) - rate - gammaln(k + 1))
        marginal = p.mean(axis=0)
        return float(xlogy(p, p).sum(axis=1).mean() - xlogy(marginal, marginal).sum())

    return Task("counts 1+1", draw, truth, "sums over counts, quadrature over rates")


def rotated(degrees: float) -> Task:
    """The coordinates of a rotated square."""
    a, b = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))

    def draw(n: int, rng: np.random.Generator) -> Pair:
        u, v = rng.uniform(-1, 1, size=(2, n, 1))
        return a * u - b * v, b * u + a * v

    wide, narrow = max(a, b), min(a, b)
    truth = 2 * float(np.log(2 * wide) + narrow / (2 * wide)) - float(np.log(4))
    return Task("rotated uniform 1+1", draw, truth, "entropies of a trapezium and of a square")


def phase(kappa: float) -> Task:
    """A phase and itself plus von Mises noise, both cut at pi."""

    def draw(n: int, rng: np.random.Generator) -> Pair:
        x = rng.uniform(-np.pi, np.pi, size=(n, 1))
        y = x + rng.vonmises(0, kappa, size=(n, 1))
        return x, (y + np.pi) % (2 * np.pi) - np.pi

    source = "ln 2 pi - h of the von Mises noise"
    return Task("phase 1+1", draw, vonmises_information(kappa), source)


def vonmises_information(kappa: float) -> float:
    """Return ln 2 pi less the entropy of von Mises noise: kappa I1 / I0 - ln I0."""
    return float(kappa * ive(1, kappa) / ive(0, kappa) - np.log(ive(0, kappa)) - kappa)


def extremes(count: int) -> Task:
    """The least and the largest of a few uniform variables (entropies of beta variables)."""

    def draw(n: int, rng: np.random.Generator) -> Pair:
        u = rng.uniform(size=(n, count))
        return u.min(axis=1, keepdims=True), u.max(axis=1, keepdims=True)

    alone = 1 - 1 / count - float(np.log(count))
    gap = 1 / (count - 1) + 1 / count  # -E ln of the range
    both = (count - 2) * gap - float(np.log(count * (count - 1)))
    return Task("extremes 1+1", draw, 2 * alone - both, "entropies of beta variables")


def logistic_map(noise: float) -> Task:
    """A state of the chaotic logistic map and the next, seen through noise."""

    def draw(n: int, rng: np.random.Generator) -> Pair:
        x = np.sin(np.pi / 2 * rng.uniform(size=(n, 1))) ** 2
        return x, 4 * x * (1 - x) + noise * rng.normal(size=(n, 1))

    def truth() -> float:
        x, y = np.sin(np.pi / 2 * middles(GRID)) ** 2, np.linspace(-1, 2, 4001)
        return channel_information(lambda x, y: normal_density(y, 4 * x * (1 - x), noise), x, y)

    return Task("logistic map 1+1", draw, truth, "quadrature")


def laplace_density(y: Matrix, scale: float) -> Matrix:
    """Return the Laplace density about 0."""
    return np.exp(-np.abs(y) / scale) / (2 * scale)


TASKS = (
    clayton(3.0),
    gumbel(2.0),
    fgm(1.0),
    gamma_exponential(0.5),
    heteroscedastic(),
    three_lines(0.15),
    cauchy(0.5),
    counts(2.0, 4.0),
    rotated(30.0),
    phase(4.0),
    extremes(3),
    logistic_map(0.1),
)
