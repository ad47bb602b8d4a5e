r"""Mutual information of features and a class label, by neighbours and by held-out prediction.

With :math:`N_{y_i}` the size of sample i's class, and :math:`m_i` the number of samples of any
class within the distance of i's k-th neighbour of its own class (Ross 2014, eq. 2, i included in
both),

.. math:: \hat I_{\text{Ross}} = \psi(n) + \psi(k) - \langle \psi(N_{y_i}) + \psi(m_i) \rangle .

With :math:`q` a classifier fitted on other samples, the held-out log-loss bounds I from below in
expectation:

.. math:: I(X; Y) \ge H(Y) - \langle -\ln q(y_i \mid x_i) \rangle .

What a classifier loses for want of samples shrinks as one over their number; it is removed by
comparing fits to half and to nine tenths of the data.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, logsumexp

from mitools.engines.linear.components import FINE, principal_components
from mitools.engines.linear.gain import certain_gain
from mitools.engines.neighbors.ties import (
    Points,
    blocked_class_neighbours,
    class_neighbours,
    equal_steps,
    mean_digamma,
)
from mitools.estimators.base import Found, Matrix, MutualInformationEstimator, check_whole
from mitools.estimators.discrete import as_codes, entropy_of_counts
from mitools.estimators.gaussian import rank_normal
from mitools.samples.kinds import is_discrete
from mitools.samples.messages import removed
from mitools.samples.scaling import drop_constant, standardized

__all__ = ["Labels", "ross_terms"]

Codes = NDArray[np.int64]

#: Trees beat matrix products up to about this many dimensions (measured for the Euclidean norm).
TREE_DIMENSIONS = 8
#: Wider data are first rotated onto this many leading principal components.
MAX_WIDTH = 512
#: Most discriminant directions that neighbours are sought in; K - 1 exist.
MOST_DIRECTIONS = 20
#: Own covariances per class are tried up to this many columns.
MOST_QUADRATIC = 64
#: A second view of the data, by ranks, is taken where they differ from normal data by this much
#: (mean squared difference of standardised entries; it is 0.04 for uniform, 0.2 for exponential
#: data).
SKEWED = 0.03


@removed(
    metric="Neighbours are sought in Euclidean balls: those of the maximum norm did better on no "
    "kind of labels.",
    max_directions="Up to 20 discriminant directions are taken: 8 and 50 gave the same values.",
)
@dataclass(frozen=True, repr=False)
class Labels(MutualInformationEstimator):
    """I(X; Y) for a class label Y and continuous X of any width, never above H(Y).

    Use it for labels against features, logits or embeddings; `PlugIn` when X is discrete too,
    `Mixed` when Y is a count with continuous parts. Several estimates are made, all of them in the
    statistics:

    * ``log_loss``: shrunk linear and, where classes are large enough, quadratic discriminant
      analysis, tempered, judged on held-out samples, extrapolated to unlimited samples. Good in
      high dimensions.
    * ``ross``: nearest neighbours in the standardised features. Good in few dimensions, any shape.
    * ``ross_ranked``: the same on the normal quantiles of each column's ranks, where columns are
      far from normal (skewed, heavy tails); the classifiers then see both.
    * ``ross_lda``: the same in up to 20 discriminant directions of the other half of
      the data.

    The value is ``log_loss``, unless a neighbour estimate is above it by more than three standard
    errors of the difference: the classifier then misses something. It is bounded by the entropy of
    the labels in the sample; ``exceeds_entropy`` is what the bound cut off.

    Source: Ross, "Mutual information between discrete and continuous data sets" (PLoS ONE 2014),
    eq. (2); the log-loss bound is Barber and Agakov, "The IM algorithm" (2003);
    shrinkage: Chen et al., "Shrinkage algorithms for MMSE covariance estimation" (2010), eq. (23).
    Ceiling: H(Y) of the sample, at most ln n. Cost: folds + 2 fits of O(n d^2 + d^3), and n^2 d
    for the neighbours above 8 dimensions; memory O(n K + n d).

    Attributes:
        k: Neighbours within a sample's own class (fewer in classes that are smaller).
        method: "auto" as above; "ross" or "log_loss" for one estimate alone.
        folds: Folds for the held-out log-loss.
        seed: Seed of the folds.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> y = rng.integers(2, size=1000)
        >>> x = rng.normal(size=(1000, 20)) + 10 * y[:, None]  # the classes do not overlap: ln 2
        >>> round(Labels().estimate(x, y).bits, 2)
        1.0
    """

    k: int = 3
    method: Literal["auto", "ross", "log_loss"] = "auto"
    folds: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("k", 1), ("folds", 3)):
            check_whole(name, getattr(self, name), least)
        if self.method not in ("auto", "ross", "log_loss"):
            raise ValueError(
                f"`method` must be 'auto', 'ross' or 'log_loss', got {self.method!r}."
            )

    @property
    def takes_labels(self) -> bool:
        """Y is a label."""
        return True

    def minimum_samples(self) -> int:
        """Return 4: two samples in each of two classes."""
        return 4

    def ceiling(self, n_samples: int) -> float:
        """Return ln n; the sample's own ceiling is the entropy of its labels."""
        return float(np.log(n_samples))

    def _prepare(self, x: Matrix, y: Matrix) -> tuple[list[Matrix], Codes]:
        """Return the views of the features, none for a single label, and the labels' codes."""
        codes = self._codes(y)
        return (_views(x) if codes.max() > 0 else []), codes

    def _pair(self, x: list[Matrix], y: Codes) -> Found:
        views, codes = x, y
        counts = np.bincount(codes)
        entropy = entropy_of_counts(counts)
        stats = {
            "labels": float(len(counts)),
            "singleton_labels": float((counts == 1).sum()),
        }
        if len(counts) == 1:
            return Found(0.0, entropy=entropy, stats=stats)
        chosen, terms = self._chosen(views, codes)
        stats |= {name: float(term.mean()) for name, term in terms.items()}
        value = float(chosen.mean())
        stats["standard_error"] = float(chosen.std() / np.sqrt(len(codes)))
        stats["exceeds_entropy"] = max(value - entropy, 0.0)
        return Found(min(value, entropy), entropy=entropy, stats=stats)

    def _codes(self, y: Matrix) -> Codes:
        codes = as_codes(y)
        labels = int(codes.max()) + 1
        if not is_discrete(labels, len(y), repeats=2, least=2):
            raise ValueError(
                f"`y` holds {labels} distinct values in {len(y)} rows, so it is no class "
                "label. Pass the label as `y` and the features as `x`; for a continuous `y` use "
                "KSG(), for one with repeated values Mixed()."
            )
        return codes

    def _chosen(self, views: list[Matrix], codes: Codes) -> tuple[Matrix, dict[str, Matrix]]:
        """Return the pointwise contributions to the chosen estimate, and to all of them."""
        terms = self._terms(views, codes)
        chosen, *others = terms.values()
        for other in others:
            difference = other - chosen
            # A classifier that fails on a few rare labels has a large spread of its own, and is
            # no reason to keep it: the neighbours' error is then the one that counts.
            error = min(difference.std(), other.std()) / np.sqrt(len(codes))
            if certain_gain(float(difference.mean()), float(error)) > 0:
                chosen = other
        return chosen, terms

    def _terms(self, views: list[Matrix], codes: Codes) -> dict[str, Matrix]:
        """Return the pointwise contributions to each estimate, the preferred one first."""
        terms = {}
        if self.method != "ross":
            terms["log_loss"] = self._log_loss_terms(views, codes)
        if self.method == "auto":
            terms["ross_lda"] = self._projected_terms(views[-1], codes)
        if self.method != "log_loss":
            terms["ross"] = ross_terms(views[0], codes, self.k, "l2")
        if self.method == "auto" and len(views) > 1:
            terms["ross_ranked"] = ross_terms(views[-1], codes, self.k, "l2")
        return terms

    def _log_loss_terms(self, views: list[Matrix], codes: Codes) -> Matrix:
        many, few = self._held_out(views, codes, self.folds), self._held_out(views, codes, 2)
        # loss(m) = loss(infinity) + c / m for fits to m samples, at m = n / 2 and n (1 - 1 /
        # folds)
        step = 1 / (1 - 1 / self.folds)
        return many + (many - few) * step / (2 - step)

    def _held_out(self, views: list[Matrix], codes: Codes, n_folds: int) -> Matrix:
        """Return ln q(y_i | x_i) / q(y_i) with q fitted on the other folds, with shape (n,)."""
        n_labels = int(codes.max()) + 1
        width = views[0].shape[1]
        quadratic = bool(np.bincount(codes).min() > 2 * (width + 1) and width <= MOST_QUADRATIC)
        scores = np.empty((len(views), 1 + quadratic, len(codes), n_labels))
        for train, test in _folds(codes, n_folds, self.seed):
            for view, score in zip(views, scores, strict=True):
                score[:, test] = _discriminants(
                    view[train], codes[train], view[test], n_labels, quadratic
                )
        models = scores.reshape(-1, len(codes), n_labels)
        prior = np.log(np.bincount(codes) / len(codes))
        return np.asarray(_pooled(models + prior, codes) - prior[codes])

    def _projected_terms(self, x: Matrix, codes: Codes) -> Matrix:
        """Return Ross' terms in directions found in the other half, so none by chance."""
        terms = np.zeros(len(x))
        for train, test in _folds(codes, 2, self.seed):
            scatter, means, _ = _moments(x[train], codes[train], int(codes.max()) + 1)
            whiten = np.linalg.inv(np.linalg.cholesky(_shrunk(*scatter))).T
            directions = np.linalg.svd(means @ whiten, full_matrices=False)[2]
            kept = min(MOST_DIRECTIONS, int(codes.max()), len(directions))
            terms[test] = ross_terms(
                x[test] @ whiten @ directions[:kept].T, codes[test], self.k, "l2"
            )
        return terms


