"""What is accepted as samples and labels, and what is refused in which words."""

import numpy as np
import pandas as pd
import pytest

from mitools import KSG, mutual_information
from mitools.distributions import Gaussian

X, Y = Gaussian((0.8,)).sample(60, seed=1)


KSG3 = KSG(k=3)


def value(x, y, **settings):
    return mutual_information(x, y, estimator=KSG3, **settings).value


EXPECTED = value(X, Y)


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


Z = np.repeat([0, 1, 2], [10, 20, 30])


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
