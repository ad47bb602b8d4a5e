"""Pairs with known mutual information, for benchmarks: `SUITES` by name, each a list of tasks.

Truth is a closed form, or the mean of ln p(x, y) / (p(x) p(y)) over 200,000 samples of a known
density (error about 0.003); a one-to-one change of either side leaves it as it is. The cases
"bend" have the shapes of the Bend-and-Mix models of Czyz et al. (2024). No setting of any
estimator was chosen by "fresh"; one candidate of `Auto` (columns) was added after a look at it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import logsumexp, ndtri

#: Samples for a truth without a closed form.
TRUTH_SAMPLES = 200_000

Array = np.ndarray


@dataclass(frozen=True)
class Task:
    """A distribution of pairs.

    Attributes:
        name: What it is called in tables.
        draw: From n and a generator to n pairs.
        truth: I(X; Y) in nats, or how to work it out.
    """

    name: str
    draw: Callable[[int, np.random.Generator], tuple[Array, Array]]
    truth: float | Callable[[], float]

    @cached_property
    def mutual_information(self) -> float:
        """I(X; Y) in nats."""
        return self.truth() if callable(self.truth) else self.truth

    def sample(self, n: int, seed: int = 0) -> tuple[Array, Array]:
        """Return n pairs with shapes (n, d_x) and (n, d_y)."""
        return self.draw(n, np.random.default_rng([seed, len(self.name), n]))


@dataclass(frozen=True)
class Mixture:
    """A mixture of normal distributions of (X, Y), each with its mean and covariance.

    Attributes:
        shares: Shares of the components, with shape (c,).
        means: With shape (c, d).
        covariances: With shape (c, d, d).
        d_x: The first columns that are X.
    """

    shares: Array
    means: Array
    covariances: Array
    d_x: int

    def draw(self, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return n pairs."""
        which = rng.choice(len(self.shares), size=n, p=self.shares)
        roots = np.linalg.cholesky(self.covariances)
        z = rng.normal(size=(n, self.means.shape[1]))
        rows = self.means[which] + np.einsum("nij,nj->ni", roots[which], z)
        return rows[:, : self.d_x], rows[:, self.d_x :]

    def information(self) -> float:
        """Return the Monte Carlo mean of the pointwise information."""
        total, left = 0.0, TRUTH_SAMPLES
        rng = np.random.default_rng(20240607)
        while left:
            size = min(left, 50_000)
            x, y = self.draw(size, rng)
            rows, split = np.hstack([x, y]), self.d_x
            total += float(
                (
                    self._log_density(rows, slice(None))
                    - self._log_density(x, slice(None, split))
                    - self._log_density(y, slice(split, None))
                ).sum()
            )
            left -= size
        return total / TRUTH_SAMPLES

    def _log_density(self, rows: Array, part: slice) -> Array:
        means, covariances = self.means[:, part], self.covariances[:, part, part]
        roots = np.linalg.inv(np.linalg.cholesky(covariances))
        logs = np.log(self.shares) + np.log(np.einsum("cii->ci", roots)).sum(axis=1)
        if not (covariances - covariances * np.eye(means.shape[1])).any():
            precision = np.einsum("cii->ci", roots) ** 2  # independent columns: two products do
            squared = (rows**2) @ precision.T - 2 * rows @ (precision * means).T
            squared += (precision * means**2).sum(axis=1)
        else:
            squared = np.stack(
                [
                    ((root @ (rows - mean).T) ** 2).sum(axis=0)
                    for root, mean in zip(roots, means, strict=True)
                ],
                axis=1,
            )
        constant = 0.5 * means.shape[1] * np.log(2 * np.pi)
        return np.asarray(logsumexp(logs - 0.5 * squared, axis=1) - constant)


def normal_pairs(correlations: Array, d_x: int, d_y: int) -> Mixture:
    """Return normal sides whose first columns correlate one to one."""
    covariance = np.eye(d_x + d_y)
    for i, r in enumerate(correlations):
        covariance[i, d_x + i] = covariance[d_x + i, i] = r
    return Mixture(np.ones(1), np.zeros((1, d_x + d_y)), covariance[None], d_x)


def normal_information(correlations: Array) -> float:
    """Return -1/2 sum ln(1 - r^2)."""
    return float(-0.5 * np.log1p(-np.square(correlations)).sum())