def ross_terms(x: Matrix, codes: Codes, k: int, metric: Literal["l2", "max"]) -> Matrix:
    """Return psi(n) + psi(k_i) - psi(N_i) - psi(m_i) per sample (Ross 2014, eq. 2).

    Args:
        x: Features, with shape (n, d).
        codes: Class of each sample, with shape (n,).
        k: Neighbours in the own class; min(k, N - 1) in a class of N samples. A class of one
            sample says nothing about its neighbourhood, and its term is 0.
        metric: "l2" or "max".
    """
    sizes = np.bincount(codes)[codes]
    x = equal_steps(x)
    if metric == "l2" and x.shape[1] > TREE_DIMENSIONS:
        asked, counts = blocked_class_neighbours(x, codes, k)
    else:
        asked, counts = class_neighbours(Points(x, squared=metric == "l2"), codes, k)
    within_class = digamma(np.maximum(asked, 1))
    terms = digamma(len(x)) + within_class - digamma(sizes) - mean_digamma(asked, counts)
    return np.where(sizes > 1, terms, 0.0)


def _discriminants(
    x: Matrix, codes: Codes, new: Matrix, n_labels: int, quadratic: bool
) -> NDArray[np.float64]:
    """Return ln p(new | y) up to a constant, for a shared and, if asked, an own covariance.

    scikit-learn's LinearDiscriminantAnalysis with an OAS covariance averages the covariances of
    classes that are shrunk one by one, which loses 0.16 nats a sample at 60 classes of 12 samples
    in 100 columns, and takes 2 to 25 times as long.
    """
    scatter, means, counts = _moments(x, codes, n_labels)
    shared = _shrunk(*scatter)
    factor = np.linalg.cholesky(shared)
    centre = x.mean(axis=0)
    white = np.linalg.solve(factor, (new - centre).T).T
    linear = _predicted(white, np.linalg.solve(factor, (means - centre).T).T, counts)
    if not quadratic:
        return linear[None]
    own = []
    for code in range(n_labels):
        residual = x[codes == code] - means[code]
        weight = (x.shape[1] + 1) / (x.shape[1] + 1 + len(residual))
        covariance = residual.T @ residual / max(len(residual) - 1, 1)
        own.append(_log_densities(new, means[code], (1 - weight) * covariance + weight * shared))
    return np.stack([linear, np.stack(own, axis=1)])


