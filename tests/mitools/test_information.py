"""The front door: what it accepts, what it refuses and in which words, and labels."""

import numpy as np
import pandas as pd
import pytest

from mitools import KSG, Estimate, mutual_information
from mitools.distributions import ClassCorrelation, Gaussian

X, Y = Gaussian((0.8,)).sample(60, seed=1)
KSG3 = KSG(k=3)


def value(x, y, **settings):
    return mutual_information(x, y, estimator=KSG3, **settings).value


EXPECTED = value(X, Y)


# --- what is accepted -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        lambda a: a,
        lambda a: a[:, 0],
        lambda a: a[:, 0].tolist(),
        lambda a: a.tolist(),
        lambda a: tuple(a[:, 0]),
        lambda a: pd.DataFrame(a, columns=["a"]),
        lambda a: pd.Series(a[:, 0], index=range(100, 160)),
        lambda a: a.astype(object),
        lambda a: a.astype(np.longdouble),
        lambda a: np.asfortranarray(a),
        lambda a: np.ma.masked_array(a, mask=False),
        lambda a: np.broadcast_to(a, a.shape),
    ],
    ids=(
        "array column list rows tuple frame series object longdouble fortran unmasked readonly"
    ).split(),
)
def test_every_form_of_the_same_numbers_gives_the_same_bits(given):
    assert value(given(X), given(Y)) == EXPECTED


def test_tensors_are_taken_without_their_gradients():
    torch = pytest.importorskip("torch")
    x = torch.tensor(X, requires_grad=True)
    assert value(x, torch.tensor(Y)) == EXPECTED
    assert x.grad is None
    half = value(torch.tensor(X).bfloat16(), torch.tensor(Y).half())
    assert abs(half - EXPECTED) < 0.2


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_narrow_floats_become_wide_before_anything_is_computed(dtype):
    narrow = X.astype(dtype), Y.astype(dtype)
    wide = narrow[0].astype(np.float64), narrow[1].astype(np.float64)
    assert value(*narrow) == value(*wide)


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int64])
def test_integers_are_numbers(dtype):
    rng = np.random.default_rng(0)
    x = rng.permutation(60).astype(dtype)
    assert value(x, x) == pytest.approx(KSG3.ceiling(60), abs=1e-12)


def test_booleans_are_numbers():
    bits = np.random.default_rng(0).integers(2, size=60).astype(bool)
    with pytest.warns(UserWarning, match="discrete"):
        assert np.isfinite(value(bits, Y))


def test_trailing_axes_are_flattened():
    images = np.random.default_rng(0).normal(size=(60, 2, 3))
    assert value(images, Y) == value(images.reshape(60, 6), Y)


def test_inputs_are_left_alone():
    x, y = X.copy(), Y.copy()
    value(x, y)
    assert np.array_equal(x, X)
    assert np.array_equal(y, Y)


def test_constant_columns_carry_nothing():
    x = np.column_stack([X, np.full(60, 7.0)])
    assert value(x, Y) == EXPECTED
    assert value(np.ones(60), Y) == 0


def test_duplicates_are_reported():
    x, y = np.repeat(X, 2, axis=0), np.repeat(Y, 2, axis=0)
    with pytest.warns(UserWarning, match="equal twin"):
        estimate = mutual_information(x, y, estimator=KSG3)
    assert estimate.stats["tied_fraction"] == 1.0
    assert np.isfinite(estimate.value)


def test_huge_numbers_are_legal():
    with np.errstate(all="raise"):
        assert value(X * 1e150, Y) == pytest.approx(EXPECTED, abs=1e-9)


# --- what is refused --------------------------------------------------------------------------

