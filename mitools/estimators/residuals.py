"""Cross-fitted regression on Z: what can be told of X and Y from it, and what is left."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mitools.engines.linear.components import FINE, principal_components
from mitools.estimators.base import Matrix
from mitools.estimators.conditioning import integral_transform
from mitools.estimators.discrete import as_codes
from mitools.samples.scaling import drop_constant, standardized

__all__ = [
    "cross_fitted",
    "features_of",
    "predicted_sizes",
    "summary_of_rest",
    "transformed",
    "unexplained",
]

Codes = NDArray[np.int64]

#: A size, relative to unit variance, that is rounding: it keeps logarithms and ratios finite.
ROUNDING = 1e-12
#: A held-out share of variance that counts as predictable; noise stays below it from n = 500 on.
PREDICTABLE = 0.02
#: At most this many columns summarise what is left of Z.
SUMMARY = 2
#: Random cosine features per length scale, and the length scales in median distances.
COSINES, LENGTHS = 100, (1.0, 0.4)
#: Pairs of columns are multiplied up to this many columns of Z, or products of X' and Y'.
FEW_PRODUCTS = 20
#: Ridge penalties tried.
PENALTIES = 10.0 ** np.arange(-1, 5)
#: Next to none is tried where each feature has so many samples: columns that Z determines leave no
#: rest then, and many features would fit noise.
NEARLY_NONE, PER_FEATURE = 1e-6, 20


def features_of(z: Matrix, seed: int) -> Matrix:
    """Return polynomials and random cosines of Z, standardised, with shape (n, p)."""
    rng = np.random.default_rng(seed)
    d = z.shape[1]
    parts = [z, z**2, z**3, np.abs(z), np.sin(2 * z)]
    if d <= FEW_PRODUCTS:
        first, second = np.triu_indices(d, 1)
        parts.append(z[:, first] * z[:, second])
    some = z[rng.permutation(len(z))[:200]]
    length = np.median(np.linalg.norm(some[::2][: len(some) // 2] - some[1::2], axis=1))
    for scale in LENGTHS:
        directions = rng.normal(size=(d, COSINES)) / (scale * max(length, ROUNDING))
        parts.append(np.cos(z @ directions + rng.uniform(0, 2 * np.pi, size=COSINES)))
    return standardized(np.hstack(parts))


def cross_fitted(features: Matrix, targets: Matrix, fold: NDArray[np.int64]) -> Matrix:
    """Return ridge predictions of each row by the other folds, the penalty by generalised CV."""
    predicted = np.empty_like(targets)
    few = features.shape[1] * PER_FEATURE <= len(features)
    penalties = [NEARLY_NONE, *PENALTIES] if few else PENALTIES
    for number in range(int(fold.max()) + 1):
        train, test = fold != number, fold == number
        centre, middle = features[train].mean(axis=0), targets[train].mean(axis=0)
        design, aim = features[train] - centre, targets[train] - middle
        values, vectors = np.linalg.eigh(design.T @ design)
        values = np.maximum(values, 0.0)
        loads = vectors.T @ (design.T @ aim)
        total = (aim**2).sum(axis=0)
        best, coefficients = np.full(targets.shape[1], np.inf), np.zeros_like(loads)
        for penalty in penalties:
            inverse = 1 / (values + penalty)
            # the residual sum of squares, from loads alone
            squares = total - (loads**2 * (2 * inverse - values * inverse**2)[:, None]).sum(axis=0)
            freedom = max(1 - (1 + (values * inverse).sum()) / len(design), 1e-3)
            better = squares / freedom**2 < best
            best = np.where(better, squares / freedom**2, best)
            coefficients = np.where(better, inverse[:, None] * loads, coefficients)
        predicted[test] = (features[test] - centre) @ (vectors @ coefficients) + middle
    return predicted


def unexplained(targets: Matrix, features: list[Matrix], fold: Codes) -> Matrix:
    """Return, per column, what the best of some held-out predictions leaves; the mean competes."""
    predictions = [cross_fitted(part, targets, fold) for part in features]
    candidates = np.stack([np.zeros_like(targets), *predictions])
    errors = ((candidates - targets) ** 2).mean(axis=1)
    best = np.take_along_axis(candidates, errors.argmin(axis=0)[None, None], axis=0)[0]
    return np.asarray(targets - best)


def predicted_sizes(rest: Matrix, features: Matrix, fold: Codes) -> Matrix:
    """Return the predicted size of each entry, 1 where sizes cannot be predicted."""
    sizes = np.log(np.abs(rest) + 1e-3 * rest.std(axis=0) + ROUNDING)
    predicted = cross_fitted(features, sizes, fold)
    useful = _r2(sizes, predicted) > PREDICTABLE
    return np.asarray(np.exp(np.where(useful, predicted - sizes.mean(axis=0), 0.0)))


def transformed(column: Matrix, features: Matrix, fold: Codes, noise: Matrix) -> Matrix:
    """Return the randomised integral transform of a column with levels, given Z."""
    codes = as_codes(column[:, None])
    levels = (codes[:, None] == np.arange(codes.max() + 1)).astype(np.float64)
    return integral_transform(codes, cross_fitted(features, levels, fold), noise)


def summary_of_rest(
    x: Matrix, y: Matrix, features: Matrix, fold: NDArray[np.int64]
) -> tuple[Matrix, float]:
    """Return what is predictable in the residuals as a few columns, and how much it is."""
    rest = np.hstack([x, y])
    targets = [rest, np.abs(rest)]
    if x.shape[1] * y.shape[1] <= FEW_PRODUCTS:
        targets.append((x[:, :, None] * y[:, None, :]).reshape(len(rest), -1))
    target = standardized(np.hstack(targets))
    predicted = cross_fitted(features, target, fold)
    shares = _r2(target, predicted)
    found = predicted[:, shares > PREDICTABLE]
    if found.shape[1] > SUMMARY:
        found = principal_components(found, FINE, SUMMARY)
    if found.shape[1]:
        found = standardized(drop_constant(found))
    return found, float(max(shares.max(), 0.0))


def _r2(targets: Matrix, predicted: Matrix) -> Matrix:
    variance = targets.var(axis=0)
    return 1 - ((targets - predicted) ** 2).mean(axis=0) / np.where(variance > 0, variance, 1.0)