def _predicted(new: Matrix, means: Matrix, counts: NDArray[np.int64]) -> Matrix:
    """Return ln p(new | y) up to a constant, with centres of classes normal around 0.

    A class of few samples has a vague centre, and one of none that of all classes: its samples
    are then unlikely, and not impossible. The variance of the centres is that of the means less
    what their samples explain.

    Args:
        new: Samples, of unit covariance within classes, with shape (n, d).
        means: The means of each class, with shape (K, d).
        counts: How many samples they are of, with shape (K,).
    """
    seen, n = means[counts > 0], counts.sum()
    between = (seen.T * counts[counts > 0]) @ seen
    effective = n - (counts**2).sum() / n
    if effective <= 0:
        return np.zeros((len(new), len(means)))
    variances, axes = np.linalg.eigh(between)
    variances = np.maximum(variances - (len(seen) - 1), 0.0) / effective
    new, means = new @ axes, np.where(counts[:, None] > 0, means, 0.0) @ axes
    explained = counts[:, None] * variances
    centres = means * explained / (1 + explained)
    spread = 1 + variances / (1 + explained)
    constants = (centres**2 / spread + np.log(spread)).sum(axis=1)
    return (new @ (centres / spread).T) - 0.5 * (new**2 @ (1 / spread).T + constants)


