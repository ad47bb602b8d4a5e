"""The matrix of a table: pairs by their kinds, claims among many, and what is refused."""

import numpy as np
import pandas as pd
import pytest

import mitools
from mitools import KSG, information_matrix, mutual_information

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def table():
    frame = pd.DataFrame(RNG.normal(size=(400, 4)), columns=list("abcd"))
    frame["d"] += frame["a"]
    frame["sign"] = np.where(frame["b"] > 0, "up", "down")
    frame["large"] = frame["b"] > 1
    return frame


@pytest.fixture(scope="module")
def found(table):
    return information_matrix(table, n_permutations=50)


def test_pairs_are_what_the_estimators_say(found, table):
    at = {name: place for place, name in enumerate(found.names)}
    expected = mutual_information(table["a"], table["d"]).value
    assert found.values[at["a"], at["d"]] == expected == found.values[at["d"], at["a"]]
    assert np.isnan(np.diag(found.values)).all()
    assert found.p_values[at["a"], at["d"]] == 1 / 301  # six pairs share theirs
    assert found.p_values[at["sign"], at["large"]] == 1 / 51
    kinds = {
        tuple(sorted((found.names[i], found.names[j]))): e
        for (i, j), e in found.estimators.items()
    }
    assert kinds["a", "d"] == KSG()
    assert kinds["b", "sign"] == mitools.Labels(method="ross")
    assert kinds["large", "sign"] == mitools.PlugIn(correction="chance")


def test_only_what_is_dependent_is_claimed(found):
    pairs = found.pairs()
    claimed = {frozenset((row.x, row.y)) for row in pairs[pairs["dependent"]].itertuples()}
    expected = [("a", "d"), ("b", "sign"), ("b", "large"), ("sign", "large")]
    assert claimed == {frozenset(pair) for pair in expected}
    assert repr(found) == "InformationMatrix(6 columns, 4 of 15 pairs dependent)"
    assert pairs["nats"].is_monotonic_decreasing


def test_what_belongs_together_stands_together(found):
    names = found.to_frame().columns.tolist()
    assert abs(names.index("a") - names.index("d")) == 1
    places = sorted(names.index(name) for name in ("b", "sign", "large"))
    assert places[2] - places[0] == 2
    assert found.to_frame().index.tolist() == names


def test_the_heat_map_has_every_name_and_a_dot_for_each_pair_without_a_claim(found):
    axes = found.plot()
    assert [label.get_text() for label in axes.get_xticklabels()] == list(found.to_frame())
    texts = [text.get_text() for text in axes.texts]
    assert texts.count(".") == 2 * (15 - 4)


def test_arrays_have_numbers_for_names():
    assert information_matrix(RNG.normal(size=(50, 2)), n_permutations=3).names == ("0", "1")
    named = information_matrix(RNG.normal(size=(50, 2)), names=["u", "v"], n_permutations=3)
    assert named.names == ("u", "v")


@pytest.mark.parametrize(
    ("data", "settings", "message"),
    [
        (np.ones(5), {}, r"with shape \(n, d\), got \(5,\)"),
        (np.ones((5, 1)), {}, "at least 2 columns, got 1"),
        (np.ones((5, 2)), {"names": ["a"]}, "must name 2 columns, got 1"),
        (np.ones((5, 2)), {"n_permutations": 2}, "must be at least 3, got 2"),
        (np.ones((5, 2)), {"estimator": mitools.Geometric()}, "is not in nats"),
        (pd.DataFrame({"a": [1.0, np.nan], "b": [1, 2]}), {}, "`a` has NaN in 1 of 2 rows"),
        (pd.DataFrame({"a": ["u", None], "b": [1, 2]}), {}, "'a' has 1 missing values"),
    ],
)
def test_bad_tables_are_refused(data, settings, message):
    with pytest.raises(ValueError, match=message):
        information_matrix(data, **settings)


