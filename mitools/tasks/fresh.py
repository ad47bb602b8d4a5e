"""Suite "fresh": shapes of this library's own, in narrow and in wide versions.

No setting of an estimator was chosen by it; one candidate of `Auto` (``columns``) was added after
a look at it. "heldout" is the suite at which nobody looked.
"""

from __future__ import annotations

import numpy as np

from mitools.estimators.base import Matrix
from mitools.tasks.mixtures import Change, Mixture, changed_normal, mixed
from mitools.tasks.task import Pair, Task
from mitools.tasks.truths import entropy_on_grid, levels, normal_density, normal_entropy

__all__ = ["MIXTURES", "TASKS"]

QUADRATURE = "entropies of the density of Y and of the noise, by quadrature"


def given_latent(means: Matrix, deviations: Matrix, d_x: int, shares: Matrix) -> Mixture:
    """Return columns that are normal and independent given a latent value.

    Args:
        means: Means of all columns for each latent value, with shape (c, d).
        deviations: Their standard deviations, likewise.
        d_x: The number of columns that are X.
        shares: Shares of the latent values, with shape (c,).
    """
    covariances = np.einsum("ci,ij->cij", deviations**2, np.eye(means.shape[1]))
    return Mixture(shares, means, covariances, d_x)


def ring(radius: float = 2.0, count: int = 90) -> Mixture:
    """A noisy circle, one coordinate a side."""
    angle = np.arange(count) * 2 * np.pi / count
    means = radius * np.column_stack([np.cos(angle), np.sin(angle)])
    return given_latent(means, np.full((count, 2), 0.4), 1, np.full(count, 1 / count))


def shared_scale(d: int) -> Mixture:
    """Independent normal columns times a random scale that both sides share."""
    shares, z = levels()
    scale = np.tile(np.exp(0.8 * z)[:, None], (1, 2 * d))
    return given_latent(np.zeros_like(scale), scale, d, shares)


def scale_of_first(d: int) -> Mixture:
    """The first column of X sets the scale of all of Y; the other columns are noise."""
    shares, z = levels()
    means, scale = np.zeros((len(z), 2 * d)), np.ones((len(z), 2 * d))
    means[:, 0], scale[:, 0] = z, 0.1
    scale[:, d:] = np.exp(0.7 * z)[:, None]
    return given_latent(means, scale, d, shares)


def clusters(d: int, count: int, spread: float) -> Mixture:
    """Clusters at random places, the same one on both sides."""
    centres = np.random.default_rng(5).normal(size=(count, 2 * d)) * spread
    return given_latent(centres, np.ones((count, 2 * d)), d, np.full(count, 1 / count))


def sine(frequency: float, noise: float, d_x: int = 1) -> Task:
    """A sine of the first column of X, with noise."""

    def draw(n: int, rng: np.random.Generator) -> Pair:
        x = rng.uniform(-1, 1, size=(n, d_x))
        return x, np.sin(frequency * x[:, :1]) + noise * rng.normal(size=(n, 1))

    def truth() -> float:
        at = np.sin(frequency * (np.arange(4000) + 0.5) / 2000 - frequency)[:, None]

        def density(y: Matrix) -> Matrix:
            return np.asarray(normal_density(y, at, noise).mean(axis=0))

        return entropy_on_grid(density, -3, 3) - normal_entropy(noise)

    return Task(f"sine {d_x}+1", draw, truth, QUADRATURE)


def product(noise: float, d_x: int) -> Task:
    """The product of the first two columns of X, with noise."""

    def draw(n: int, rng: np.random.Generator) -> Pair:
        x = rng.normal(size=(n, d_x))
        return x, x[:, :1] * x[:, 1:2] + noise * rng.normal(size=(n, 1))

    def truth() -> float:
        z = levels(2000)[1][:, None]

        def density(y: Matrix) -> Matrix:
            return np.asarray(normal_density(y, 0.0, np.sqrt(z**2 + noise**2)).mean(axis=0))

        return entropy_on_grid(density, -15, 15) - normal_entropy(noise)

    return Task(f"product {d_x}+1", draw, truth, QUADRATURE)


def coupled(d: int, seed: int, layers: int = 2) -> Change:
    """Return a smooth one-to-one map of d columns: halves move and scale each other in turn."""
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=(3, d, d)) / np.sqrt(d) for _ in range(layers)]

    def change(x: Matrix) -> Matrix:
        x, half = x.copy(), d // 2
        for w in weights:
            a = x[:, :half]
            hidden = np.tanh(a @ w[0][:half] * 1.5)
            x[:, half:] = x[:, half:] * np.exp(0.5 * np.tanh(hidden @ w[1][:, half:]))
            x[:, half:] += hidden @ w[2][:, half:]
            x = x[:, ::-1]
        return x

    return change


def curved(d: int, width: int, seed: int) -> Change:
    """Return a map of d columns onto a curved surface in `width` dimensions."""
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=(d, 64)), rng.normal(size=(64, width)) / 8

    def change(x: Matrix) -> Matrix:
        return np.asarray(np.tanh(x @ first / np.sqrt(d)) @ second + 0.05 * x @ first[:, :width])

    return change


def skewed(x: Matrix) -> Matrix:
    """Skew every other column and give the rest heavy tails."""
    x = x.copy()
    x[:, ::2], x[:, 1::2] = np.exp(1.5 * x[:, ::2]), np.sinh(2 * x[:, 1::2])
    return x


#: Each mixture and its truth.
MIXTURES: dict[str, tuple[Mixture, float]] = {
    "ring 1+1": (ring(), 0.2905),
    "shared scale 1+1": (shared_scale(1), 0.0996),
    "shared scale 6+6": (shared_scale(6), 0.6914),
    "scale of first 3+3": (scale_of_first(3), 0.6022),
    "scale of first 12+12": (scale_of_first(12), 1.1843),
    "6 clusters 2+2": (clusters(2, 6, 2.0), 0.4744),
    "6 clusters 12+12": (clusters(12, 6, 1.0), 1.3303),
}

TASKS = (
    sine(6.0, 0.3),
    sine(6.0, 0.3, d_x=4),
    product(0.5, 2),
    product(0.5, 6),
    *(mixed(name, mixture, truth) for name, (mixture, truth) in MIXTURES.items()),
    changed_normal("coupled 4+4", [0.8, 0.6, 0.4], 4, 4, coupled(4, 1), coupled(4, 2)),
    changed_normal("coupled 12+12", [0.9, 0.6], 12, 12, coupled(12, 3), coupled(12, 4)),
    changed_normal("curved 2 in 20", [0.9, 0.7], 2, 2, curved(2, 20, 1), curved(2, 20, 2)),
    changed_normal("skewed 10+10", [0.7, 0.6, 0.5, 0.4], 10, 10, skewed, skewed),
    changed_normal("strong 3+3", [0.99, 0.95, 0.9], 3, 3),
)