def correlation_for(information: float) -> float:
    """Return the correlation of a normal pair with this much information."""
    return float(np.sqrt(-np.expm1(-2 * information)))


def mixed(name, mixture, change_x=None, change_y=None):
    """Return the task of a mixture with each side changed one to one."""

    def draw(n, rng):
        x, y = mixture.draw(n, rng)
        return (change_x(x) if change_x else x), (change_y(y) if change_y else y)

    return Task(name, draw, mixture.information)


def changed_normal(name, correlations, d_x, d_y, change_x=None, change_y=None):
    """Return the task of correlated normal columns with each side changed one to one."""
    task = mixed(name, normal_pairs(np.array(correlations), d_x, d_y), change_x, change_y)
    return Task(name, task.draw, normal_information(np.array(correlations)))


# --- Bend and mix ---------------------------------------------------------------------------


def x_shape(r=0.9):
    """Two crossing ridges: each column normal, no correlation."""
    covariances = np.array([[[1, s * r], [s * r, 1]] for s in (-1, 1)])
    return Mixture(np.full(2, 0.5), np.zeros((2, 2)), covariances, 1)


def letters():
    """The letters A and I drawn with six ridges."""
    slope = 0.95 * np.sqrt(0.04 * 0.2)
    means = [[1, 0], [1, 1], [1, -1], [-0.8, -0.2], [-1.2, 0], [-0.4, 0]]
    covariances = [
        np.diag([0.01, 0.2]),
        np.diag([0.05, 0.001]),
        np.diag([0.05, 0.001]),
        np.diag([0.03, 0.001]),
        [[0.04, slope], [slope, 0.2]],
        [[0.04, -slope], [-slope, 0.2]],
    ]
    return Mixture(np.full(6, 1 / 6), np.array(means, float), np.array(covariances, float), 1)


def two_balls(distance=3.0):
    """Two unit balls in three dimensions."""
    means = np.array([[s, s, s] for s in (-1, 1)]) * distance / 2
    return Mixture(np.full(2, 0.5), means, np.tile(np.eye(3), (2, 1, 1)), 2)


def stripes(count=12):
    """Stripes of a plane, each with its level of Y, four levels in turn."""
    means = np.array([[i, 0, i % 4] for i in range(count)]) * 1.5
    covariances = np.tile(np.diag([0.1, 1.0, 0.1]), (count, 1, 1))
    return Mixture(np.full(count, 1 / count), means, covariances, 2)


def concentric(d_x, count):
    """Balls of growing radius about one centre; Y says which, with a little noise."""
    sizes = np.arange(1, count + 1)
    means = np.array([[0.0] * d_x + [float(i)] for i in sizes])
    covariances = np.array([np.diag([float(i**2)] * d_x + [1e-4]) for i in sizes])
    return Mixture(np.full(count, 1 / count), means, covariances, d_x)


def inliers(d, correlations, share):
    """Correlated columns, but for a share of samples that has been shuffled."""
    signal = normal_pairs(np.array(correlations), d, d)
    covariances = np.concatenate([signal.covariances, np.eye(2 * d)[None]])
    return Mixture(np.array([1 - share, share]), np.zeros((2, 2 * d)), covariances, d)


def turned(speed):
    """Return a rotation of the first two columns by an angle that grows with the radius."""

    def turn(x):
        angle = speed * (x**2).sum(axis=1)
        c, s = np.cos(angle), np.sin(angle)
        first, second = c * x[:, 0] - s * x[:, 1], s * x[:, 0] + c * x[:, 1]
        return np.column_stack([first, second, x[:, 2:]])

    return turn


def waved(x):
    """Shift the stripes along a sine of the other column."""
    return np.column_stack([0.1 * (x[:, 0] + 5 * np.sin(3 * x[:, 1])) - 0.8, 0.5 * x[:, 1]])


BEND = [
    mixed("X 1+1", x_shape()),
    mixed("AI 1+1", letters()),
    mixed("galaxy 2+1", two_balls(), turned(0.5)),
    mixed("waves 2+1", stripes(), waved),
    mixed("concentric 3+1", concentric(3, 5)),
    mixed("concentric 5+1", concentric(5, 5)),
    mixed("concentric 25+1", concentric(25, 5)),
    mixed("inliers 3+3", inliers(3, (0.8, 0.8), 0.2)),
    mixed("inliers 5+5", inliers(5, (0.8, 0.8), 0.2)),
    mixed("inliers 25+25", inliers(25, (0.8, 0.8), 0.2)),
]

