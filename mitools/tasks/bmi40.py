r"""Suite "bmi40": the forty tasks of the published benchmark, drawn from their definitions.

Czyz, Grabowski, Vogt, Beerenwinkel and Marx (2023), "Beyond Normal: On the Evaluation of Mutual
Information Estimators", NeurIPS (arXiv:2306.11078), section 3 and its appendices; names are those
of the authors' package bmi. Truths are closed forms: normal sides, :math:`-\frac12 \ln
(\det \Sigma / \det \Sigma_x \det \Sigma_y)`; uniform noise of half-width e on a uniform variable,
:math:`e - \ln 2e` for :math:`e \le 1/2` and :math:`1 / 4e` above; Student's t by the entropies of
Arellano-Valle, Contreras-Reyes and Genton (2013), eq. (7). One-to-one maps of a side change none
of them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import digamma, gammaln, ndtr

from mitools.estimators.base import Matrix
from mitools.tasks.mixtures import Change, Mixture, mixed, normal_information, normal_pairs
from mitools.tasks.task import Pair, Task

__all__ = ["TASKS"]

#: Correlation of the bivariate normal pair behind the one-dimensional tasks.
CORRELATION = 0.75
#: Halvings of the interval in which a quantile is sought.
HALVINGS = 60


def bivariate() -> Task:
    """Two normal columns."""
    name, truth = f"1v1-normal-{CORRELATION}", normal_information([CORRELATION])
    return mixed(name, normal_pairs([CORRELATION], 1, 1), truth, source="-1/2 ln(1 - r^2)")


def dense(d: int, r: float = 0.5) -> Task:
    """Normal columns of which any two have the same correlation."""
    covariance = np.full((2 * d, 2 * d), r) + (1 - r) * np.eye(2 * d)
    joint, side = (np.linalg.slogdet(covariance[:m, :m])[1] for m in (2 * d, d))
    mixture = Mixture(np.ones(1), np.zeros((1, 2 * d)), covariance[None], d)
    name = f"multinormal-dense-{d}-{d}-{r}"
    return mixed(name, mixture, float(side - joint / 2), source="log-determinants")


def two_pairs(d: int, strength: float = 2.0) -> Task:
    """Normal columns, the first two of X each correlated with its partner in Y."""
    r = strength**2 / (1 + strength**2)
    name = f"multinormal-sparse-{d}-{d}-2-{strength}"
    pairs = normal_pairs([r, r], d, d)
    return mixed(name, pairs, normal_information([r, r]), source="-1/2 sum ln(1 - r^2)")


def additive(half_width: float) -> Task:
    """A uniform variable and itself plus uniform noise."""

    def draw(n: int, rng: np.random.Generator) -> Pair:
        x = rng.uniform(size=(n, 1))
        return x, x + rng.uniform(-half_width, half_width, size=(n, 1))

    e = half_width
    truth = e - float(np.log(2 * e)) if e <= 0.5 else 1 / (4 * e)
    return Task(f"1v1-additive-{e}", draw, truth, "entropies of a trapezium and of its noise")


def student(d: int, freedom: int) -> Task:
    """Student's t in 2 d uncorrelated columns: the sides share their scale only."""

    def draw(n: int, rng: np.random.Generator) -> Pair:
        scale = np.sqrt(rng.chisquare(freedom, size=(n, 1)) / freedom)
        rows = rng.normal(size=(n, 2 * d)) / scale
        return rows[:, :d], rows[:, d:]

    truth = 2 * student_entropy(d, freedom) - student_entropy(2 * d, freedom)
    return Task(f"student-identity-{d}-{d}-{freedom}", draw, truth, "entropies of Student's t")


def student_entropy(d: int, freedom: float) -> float:
    """Return the entropy of Student's t with an identity dispersion in d dimensions."""
    half = (freedom + d) / 2
    constant = gammaln(freedom / 2) - gammaln(half) + d / 2 * np.log(freedom * np.pi)
    return float(constant + half * (digamma(half) - digamma(freedom / 2)))


def changed(prefix: str, task: Task, x: Change | None, y: Change | None) -> Task:
    """Return the same task with each side changed one to one."""

    def draw(n: int, rng: np.random.Generator) -> Pair:
        left, right = task.draw(n, rng)
        return (x(left) if x else left), (y(right) if y else right)

    return replace(task, name=f"{prefix}-{task.name}", draw=draw)