def _moments(
    x: Matrix, codes: Codes, n_labels: int
) -> tuple[tuple[Matrix, int], Matrix, NDArray[np.int64]]:
    """Return the within-class covariance, its degrees of freedom, the means and the counts."""
    counts = np.bincount(codes, minlength=n_labels)
    sums = np.zeros((n_labels, x.shape[1]))
    np.add.at(sums, codes, x)
    means = sums / np.maximum(counts, 1)[:, None]
    residual = x - means[codes]
    freedom = max(len(x) - int((counts > 0).sum()), 1)
    return (residual.T @ residual / freedom, freedom), means, counts


def _shrunk(covariance: Matrix, freedom: int) -> Matrix:
    """Shrink towards a multiple of the identity (Chen et al. 2010, oracle approximation)."""
    d = len(covariance)
    scale = np.trace(covariance) / d
    squares = (covariance**2).sum()
    spread = (freedom + 1 - 2 / d) * (squares - scale**2 * d)
    weight = min(1.0, ((1 - 2 / d) * squares + (scale * d) ** 2) / spread) if spread > 0 else 1.0
    floor = max(weight * scale, 1e-12)  # keeps constant features invertible
    return (1 - weight) * covariance + floor * np.eye(d)


def _log_densities(new: Matrix, mean: Matrix, covariance: Matrix) -> Matrix:
    factor = np.linalg.cholesky(covariance)
    white = np.linalg.solve(factor, (new - mean).T)
    return -0.5 * np.einsum("ij,ij->j", white, white) - np.log(np.diag(factor)).sum()


def _pooled(scores: NDArray[np.float64], codes: Codes) -> Matrix:
    """Return ln q(y_i | x_i): models tempered by one number each, then mixed.

    Args:
        scores: Held-out ln p(x | y) p(y) up to constants, with shape (models, n, K).
        codes: The true classes, with shape (n,).
    """
    from scipy.optimize import minimize_scalar  # here: it is slow to import

    rows = np.arange(len(codes))

    def at(model: Matrix, temperature: float) -> Matrix:
        logits = model * temperature
        return np.asarray(logits[rows, codes] - logsumexp(logits, axis=1))

    prior = np.log(np.bincount(codes) / len(codes))
    tempered = []
    for model in scores:
        # The temperature acts on the likelihood alone, so that 0 is the prior: no information.
        likelihood = model - prior

        def loss(power: float, part: Matrix = likelihood) -> float:
            return float(-at(part * power + prior, 1.0).mean())

        power = float(minimize_scalar(loss, bounds=(0.0, 2.0), method="bounded").x)
        if loss(power) > loss(0.0):  # the classifier is far too sure of itself, by many powers
            exponent = minimize_scalar(
                lambda exponent: loss(np.exp(exponent)), bounds=(-40.0, 0.0), method="bounded"
            ).x
            power = float(np.exp(exponent))
            power = power if loss(power) < loss(0.0) else 0.0
        tempered.append(at(likelihood * power + prior, 1.0))
    if len(tempered) == 1:
        return tempered[0]
    stacked = np.stack(tempered)
    shares = np.full(len(stacked), 1 / len(stacked))
    for _ in range(
        30
    ):  # expectation maximisation over the shares alone: concave, no need to converge
        weighted = stacked + np.log(np.maximum(shares, 1e-12))[:, None]
        shares = np.exp(weighted - logsumexp(weighted, axis=0)).mean(axis=1)
    return np.asarray(logsumexp(stacked + np.log(np.maximum(shares, 1e-12))[:, None], axis=0))


def _folds(codes: Codes, n_folds: int, seed: int) -> Iterator[tuple[Codes, Codes]]:
    """Yield (train, test) rows of stratified folds: every class is spread evenly."""
    shuffled = np.random.default_rng(seed).permutation(len(codes))
    by_class = shuffled[np.argsort(codes[shuffled], kind="stable")]
    fold = np.empty(len(codes), dtype=np.int64)
    fold[by_class] = np.arange(len(codes)) % n_folds
    for number in range(n_folds):
        yield np.flatnonzero(fold != number), np.flatnonzero(fold == number)


def _views(x: Matrix) -> list[Matrix]:
    """Return the standardised columns and, where they are far from normal, their ranks'."""
    plain = drop_constant(x)
    if plain.shape[1] == 0:
        return [np.zeros((len(x), 1))]
    plain = standardized(equal_steps(plain))
    ranked = standardized(rank_normal(plain))
    views = [plain, ranked] if ((plain - ranked) ** 2).mean() > SKEWED else [plain]
    return [_compressed(view) for view in views]


def _compressed(x: Matrix) -> Matrix:
    """Rotate wide data onto their leading principal components; the labels take no part in it."""
    width = min(MAX_WIDTH, len(x) - 1)
    if x.shape[1] <= width:
        return x
    return principal_components(x, FINE, width)