# --- Wide -----------------------------------------------------------------------------------


def embedded(name, rank, width, information, slope=1.0):
    """Return correlated normal signals spread over many columns, leaky-rectified if slope < 1."""
    r = correlation_for(information / rank)

    def draw(n, rng):
        fixed = np.random.default_rng(rank)
        sides = normal_pairs(np.full(rank, r), rank, rank).draw(n, rng)
        wide = [side @ fixed.normal(size=(rank, width)) for side in sides]
        return tuple(np.where(side > 0, side, slope * side) for side in wide)

    return Task(name, draw, information)


def noisy_embedded(name, rank, width, information, noise=0.3):
    """Return signals in wide noise; what the noise takes is in the truth."""
    r = correlation_for(information / rank)
    fixed = np.random.default_rng(rank)
    maps = [np.linalg.qr(fixed.normal(size=(width, rank)))[0].T for _ in range(2)]

    def draw(n, rng):
        sides = normal_pairs(np.full(rank, r), rank, rank).draw(n, rng)
        return tuple(
            side @ to + noise * rng.normal(size=(n, width))
            for side, to in zip(sides, maps, strict=True)
        )

    # along the signal's directions the noise adds noise^2 to a variance of 1; elsewhere is nothing
    return Task(name, draw, normal_information(np.full(rank, r / (1 + noise**2))))


WIDE = [
    embedded("linear 512+512, rank 1", 1, 512, 2.0),
    embedded("linear 512+512, rank 4", 4, 512, 2.0),
    embedded("leaky 512+512, rank 1", 1, 512, 2.0, 0.2),
    embedded("leaky 512+512, rank 4", 4, 512, 2.0, 0.2),
    noisy_embedded("linear in noise 512+512, rank 4", 4, 512, 2.0),
    changed_normal("weak 128+128", np.full(128, correlation_for(2 / 128)), 128, 128),
    changed_normal("normal 50+50, dense", np.full(50, correlation_for(1 / 50)), 50, 50),
]

# --- Fresh ----------------------------------------------------------------------------------


def conditionals(name, latent, shares):
    """Return the task of columns that are normal and independent given a latent value.

    `latent` gives means and standard deviations of all columns for each of its values, with shapes
    (c, d), and the number of columns that are X.
    """
    means, deviations, d_x = latent
    covariances = np.einsum("ci,ij->cij", deviations**2, np.eye(means.shape[1]))
    return mixed(name, Mixture(shares, means, covariances, d_x))


def levels(count=60):
    """Return equal shares and normal quantiles, for a latent value that is nearly normal."""
    return np.full(count, 1 / count), ndtri((np.arange(count) + 0.5) / count)


def ring(radius=2.0, count=90):
    """A noisy circle, one coordinate a side."""
    angle = np.arange(count) * 2 * np.pi / count
    means = radius * np.column_stack([np.cos(angle), np.sin(angle)])
    return conditionals(
        "ring 1+1", (means, np.full((count, 2), 0.4), 1), np.full(count, 1 / count)
    )


def shared_scale(d):
    """Independent normal columns times a random scale that both sides share."""
    shares, z = levels()
    scale = np.tile(np.exp(0.8 * z)[:, None], (1, 2 * d))
    return conditionals(f"shared scale {d}+{d}", (np.zeros_like(scale), scale, d), shares)


def scale_of_first(d):
    """The first column of X sets the scale of all of Y; the other columns are noise."""
    shares, z = levels()
    means, scale = np.zeros((len(z), 2 * d)), np.ones((len(z), 2 * d))
    means[:, 0], scale[:, 0] = z, 0.1
    scale[:, d:] = np.exp(0.7 * z)[:, None]
    return conditionals(f"scale of first {d}+{d}", (means, scale, d), shares)


def clusters(d, count, spread):
    """Clusters at random places, the same one on both sides."""
    centres = np.random.default_rng(5).normal(size=(count, 2 * d)) * spread
    name = f"{count} clusters {d}+{d}"
    return conditionals(name, (centres, np.ones((count, 2 * d)), d), np.full(count, 1 / count))