BAD = {
    "empty": ([], [], ValueError, r"`x` is empty: it has shape \(0,\)"),
    "no columns": (np.empty((5, 0)), Y[:5], ValueError, r"`x` is empty: it has shape \(5, 0\)"),
    "scalar": (3.0, Y, ValueError, "got a single value"),
    "unequal": (X, Y[:-1], ValueError, "got 60 rows in `x` and 59 in `y`. Rows are paired"),
    "nan": (np.where(X > 2, np.nan, X), Y, ValueError, r"`x` has NaN in \d+ of 60 rows. Drop"),
    "inf": (X, np.where(Y > 1, np.inf, Y), ValueError, r"`y` has infinite values in \d+ of 60"),
    "both infinities": ([np.inf, -np.inf, 0], [1, 2, 3], ValueError, "infinite values in 2 of 3"),
    "text": (["a"] * 60, Y, TypeError, "must hold numbers, got dtype <U1"),
    "objects": (np.array([{}] * 60), Y, TypeError, "object array that holds something else"),
    "text in objects": (np.array(["1"] * 60, dtype=object), Y, TypeError, "object array"),
    "none": ([1.0, None, 2.0], [1, 2, 3], ValueError, "`x` has 1 missing entries"),
    "nothing": (None, Y, TypeError, "`x` must be an array, a list or a data frame, got NoneType"),
    "mapping": ({"a": 1}, Y, TypeError, "must be an array, a list or a data frame, got dict"),
    "iterator": (iter(X), Y, TypeError, "Turn iterators and mappings into lists first"),
    "string": ("1 2 3", Y, TypeError, "must hold numbers, got dtype <U5"),
    "bytes": (b"123", Y, TypeError, r"must hold numbers, got dtype \|S3"),
    "categories": (pd.Categorical(["a", "b"] * 30), Y, TypeError, "something else, str"),
    "time zones": (
        pd.Series(pd.date_range("2020", periods=60, tz="UTC")),
        Y,
        TypeError,
        "something else, Timestamp",
    ),
    "structured": (np.zeros(60, [("a", float)]), Y, TypeError, r"got dtype \[\('a'"),
    "durations": (np.arange(60).astype("m8[s]"), Y, TypeError, "got dtype timedelta64"),
    "lists in objects": (np.array([[1], [1, 2]] * 30, object), Y, TypeError, "else, list"),
    "pandas boolean NA": (
        pd.array([pd.NA, *[True] * 59], dtype="boolean"),
        Y,
        ValueError,
        "`x` has 1 missing entries",
    ),
    "pandas Float64 NA": (
        pd.array([pd.NA, *[1.5] * 59], dtype="Float64"),
        Y,
        ValueError,
        "`x` has (1 missing|NaN in 1)",
    ),
    "mixed frame": (
        pd.DataFrame({"a": X[:, 0], "b": "text"}),
        Y,
        TypeError,
        "something else, str",
    ),
    "on its side": (X.T, Y, ValueError, r"`x` has 60 columns: if it lies on its side, pass `x.T`"),
    "both on their side": (X.T, Y.T, ValueError, r"If the data lie on their side, pass `x.T`"),
    "other index": (
        pd.Series(X[:, 0]),
        pd.Series(Y[:, 0], index=range(1, 61)),
        ValueError,
        r"`x` and `y` have different row labels \(index\): row 0 is 0 in `x` and 1 in `y`. "
        r'Pair them by label, with `x.align\(y, join="inner", axis=0\)`',
    ),
    "other order": (
        pd.DataFrame(X),
        pd.DataFrame(Y).iloc[::-1],
        ValueError,
        "row 0 is 0 in `x` and 59 in `y`",
    ),
    "pandas NA": (pd.array([1, pd.NA, 2]), [1, 2, 3], ValueError, "`x` has (1 missing|NaN in 1)"),
    "merged by float64": (
        np.arange(60) + 2**60,
        Y,
        ValueError,
        r"`x` holds whole numbers beyond 2\*\*53 .* 59 distinct values would be lost",
    ),
    "too large": (np.array([10**400] * 60), Y, ValueError, "`x` holds numbers too large"),
    "complex": (X + 1j, Y, TypeError, "got dtype complex128"),
    "dates": (np.arange(60).astype("M8[D]"), Y, TypeError, "got dtype datetime64"),
    "ragged": ([[1], [1, 2]], [1, 2], ValueError, "`x` is ragged"),
    "masked": (np.ma.masked_array(X, mask=X > 1), Y, ValueError, "`x` has masked entries"),
    "too few": (X[:3], Y[:3], ValueError, r"KSG\(k=3\) needs at least 4 samples, got 3"),
}


