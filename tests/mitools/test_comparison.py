"""Estimators side by side: each with its own null, and what is refused."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter

import mitools
from mitools import EDGE, KSG, GaussianCopula, compare, information_matrix, mutual_information

RNG = np.random.default_rng(0)


X = RNG.normal(size=400)


Y = 0.8 * X + 0.6 * RNG.normal(size=400)


@pytest.fixture(scope="module")
def table():
    frame = pd.DataFrame(RNG.normal(size=(400, 4)), columns=list("abcd"))
    frame["d"] += frame["a"]
    frame["sign"] = np.where(frame["b"] > 0, "up", "down")
    frame["large"] = frame["b"] > 1
    return frame


def test_each_answer_is_the_estimator_s_own_with_its_own_null():
    found = compare(X, Y, estimators=[KSG(), EDGE()], n_permutations=9)
    for one in found.answers:
        assert one.estimate == mutual_information(X, Y, estimator=one.estimator)
        assert abs(one.null_mean) < 0.05
        assert 0 < one.null_sd < 0.1
        assert one.fitted_p_value < 1e-3
        assert one.seconds > 0


def test_labels_are_conditioned_on():
    z = np.repeat([0, 1], 200)
    (one,) = compare(X, Y, given=z, estimators=[KSG()], n_permutations=3).answers
    assert one.estimate.value == mutual_information(X, Y, given=z).value


def test_a_refusal_is_a_row_and_not_the_end():
    found = compare(X, Y, estimators=[mitools.Labels(), KSG()], n_permutations=3)
    first, second = found.answers
    assert first.estimate is None
    assert "is no class label" in first.refusal
    assert second.estimate is not None
    assert "is no class label" in str(found)
    assert found.to_frame()["value"].isna().tolist() == [True, False]
    record = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert record[0]["estimate"] is None
    assert record[1]["estimate"]["nats"] == second.estimate.value


def test_other_units_are_said_and_not_drawn():
    found = compare(X, Y, estimators=[KSG(), mitools.Geometric(n_splits=1)], n_permutations=3)
    assert str(found).splitlines()[2].endswith("(gmi, not nats)")
    assert found.to_frame()["unit"].tolist() == ["nats", "gmi"]
    axes = found.plot()
    assert [label.get_text() for label in axes.get_yticklabels()] == ["KSG()"]
    assert found.plot(axes) is axes


def test_progress_names_each_turn():
    seen = []
    compare(X, Y, estimators=[KSG(), EDGE()], n_permutations=1, progress=seen.append)
    assert seen == ["KSG()", "EDGE()"]


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"estimators": []}, ValueError, "`estimators` is empty"),
        ({"estimators": [KSG]}, TypeError, "must be an estimator such as KSG"),
        ({"n_permutations": 0}, ValueError, "`n_permutations` must be at least 1, got 0"),
    ],
)
def test_bad_comparisons_are_refused(settings, error, message):
    with pytest.raises(error, match=message):
        compare(X, Y, **settings)


@pytest.fixture(scope="module")
def found(table):
    return information_matrix(table, n_permutations=50)


def _series(seed, n=500):
    return lfilter([1], [1, -0.95], np.random.default_rng(seed).normal(size=n + 200))[200:]


def test_series_are_warned_of_above_the_table():
    with pytest.warns(UserWarning, match="Neighbouring rows") as said:
        found = compare(_series(0), _series(1), estimators=[GaussianCopula(), KSG()])
    assert len(said) == 1
    caveat = "neighbouring rows are alike, and the p value takes them for independent"
    assert str(found).splitlines()[0] == f"nulls of permutations; but {caveat}"
    assert found.to_dict()[0]["caveats"] == [caveat]
    assert set(found.to_frame()["caveats"]) == {caveat}


@pytest.mark.filterwarnings("error")
def test_independent_series_exceed_their_nulls_rarely_with_blocks():
    tails = [
        one.fitted_p_value
        for seed in range(20)
        for one in compare(
            *(_series(2 * seed), _series(2 * seed + 1)),
            estimators=[GaussianCopula(), KSG()],
            n_permutations=39,
            blocks=1,
        ).answers
    ]
    assert np.mean(np.array(tails) <= 0.05) <= 0.175  # 40, in pairs: 0.05 expected
    coupled = compare(_series(0), _series(0) + 0.5 * _series(1), blocks=1)
    assert all(one.fitted_p_value <= 0.01 for one in coupled.answers)
    assert coupled.blocks == 1 and coupled.caveats == ()
    labels = [text.get_text() for text in coupled.plot().get_legend().get_texts()]
    assert "circular shifts, mean and 2 sd" in labels
