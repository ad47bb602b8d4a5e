"""Feature selection in scikit-learn by mutual information: `information_scores`, and a selector.

`information_scores` is a score function for `SelectKBest` and its kin. `InformationSelector` keeps
the features whose dependence on the target is more than chance; it works in pipelines and grid
searches, and takes and gives data frames. scikit-learn 1.6 or later.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.utils.validation import check_is_fitted, check_X_y, validate_data

from mitools.estimators.base import Matrix, MutualInformationEstimator
from mitools.estimators.registry import parse_estimator
from mitools.estimators.router import for_columns
from mitools.estimators.sample import Sample
from mitools.evidence.doubts import alike_columns, likeness, repeated
from mitools.samples.kinds import is_discrete

__all__ = ["InformationSelector", "information_scores"]

#: Integers are classes if each occurs this often on average; neighbours then see as much of them
#: as of numbers, so that a row more or less changes little.
REPEATS = 10


def information_scores(
    X: Any,
    y: Any,
    *,
    estimator: MutualInformationEstimator | str | None = None,
    discrete_target: bool | None = None,
) -> Matrix:
    """Return I(feature; y) in nats for each feature: a score function for `SelectKBest`.

    Args:
        X: Features, with shape (n, d).
        y: The target, with shape (n,): classes or numbers.
        estimator: An estimator, or its text as for `parse_estimator`. When not given: `Labels` (by
            nearest neighbours) for classes; for numbers `KSG`, or `Mixed` where some repeat. Fix
            it with `functools.partial`.
        discrete_target: Whether `y` holds classes. When not given, text and truth values are
            classes, and so are integers that occur ten times on average; floats are numbers.

    Returns:
        The scores, with shape (d,); slightly negative ones are noise around zero.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.feature_selection import SelectKBest
        >>> X, y = load_iris(return_X_y=True)
        >>> SelectKBest(information_scores, k=2).fit(X, y).get_support(indices=True).tolist()
        [2, 3]
    """
    X, y = check_X_y(X, y, dtype=np.float64)
    target, classes = _target(y, discrete_target)
    features = (X[:, [j]] for j in range(X.shape[1]))
    return np.array(
        [
            _estimator(each, target, classes, estimator).prepare(each, target).found().value
            for each in features
        ]
    )


class InformationSelector(SelectorMixin, BaseEstimator):
    """Keep the features that share information with the target, each judged by itself.

    Redundant features are all kept, and features that matter only together are not seen.

    Attributes:
        scores_: I(feature; y) in nats, with shape (d,).
        p_values_: Of the permutation test, (1 + permutations at least as large) / (1 +
            permutations).
        fitted_p_values_: Tails of the laws fitted to the permutations.
        dependent_: Whether both claim dependence, as `mitools.assess` would.
        alike_: Features whose neighbouring rows are alike, as those of the target, while the p
            values take rows for independent.
        n_features_in_: How many features there were.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(300, 4))
        >>> y = X[:, 1] ** 2 + 0.3 * rng.normal(size=300)  # uncorrelated with X[:, 1]
        >>> InformationSelector().fit(X, y).get_support(indices=True).tolist()
        [1]
    """

    def __init__(
        self,
        estimator: MutualInformationEstimator | str | None = None,
        *,
        n_features: int | None = None,
        n_permutations: int = 100,
        random_state: int = 0,
        blocks: int | None = None,
        discrete_target: bool | None = None,
    ) -> None:
        """Store the settings.

        Args:
            estimator: As for `information_scores`.
            n_features: Keep that many, the highest scores first; when not given, those that are
                dependent by the permutation test.
            n_permutations: Permutations of the target for each feature.
            random_state: Seed of the permutations.
            blocks: For rows in the order of time, as in `mitools.assess`. None takes rows for
                independent, and warns if neighbours are alike.
            discrete_target: As for `information_scores`.
        """
        self.estimator = estimator
        self.discrete_target = discrete_target
        self.n_features = n_features
        self.n_permutations = n_permutations
        self.random_state = random_state
        self.blocks = blocks

    def fit(self, X: Any, y: Any) -> InformationSelector:
        """Score every feature.

        Args:
            X: Features, with shape (n, d).
            y: The target, with shape (n,).

        Returns:
            The selector itself, fitted.

        Raises:
            ValueError: For bad data, an `n_features` above their number, or too few permutations.
        """
        X, y = validate_data(self, X, y, dtype=np.float64, ensure_min_samples=2)
        d = X.shape[1]
        if self.n_features is not None and not 1 <= self.n_features <= d:
            raise ValueError(f"`n_features` must lie between 1 and {d}, got {self.n_features}.")
        if self.n_permutations < 3:
            raise ValueError(f"`n_permutations` must be at least 3, got {self.n_permutations}.")
        target, classes = _target(y, self.discrete_target)
        self.alike_ = self._doubted(X, target)
        nulls = []
        for j in range(d):
            chosen = _estimator(X[:, [j]], target, classes, self.estimator)
            prepared = Sample.of_pair(X[:, [j]], target, self.blocks).prepare(
                chosen, f" for feature {j}"
            )
            rng = np.random.default_rng([self.random_state, j])
            nulls.append(prepared.null(self.n_permutations, rng)[0])
        self.scores_ = np.array([null.observed for null in nulls])
        self.p_values_ = np.array([null.p_value for null in nulls])
        self.fitted_p_values_ = np.array([null.fitted_p_value for null in nulls])
        self.dependent_ = np.array([null.claims for null in nulls])
        return self

    def _doubted(self, X: Matrix, target: Matrix) -> NDArray[np.bool_]:
        """Warn of rows that are not independent; return the features whose rows are alike."""
        d = X.shape[1]
        own = getattr(self, "feature_names_in_", [f"x{j}" for j in range(d)])
        series = 0.0 if self.blocks is not None else likeness(target)
        likes = [likeness(X[:, [j]]) if series else 0.0 for j in range(d)]
        names = ["the target", *map(str, own)]
        for doubt in (alike_columns(names, [series, *likes]), repeated(X, target)):
            if doubt is not None:
                warnings.warn(doubt.sentence, stacklevel=3)
        return np.array(likes) > 0

    def _get_support_mask(self) -> NDArray[np.bool_]:
        check_is_fitted(self)
        if self.n_features is None:
            return np.asarray(self.dependent_)
        mask = np.zeros(len(self.scores_), dtype=bool)
        mask[np.argsort(-self.scores_, kind="stable")[: self.n_features]] = True
        return mask

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


def _target(y: NDArray[Any], discrete: bool | None) -> tuple[Matrix, bool]:
    """Return y with shape (n, 1), as numbers, and whether they are names of classes."""
    codes, counts = np.unique(y, return_inverse=True, return_counts=True)[1:]
    text = y.dtype.kind not in "iuf"
    if discrete is None:  # whole numbers that hardly repeat are counts or years, not classes
        whole = y.dtype.kind in "iu" and is_discrete(len(counts), len(y), REPEATS)
        discrete = text or whole
    numbers = codes if text else y
    return np.asarray(numbers, dtype=np.float64).reshape(-1, 1), discrete


def _estimator(
    feature: Matrix,
    target: Matrix,
    classes: bool,
    estimator: MutualInformationEstimator | str | None,
) -> MutualInformationEstimator:
    """Return what estimates I(feature; target)."""
    if isinstance(estimator, str):
        return parse_estimator(estimator)
    return estimator or for_columns(feature, target, False, classes)
