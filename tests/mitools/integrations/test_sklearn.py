"""scikit-learn's own checks of the selector, and what it selects."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from mitools import EDGE, KSG, Labels, mutual_information
from mitools.integrations.sklearn import InformationSelector, information_scores

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 5))
NUMBERS = X[:, 1] ** 2 + 0.3 * RNG.normal(size=300)
CLASSES = np.where(np.abs(X[:, 3]) + 0.2 * RNG.normal(size=300) > 0.7, "far", "near")


@parametrize_with_checks(
    [
        InformationSelector(n_permutations=5),
        InformationSelector("edge", n_permutations=5, n_features=1),
    ]
)
def test_scikit_learn_accepts_it(estimator, check):
    check(estimator)


def test_scores_are_the_library_s():
    scores = information_scores(X, NUMBERS)
    assert scores[2] == mutual_information(X[:, 2], NUMBERS).value
    assert scores.argmax() == 1
    codes = (CLASSES == "near").astype(float)
    by_class = information_scores(X, CLASSES)
    assert by_class[3] == Labels(method="ross").estimate(X[:, 3], codes).value
    assert information_scores(X, NUMBERS, estimator="edge:seed=2")[0] == pytest.approx(
        EDGE(seed=2).estimate(X[:, 0], NUMBERS).value
    )


def test_select_k_best_takes_the_score_function():
    best = SelectKBest(partial(information_scores, estimator=KSG(k=8)), k=1).fit(X, NUMBERS)
    assert best.get_support(indices=True).tolist() == [1]


@pytest.mark.parametrize(("target", "kept"), [(NUMBERS, [1]), (CLASSES, [3])])
def test_what_is_dependent_is_kept_and_nothing_else(target, kept):
    selector = InformationSelector(n_permutations=50).fit(X, target)
    assert selector.get_support(indices=True).tolist() == kept
    assert selector.p_values_[kept[0]] == 1 / 51
    assert selector.transform(X).shape == (300, 1)


def test_counts_that_hardly_repeat_are_numbers():
    counts = np.round(1000 * NUMBERS).astype(int)
    assert information_scores(X, counts)[1] == KSG().estimate(X[:, 1], counts).value


def test_data_frames_go_in_and_come_out():
    frame = pd.DataFrame(X, columns=list("abcde"))
    selector = InformationSelector(n_features=2).set_output(transform="pandas")
    out = selector.fit_transform(frame, NUMBERS)
    assert isinstance(out, pd.DataFrame)
    assert "b" in out
    assert out.shape == (300, 2)
    assert selector.get_feature_names_out().tolist() == out.columns.tolist()


def test_it_is_searched_over_in_a_pipeline():
    pipeline = make_pipeline(InformationSelector(n_permutations=5), LogisticRegression())
    grid = {"informationselector__n_features": [1, 5]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(np.abs(X), CLASSES)
    assert search.best_score_ > 0.8


def test_bad_settings_say_what_to_do():
    with pytest.raises(ValueError, match="`n_features` must lie between 1 and 5, got 6"):
        InformationSelector(n_features=6).fit(X, NUMBERS)
    with pytest.raises(ValueError, match="`n_permutations` must be at least 3"):
        InformationSelector(n_permutations=1).fit(X, NUMBERS)
    with pytest.raises(ValueError, match="No estimator named 'kgs'"):
        information_scores(X, NUMBERS, estimator="kgs")


def test_a_float_target_is_numbers_however_often_it_repeats():
    rng = np.random.default_rng(11)
    x, noise = rng.normal(size=(2, 1000))
    values = [
        information_scores(x[:, None], np.round(c * (x + noise)))[0] for c in (5, 100, 110, 120)
    ]
    assert np.ptp(values) < 0.08
    assert np.mean(values) == pytest.approx(np.log(2) / 2, abs=0.08)


def test_a_target_is_what_its_user_says():
    rng = np.random.default_rng(12)
    codes = rng.integers(12, size=100)
    x = (codes % 2 + 0.3 * rng.normal(size=100))[:, None]
    as_classes = information_scores(x, codes, discrete_target=True)[0]
    assert as_classes == Labels(method="ross").estimate(x, codes).value
    assert information_scores(x, codes, discrete_target=False)[0] < as_classes
    renamed = np.random.default_rng(0).permutation(12)[codes]
    assert information_scores(x, renamed, discrete_target=True)[0] == as_classes
    selector = InformationSelector(discrete_target=True).fit(x, codes)
    assert selector.scores_[0] == as_classes