def test_p_values_are_adjusted_for_their_number():
    table = np.random.default_rng(5).normal(size=(80, 7))
    table[:, 6] += table[:, 3]
    table[:, 2] += 0.4 * table[:, 3]
    found = information_matrix(table, n_permutations=19)
    upper = np.triu_indices(7, 1)
    counted, fitted = found.p_values[upper], found.fitted_p_values[upper]
    assert set(found.n_draws[upper]) == {21 * 19}
    single = np.where(counted <= 1 / 400, fitted, np.maximum(counted, fitted))
    ranked = sorted(single)
    m = len(ranked)
    expected = [
        min(min(1.0, m * p / j) for j, p in enumerate(ranked, start=1) if p >= one)
        for one in single
    ]  # Benjamini and Hochberg (1995)
    np.testing.assert_allclose(found.adjusted_p_values[upper], expected, rtol=1e-12)
    assert (found.adjusted_p_values[upper] > single).any()


def test_among_many_pairs_few_are_called_dependent_by_chance():
    """Of 190 independent pairs, some have p = 0.05 alone; the one that is dependent stays."""
    table = np.random.default_rng(5).normal(size=(120, 20))
    table[:, 7] += table[:, 3]
    found = information_matrix(table, n_permutations=19)
    upper = np.triu_indices(20, 1)
    assert (found.p_values[upper] <= 0.05).sum() > 3
    assert [tuple(pair) for pair in np.argwhere(np.triu(found.dependent))] == [(3, 7)]
    assert (found.adjusted_p_values[upper] >= found.fitted_p_values[upper]).all()
    assert "adjusted_p_value" in found.pairs()
    assert found.pairs().iloc[0]["adjusted_p_value"] == found.adjusted_p_values[3, 7] < 0.05


def test_a_matrix_takes_numbers_held_as_objects_for_numbers():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(80, 2)), columns=["a", "b"])
    held = information_matrix(frame.astype(object), n_permutations=5)
    assert np.array_equal(
        held.values, information_matrix(frame, n_permutations=5).values, equal_nan=True
    )
    frame["c"] = pd.array([pd.NA, *[True] * 79], dtype="boolean")
    with pytest.raises(ValueError, match="The column 'c' has 1 missing values"):
        information_matrix(frame, n_permutations=5)


def test_numbers_are_numbers_unless_they_are_said_to_be_names():
    rng = np.random.default_rng(7)
    names = rng.integers(6, size=400)
    table = pd.DataFrame({"x": np.round(30 * rng.normal(size=400)), "code": names})
    found = information_matrix(table, n_permutations=10)
    assert found.estimators[0, 1] == mitools.Mixed()
    assert abs(found.values[0, 1]) < 0.06
    for said in (["code"], [1]):
        labelled = information_matrix(table, n_permutations=10, discrete=said)
        assert labelled.estimators[0, 1] == mitools.Labels(method="ross")
        assert abs(labelled.values[0, 1]) < 0.06
        renamed = table.assign(code=np.array([70, 3, -1, 5, 0, 9])[names])
        again = information_matrix(renamed, n_permutations=10, discrete=said)
        assert again.values[0, 1] == labelled.values[0, 1]
    categories = table.assign(code=table["code"].astype("category"))
    by_type = information_matrix(categories, n_permutations=10)
    assert by_type.estimators[0, 1] == mitools.Labels(method="ross")
    with pytest.raises(ValueError, match=r"does not have: \['cod'\]\. It has \['x', 'code'\]"):
        information_matrix(table, discrete=["cod"])


def test_a_row_less_changes_no_kind():
    rng = np.random.default_rng(8)
    x = rng.normal(size=200)
    table = np.c_[x, np.arange(200) % 20, np.maximum(x - 1.2, 0)]
    values = [information_matrix(table[:n], n_permutations=3).values for n in (199, 200)]
    assert np.nanmax(np.abs(values[1] - values[0])) < 3 / np.sqrt(200)
