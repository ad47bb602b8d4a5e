"""Estimates of every kind of data, printed as JSON: `test_any_machine.py` compares processes.

Run as a script, in a process whose environment chooses the kernel of the linear algebra.
"""

import json
import sys
import warnings

import numpy as np
from threadpoolctl import threadpool_info

from mitools import CCA, PCA, RandomProjection, Reduced, mutual_information
from mitools.distributions import Gaussian
from mitools.estimators import (
    EDGE,
    KSG,
    Auto,
    Canonical,
    GaussianCopula,
    Geometric,
    Labels,
    Mixed,
    NoisyBounds,
    PlugIn,
    Sliced,
    conditional_mutual_information,
)
from mitools.estimators import Gaussian as GaussianInformation

GENERAL = (
    KSG(),
    EDGE(),
    EDGE.released(),
    Auto(),
    Canonical(),
    GaussianInformation(),
    GaussianCopula(),
    Mixed(),
    Geometric(),
    Sliced(n_slices=20),
    Reduced(KSG(), PCA(3)),
    Reduced(KSG(), RandomProjection(3)),
    Reduced(KSG(), CCA(2)),
)
BY_LABEL = (Labels(), Labels(method="ross"), NoisyBounds(), EDGE(), Auto(), PlugIn(), Mixed())


def general(n, rng):
    """Yield names and samples of data that need not be labels."""
    normal = rng.normal(size=(n, 6))
    wide = Gaussian((0.9, 0.8), width=40, rotated=True).sample(n, seed=1)
    wider = Gaussian((0.9, 0.6), width=150, rotated=True).sample(n, seed=2)
    turn = rng.normal(size=(6, 6))
    yield "one column", Gaussian((0.7,)).sample(n, seed=0)
    yield "six columns", Gaussian((0.9, 0.5, 0.3, 0.2, 0.1, 0.0)).sample(n, seed=0)
    yield "wide", wide
    yield "wider than half of the rows", wider
    yield "wider than all rows", Gaussian((0.9,), width=n + 20, rotated=True).sample(n, seed=3)
    yield "unlike widths", (wider[0], wide[1][:, :3])
    yield "independent", (rng.normal(size=(n, 30)), rng.normal(size=(n, 30)))
    yield "the same columns on both sides", (normal, normal)
    yield "the same wide columns on both sides", (wide[0], wide[0])
    yield "a linear map without noise", (normal, normal @ turn)
    yield "a scaled copy", (normal[:, :1], 3 * normal[:, :1])
    yield "low rank", (normal[:, :3] @ rng.normal(size=(3, 20)), normal @ rng.normal(size=(6, 20)))
    noise = rng.normal(size=(n, 2))
    repeated = np.hstack([normal[:, :3], normal[:, :3]])
    yield "columns twice", (repeated, repeated[:, :2] + noise)
    yield "constant columns", (np.insert(wide[0], [0, 3, 40], 7.0, axis=1), wide[1])
    yield "heavy tails", (rng.standard_cauchy(size=(n, 8)), rng.standard_cauchy(size=(n, 8)) ** 3)
    scales = np.logspace(-8, 8, 40)
    yield "unlike units", (wide[0] * scales, wide[1] / scales)
    yield "rectified", tuple(np.maximum(side - 1, 0) for side in wide)
    yield "rounded", tuple(np.round(side, 1) for side in wide)
    half = np.arange(n) // 2
    yield "rows twice", (wide[0][half], wide[1][half])
    yield "a parabola", (normal[:, :2], normal[:, :2] ** 2 + 0.1 * noise)
    cube = np.array(np.meshgrid(*[[-1.0, 1.0]] * 6)).reshape(6, -1).T
    cube = np.tile(cube, (n // 64 + 1, 1))[:n]
    yield "a full factorial design", (cube, cube @ turn + rng.normal(size=(n, 6)))
    yield "levels", (rng.integers(4, size=(n, 5)), rng.integers(4, size=(n, 5)))


def by_label(n, rng):
    """Yield names and samples of data with labels as y."""
    labels = np.arange(n) % 5
    for width in (2, 30, n + 10):
        centres = rng.normal(size=(5, width))
        yield f"labels of {width} columns", (centres[labels] + rng.normal(size=(n, width)), labels)
    hot = np.eye(5)[labels]
    yield "labels and one-hot columns", (hot, labels)
    yield "labels apart", (10 * hot + 0.1 * rng.normal(size=(n, 5)), labels)


def main(n):
    """Print the values of all estimators, and the kernels that made them."""
    warnings.simplefilter("ignore")
    found = {}
    for kinds, estimators in ((general, GENERAL), (by_label, BY_LABEL)):
        rng = np.random.default_rng(0)
        for name, (x, y) in kinds(n, rng):
            x, y = (np.asarray(side, float).reshape(n, -1) for side in (x, y))
            orders = np.array([rng.permutation(n) for _ in range(2)])
            for estimator in estimators:
                key = f"{estimator} on {name}"
                try:
                    one = mutual_information(x, y, estimator=estimator)
                except ValueError as error:  # asks for something else
                    found[key] = str(error)
                    continue
                numbers = {"value": one.value, "ceiling": one.ceiling, **one.stats}
                for row, value in enumerate(estimator.prepare(x, y).permuted(orders)):
                    numbers[f"permuted {row}"] = float(value)
                found[key] = numbers
    noise = np.random.default_rng(1).normal(size=(n, 1))
    for name, (x, y) in general(n, np.random.default_rng(0)):
        if name == "a scaled copy":  # infinite, so that its digits are those of rounding
            continue
        z = np.hstack([x[:, 2:7], y[:, 2:4], x[:, :1] + noise])
        one = conditional_mutual_information(x[:, :2], y[:, :2], z)
        found[f"given other columns of {name}"] = {"value": one.value, **one.stats}
    kernels = [f"{each['internal_api']} {each.get('architecture')}" for each in threadpool_info()]
    json.dump({"kernels": kernels, "found": found}, sys.stdout)


if __name__ == "__main__":
    main(int(sys.argv[1]))