@pytest.mark.parametrize("case", BAD, ids=str)
def test_bad_data_say_what_is_wrong_and_what_to_do(case):
    x, y, error, message = BAD[case]
    with pytest.raises(error, match=message):
        value(x, y)


def test_sparse_matrices_are_refused_with_the_way_out():
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(TypeError, match=r"`x` is sparse. Pass a dense array: `x.toarray\(\)`"):
        value(sparse.eye(60), Y)


@pytest.mark.parametrize("wrong", [KSG, "ksg", 3])
def test_what_is_no_estimator_is_refused(wrong):
    with pytest.raises(TypeError, match=r"KSG\(\) rather than KSG"):
        mutual_information(X, Y, estimator=wrong)


# --- labels -----------------------------------------------------------------------------------

Z = np.repeat([0, 1, 2], [10, 20, 30])


def test_labels_give_the_weighted_sum_of_the_parts_exactly():
    whole = mutual_information(X, Y, given=Z, estimator=KSG3)
    parts = {z: KSG3.estimate(X[z == Z], Y[z == Z]) for z in (0, 1, 2)}
    assert set(whole.parts) == {0, 1, 2}
    for z in (0, 1, 2):
        assert whole.parts[z].value == parts[z].value
        assert whole.parts[z].ceiling == KSG3.ceiling(10 * (z + 1))
    shares = [10 / 60, 20 / 60, 30 / 60]
    expected = sum(share * part.value for share, part in zip(shares, parts.values(), strict=True))
    ceiling = sum(share * part.ceiling for share, part in zip(shares, parts.values(), strict=True))
    assert whole.value == float(expected)
    assert whole.ceiling == float(ceiling)
    assert whole.n_samples == 60


@pytest.mark.parametrize(
    ("labels", "keys"),
    [
        (np.array(["c", "a", "b"])[Z], {"a", "b", "c"}),
        (Z.astype(float), {0.0, 1.0, 2.0}),
        (Z[:, None], {0, 1, 2}),
        (pd.Categorical.from_codes(Z, ["c", "a", "b"]), {"a", "b", "c"}),
        (Z == 1, {False, True}),
        (Z.tolist(), {0, 1, 2}),
    ],
    ids=["text", "whole floats", "column", "categories", "booleans", "list"],
)
def test_labels_may_be_anything_discrete(labels, keys):
    whole = mutual_information(X, Y, given=labels, estimator=KSG3)
    assert set(whole.parts) == keys
    if len(keys) == 3:
        assert whole.value == pytest.approx(value(X, Y, given=Z), abs=1e-15)


def test_the_order_of_samples_with_their_labels_does_not_matter():
    order = np.random.default_rng(0).permutation(60)
    shuffled = value(X[order], Y[order], given=Z[order])
    assert shuffled == pytest.approx(value(X, Y, given=Z), abs=1e-12)


def test_one_label_for_all_is_no_label():
    whole = mutual_information(X, Y, given=np.ones(60, dtype=int), estimator=KSG3)
    assert whole.value == EXPECTED
    assert list(whole.parts) == [1]


def test_unequal_shares_weigh_the_labels():
    truth = ClassCorrelation()
    x, y, z = truth.sample_labelled(4000, seed=0)
    conditional = mutual_information(x, y, given=z).value
    assert abs(conditional - truth.conditional_mutual_information) < 0.05  # sd over seeds 0.015


