"""How an assessment shows itself: text, HTML, JSON and a frame."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter

from mitools import GaussianCopula, Verdict, assess
from mitools.estimators.geometric import Geometric
from tests.mitools.correlation import STRONG, Correlation, toy


def test_headroom_lies_between_the_null_and_the_ceiling():
    found = toy(*STRONG, estimator=Correlation(floor=0.3, top=2.3))
    expected = (found.value - found.null_mean) / (2.3 - found.null_mean)
    assert found.headroom == pytest.approx(expected)
    assert found.excess == found.value - found.null_mean


@pytest.fixture(scope="module")
def labelled():
    x, y = STRONG
    return toy(x, y, given=np.repeat(["a", "b"], 400))


def test_text_has_nats_bits_the_verdict_and_what_the_interval_is_of(labelled):
    text = str(labelled)
    first = text.splitlines()[0]
    assert first.startswith("I = ")
    assert "nats (" in first
    assert "bits)" in first
    assert "90%: noise " in text
    assert "bias perhaps" in text
    assert len(text.splitlines()) < 15
    assert len(repr(labelled)) < 140
    assert repr(labelled).endswith(f"{labelled.verdict})")


def test_html_is_escaped_and_self_contained(labelled):
    html = labelled._repr_html_()
    assert html.count("<tr>") >= 5
    assert "<script" not in html
    assert "http" not in html


def test_json_has_everything_in_plain_numbers(labelled):
    record = json.loads(json.dumps(labelled.to_dict(), allow_nan=False))
    assert record["nats"] == labelled.value
    assert record["verdict"] == str(labelled.verdict)
    assert len(record["null_nats"]) == 100
    assert record["parts"]["a"]["n_samples"] == 400
    assert record["interval_of"] == "I: noise, and an allowance for bias"
    assert record["noise_nats"] == labelled.spread.noise
    assert record["saturation"]["cells_x"] == 7


def test_frame_has_a_row_for_the_whole_and_one_per_label(labelled):
    frame = labelled.to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert frame["label"].tolist() == ["all", "a", "b"]
    assert frame["n_samples"].tolist() == [800, 400, 400]
    assert frame["p_value"].between(0, 1, inclusive="right").all()
    assert (frame["excess_nats"] > 0.5).all()


def test_what_is_not_in_nats_is_never_called_nats():
    found = assess(*STRONG, estimator=Geometric(n_splits=1), n_permutations=19, n_halves=2)
    record = found.to_dict()
    assert record["gmi"] == found.value
    for text in (str(found), repr(found), found._repr_html_(), json.dumps(record)):
        assert "nats" not in text
        assert "bits" not in text
    assert not [name for name in found.to_frame() if "nats" in name or "bits" in name]
    assert np.isnan(found.bits)


QUICK = {"n_permutations": 99, "n_halves": 2, "sweep": False, "cross_check": None}
SERIES = "; but neighbouring rows are alike, and the p value takes them for independent"
COPIES = "of the rows are copies of others, and the p value takes them for independent"


def series(seed, n=400):
    return lfilter([1], [1, -0.9], np.random.default_rng(seed).normal(size=n))


def shown(found):
    """The headline of each way to show an assessment."""
    return (
        str(found).splitlines()[0],
        repr(found),
        found._repr_html_().split("<table>")[0],
        json.loads(json.dumps(found.to_dict()))["headline"],
    )


@pytest.mark.filterwarnings("ignore:Neighbouring rows")
def test_series_stand_in_the_headline_of_a_claim():
    x = series(0)
    found = assess(x, x + series(1), estimator=GaussianCopula(), **QUICK)
    assert found.verdict is not Verdict.INDEPENDENT
    assert all(SERIES in text for text in shown(found))
    assert found.to_dict()["verdict"] == str(found.verdict)  # the claim alone, for programs
    assert found.to_frame()["caveats"][0] == found.to_dict()["caveats"][0] == SERIES[6:]


def test_a_headline_without_doubts_is_the_verdict():
    x = series(0)
    kept = assess(x, x + series(1), estimator=GaussianCopula(), blocks=1, **QUICK)
    assert kept.headline == str(kept.verdict)
    assert not any("; but " in text for text in shown(kept))


@pytest.mark.filterwarnings("ignore:.*rows repeat")
def test_copies_stand_in_the_headline_of_a_claim():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 100))
    rows = np.arange(400) % 100
    found = assess(x[rows], x[rows] + y[rows], estimator=GaussianCopula(), **QUICK)
    assert all(f"100% {COPIES}" in text for text in shown(found))


@pytest.mark.filterwarnings("ignore:Neighbouring rows")
def test_where_nothing_is_claimed_nothing_is_undone():
    grid = np.linspace(0, 60 * np.pi, 3000, endpoint=False)
    found = assess(np.sin(grid), np.sin(1.5 * grid), estimator=GaussianCopula(), **QUICK)
    assert found.verdict is Verdict.INDEPENDENT  # uncorrelated, row by row
    assert found.caveats and found.headline == str(found.verdict)