def entropy_on_grid(density, low, high):
    """Return the differential entropy of a density of one variable."""
    grid = np.linspace(low, high, 4001)
    p = np.maximum(density(grid), 1e-300)
    return float(-np.trapezoid(p * np.log(p), grid))


def normal_density(y, mean, deviation):
    """Return the normal density of y about `mean`."""
    return np.exp(-0.5 * ((y - mean) / deviation) ** 2) / deviation / np.sqrt(2 * np.pi)


def sine(frequency, noise, d_x=1):
    """A sine of the first column of X, with noise."""

    def draw(n, rng):
        x = rng.uniform(-1, 1, size=(n, d_x))
        return x, np.sin(frequency * x[:, :1]) + noise * rng.normal(size=(n, 1))

    def truth():
        at = np.sin(frequency * (np.arange(4000) + 0.5) / 2000 - frequency)[:, None]

        def density(y):
            return normal_density(y, at, noise).mean(axis=0)

        return entropy_on_grid(density, -3, 3) - 0.5 * np.log(2 * np.pi * np.e * noise**2)

    return Task(f"sine {d_x}+1", draw, truth)


def product(noise, d_x):
    """The product of the first two columns of X, with noise."""

    def draw(n, rng):
        x = rng.normal(size=(n, d_x))
        return x, x[:, :1] * x[:, 1:2] + noise * rng.normal(size=(n, 1))

    def truth():
        z = levels(2000)[1][:, None]

        def density(y):
            return normal_density(y, 0.0, np.sqrt(z**2 + noise**2)).mean(axis=0)

        return entropy_on_grid(density, -15, 15) - 0.5 * np.log(2 * np.pi * np.e * noise**2)

    return Task(f"product {d_x}+1", draw, truth)


def coupled(d, seed, layers=2):
    """Return a smooth one-to-one map of d columns: halves move and scale each other in turn."""
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=(3, d, d)) / np.sqrt(d) for _ in range(layers)]

    def change(x):
        x, half = x.copy(), d // 2
        for w in weights:
            a = x[:, :half]
            hidden = np.tanh(a @ w[0][:half] * 1.5)
            x[:, half:] = x[:, half:] * np.exp(0.5 * np.tanh(hidden @ w[1][:, half:]))
            x[:, half:] += hidden @ w[2][:, half:]
            x = x[:, ::-1]
        return x

    return change


def curved(d, width, seed):
    """Return a map of d columns onto a curved surface in `width` dimensions."""
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=(d, 64)), rng.normal(size=(64, width)) / 8

    def change(x):
        return np.tanh(x @ first / np.sqrt(d)) @ second + 0.05 * x @ first[:, :width]

    return change


def skewed(x):
    """Skew every other column and give the rest heavy tails."""
    x = x.copy()
    x[:, ::2], x[:, 1::2] = np.exp(1.5 * x[:, ::2]), np.sinh(2 * x[:, 1::2])
    return x


FRESH = [
    sine(6.0, 0.3),
    sine(6.0, 0.3, d_x=4),
    ring(),
    product(0.5, 2),
    product(0.5, 6),
    shared_scale(1),
    shared_scale(6),
    scale_of_first(3),
    scale_of_first(12),
    clusters(2, 6, 2.0),
    clusters(12, 6, 1.0),
    changed_normal("coupled 4+4", [0.8, 0.6, 0.4], 4, 4, coupled(4, 1), coupled(4, 2)),
    changed_normal("coupled 12+12", [0.9, 0.6], 12, 12, coupled(12, 3), coupled(12, 4)),
    changed_normal("curved 2 in 20", [0.9, 0.7], 2, 2, curved(2, 20, 1), curved(2, 20, 2)),
    changed_normal("skewed 10+10", [0.7, 0.6, 0.5, 0.4], 10, 10, skewed, skewed),
    changed_normal("strong 3+3", [0.99, 0.95, 0.9], 3, 3),
]

INDEPENDENT = [
    changed_normal(f"independent {d}+{d}, {margins}", [0.0], d, d, change, change)
    for d in (1, 5, 50, 512)
    for margins, change in (("normal", None), ("cubed", lambda x: x**3))
]

SUITES = {"bend": BEND, "wide": WIDE, "independent": INDEPENDENT, "fresh": FRESH}