BAD_LABELS = {
    "lists": (np.array([[1], [1, 2]] * 30, object), TypeError, "that can be ordered.* got list"),
    "arrays": (
        np.array([np.ones(2)] * 59 + [None], object),
        TypeError,
        "that can be ordered.* got ndarray",
    ),
    "structured": (np.zeros(60, [("a", float)]), TypeError, "that can be ordered.* got void"),
    "mapping": ({"a": 1}, TypeError, "`given` must be an array, a list or a data frame, got dict"),
    "length": (Z[:-1], ValueError, r"one label per sample, with shape \(60,\), got shape \(59,\)"),
    "one-hot": (
        np.eye(3)[Z],
        ValueError,
        r"Turn one-hot rows into labels with `.argmax\(axis=1\)",
    ),
    "fractions": (X[:, 0], TypeError, "must hold discrete labels, got fractions"),
    "nan": (np.where(Z == 1, np.nan, Z), ValueError, "missing or infinite labels"),
    "none": ([None, *["a"] * 59], ValueError, "`given` has 1 missing labels"),
    "pandas NA": (pd.array([pd.NA, *Z[1:]]), ValueError, "`given` has (1 )?missing"),
    "nan beside text": ([float("nan"), *["a"] * 59], ValueError, "`given` has 1 missing labels"),
    "no date": (np.array(["NaT", *["2020"] * 59], "M8[D]"), ValueError, r"missing labels \(NaT\)"),
    "complex nan": (np.array([np.nan, *[1j] * 59]), ValueError, "missing or infinite labels"),
    "nan in objects": (np.array([np.nan, *[1] * 59], object), ValueError, "missing"),
    "no order": (np.array([{}, {1: 2}] * 30), TypeError, "that can be ordered.* got dict"),
    "small": (
        np.r_[np.zeros(57), np.ones(3)],
        ValueError,
        r"at least 4 samples in each label; label '1.0' has too few, got 3.*merge or drop small",
    ),
}


@pytest.mark.parametrize("case", BAD_LABELS, ids=str)
def test_bad_labels_say_what_is_wrong_and_what_to_do(case):
    labels, error, message = BAD_LABELS[case]
    with pytest.raises(error, match=message):
        value(X, Y, given=labels)


def test_pandas_rows_are_paired_by_equal_labels():
    x, y, z = pd.DataFrame(X), pd.Series(Y[:, 0]), pd.Series(Z)
    rows = y.index + 7
    assert value(x, y) == value(x.set_axis(rows), y.set_axis(rows)) == EXPECTED
    assert value(x, y.set_axis(rows).to_numpy()) == EXPECTED  # by position, as was asked
    assert value(*x.align(y.iloc[::-1], join="inner", axis=0)) == EXPECTED
    assert value(x, y, given=z) == value(X, Y, given=Z)
    with pytest.raises(ValueError, match="`x` and `given` have different row labels"):
        value(x, y, given=z.set_axis(rows))
    from mitools import conditional_mutual_information

    with pytest.raises(ValueError, match="`y` and `z` have different row labels"):
        conditional_mutual_information(X, y, z.set_axis(rows))


def test_equal_numbers_are_one_label():
    labels = np.array([1, 1.0, True, np.int64(1), 2, 2.0] * 10, dtype=object)
    assert list(mutual_information(X, Y, given=labels, estimator=KSG3).parts) == [1, 2]


def test_large_whole_numbers_that_stay_apart_are_taken():
    steps = np.arange(60) * 2**20  # as nanoseconds since 1970 are
    expected = value(steps, Y)
    assert value(steps + 2**60, Y) == expected
    assert value((steps + 2**60).astype(object), Y) == expected


# --- the estimate -----------------------------------------------------------------------------


def test_an_estimate_shows_itself_shortly():
    estimate = mutual_information(X, Y, estimator=KSG3)
    assert repr(estimate) == f"Estimate({estimate.value:.3f} nats, n=60, KSG(k=3))"
    assert float(estimate) == estimate.value
    assert estimate.bits == pytest.approx(estimate.value / np.log(2), abs=1e-15)
    assert "nats" in estimate.summary()
    assert "ceiling" in estimate.summary()


def test_an_estimate_at_its_ceiling_says_so():
    estimate = mutual_information(X, X, estimator=KSG3)
    assert estimate.saturated
    assert "near its ceiling" in repr(estimate)


def test_an_infinite_ceiling_survives_json():
    import json

    estimate = Estimate(1.0, 10, float("inf"), KSG3)
    assert json.loads(json.dumps(estimate.to_dict(), allow_nan=False))["ceiling_nats"] is None
    assert not estimate.saturated