def uniform(task: Task) -> Task:
    """Each column through the normal distribution function."""
    return changed("normal_cdf", task, ndtr, ndtr)


def half_cube(task: Task) -> Task:
    """Each column to the power 3/2, with its sign."""

    def power(x: Matrix) -> Matrix:
        return x * np.sqrt(np.abs(x))

    return changed("half_cube", task, power, power)


def asinh(task: Task) -> Task:
    """Each column through asinh, which shortens long tails."""
    return changed("asinh", task, np.arcsinh, np.arcsinh)


def spiral(task: Task, d: int) -> Task:
    """Two columns of each side rotated by an angle of the squared length over d."""
    return changed("spiral", task, rotated(0, 1, 1 / d), rotated(1, 2, 1 / d))


def rotated(i: int, j: int, speed: float) -> Change:
    """Return the rotation of columns i and j by `speed` times the squared length of the row."""

    def turn(x: Matrix) -> Matrix:
        angle = speed * (x**2).sum(axis=1)
        c, s = np.cos(angle), np.sin(angle)
        out = x.copy()
        out[:, i], out[:, j] = c * x[:, i] - s * x[:, j], s * x[:, i] + c * x[:, j]
        return out

    return turn


def wiggly() -> Task:
    """Both columns plus small waves, still increasing."""

    def wiggle_x(x: Matrix) -> Matrix:
        waves = 0.4 * np.sin(x) + 0.2 * np.sin(1.7 * x + 1) + 0.03 * np.sin(3.3 * x - 2.5)
        return np.asarray(x + waves)

    def wiggle_y(y: Matrix) -> Matrix:
        waves = 0.17 * np.sin(1.3 * y + 3.5) - 0.4 * np.sin(0.4 * y) + 0.02 * np.sin(4.3 * y - 2.5)
        return np.asarray(y + waves)

    return changed("wiggly", bivariate(), wiggle_x, wiggle_y)


def bimodal() -> Task:
    """Both columns with two modes: the quantiles of mixtures of two normal variables."""
    task = uniform(bivariate())
    change = (quantiles((0.3, 0.7), (0.0, 5.0)), quantiles((0.5, 0.5), (-1.0, 3.0)))
    return replace(changed("", task, *change), name=f"1v1-bimodal-{CORRELATION}")


def quantiles(shares: tuple[float, float], means: tuple[float, float]) -> Change:
    """Return the inverse distribution function of a mixture of unit normal variables."""

    def invert(u: Matrix) -> Matrix:
        low, high = np.full(u.shape, -20.0), np.full(u.shape, 20.0)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            below = sum(p * ndtr(middle - m) for p, m in zip(shares, means, strict=True)) < u
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return (low + high) / 2

    return invert


def swiss_roll() -> Task:
    """A uniform X on a roll in the plane."""

    def roll(x: Matrix) -> Matrix:
        t = 1.5 * np.pi * (1 + 2 * x)
        return np.hstack([t * np.cos(t), t * np.sin(t)]) / 21

    return changed("swissroll_x", uniform(bivariate()), roll, None)


TASKS = (
    bivariate(),
    uniform(bivariate()),
    additive(0.1),
    additive(0.75),
    bimodal(),
    wiggly(),
    half_cube(bivariate()),
    student(1, 1),
    asinh(student(1, 1)),
    swiss_roll(),
    *(dense(d) for d in (2, 3, 5, 25, 50)),
    *(two_pairs(d) for d in (2, 3, 5, 25)),
    *(student(d, v) for d, v in ((2, 1), (2, 2), (3, 2), (3, 3), (5, 2), (5, 3))),
    *(uniform(two_pairs(d)) for d in (3, 5, 25)),
    *(half_cube(two_pairs(d)) for d in (3, 5, 25)),
    *(spiral(two_pairs(d), d) for d in (3, 5, 25)),
    *(spiral(uniform(two_pairs(d)), d) for d in (3, 5, 25)),
    *(asinh(student(d, v)) for d, v in ((2, 1), (3, 2), (5, 2))),
)
