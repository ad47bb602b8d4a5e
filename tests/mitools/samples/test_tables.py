"""Columns of files: the same numbers from every kind, and errors that name what is near."""

import pickle
import re

import numpy as np
import pandas as pd
import pytest

from mitools.samples.installed import install_line
from mitools.samples.tables import read_table

FRAME = pd.DataFrame(
    {
        "x1": [0.5, 1.5, 2.5],
        "x2": [1, 2, 3],
        "y": [3.0, 2.0, 1.0],
        "label": ["a", "b", "a"],
        "7": [9.0, 8.0, 7.0],
    }
)


@pytest.fixture(params=["csv", "tsv", "parquet"])
def table(request, tmp_path):
    path = tmp_path / f"data.{request.param}"
    if request.param == "parquet":
        pytest.importorskip("pyarrow")
        FRAME.to_parquet(path)
    else:
        FRAME.to_csv(path, index=False, sep="," if request.param == "csv" else "\t")
    return read_table(path)


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ("x1", ["x1"]),
        ("x1,y", ["x1", "y"]),
        (" y , x1 ", ["y", "x1"]),
        ("x*", ["x1", "x2"]),
        ("x?", ["x1", "x2"]),
        ("[xy]*", ["x1", "x2", "y"]),
        ("0", ["x1"]),
        ("-1", ["7"]),
        ("7", ["7"]),  # a name goes before an index
        ("0:2", ["x1", "x2"]),
        ("0:2,y", ["x1", "x2", "y"]),
        (":3", ["x1", "x2", "y"]),
        ("x1,x*", ["x1", "x2"]),  # each once
    ],
)
def test_columns_by_name_glob_index_and_range(table, wanted, names):
    assert table.select(wanted) == names
    assert np.array_equal(table.columns(wanted), FRAME[names].to_numpy(dtype=float))


def test_labels_keep_their_kind(table):
    assert table.labels("label").tolist() == ["a", "b", "a"]
    assert table.labels("x2").tolist() == [1, 2, 3]
    with pytest.raises(ValueError, match="Labels are one column, and 'x\\*' asks for 2"):
        table.labels("x*")


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("lable", "No column named 'lable'. Did you mean 'label'"),
        ("z*", "no column matches 'z\\*'"),
        ("0:9", "has 5 columns, and '0:9' asks for more"),
        ("12", "No column named '12'"),
        ("2:2", "no column matches '2:2'"),
        (",", "names no column"),
        ("label", "the column 'label' holds no numbers but 'a'"),
    ],
)
def test_wrong_columns_name_the_nearest(table, wanted, message):
    with pytest.raises(ValueError, match=message):
        table.columns(wanted)


BARE = np.array([[1, 2], [3, 4], [5, 6]])


def test_a_csv_without_a_header_has_numbered_columns(tmp_path):
    path = tmp_path / "bare.csv"
    path.write_text("1,2\n3,4\n5,6\n")
    with pytest.warns(UserWarning, match=r"the first row \(1, 2\) is taken for data"):
        assert np.array_equal(read_table(path).columns("0:2"), BARE)


@pytest.mark.filterwarnings("error")
def test_a_header_that_is_declared_is_believed(tmp_path):
    path = tmp_path / "years.csv"
    path.write_text("2001,2002\n1,2\n3,4\n5,6\n")
    named = read_table(path, header=True)
    assert named.names == ["2001", "2002"]
    assert np.array_equal(named.columns("2001,2002"), BARE)
    bare = read_table(path, header=False)
    assert np.array_equal(bare.columns("0:2"), [[2001, 2002], *BARE.tolist()])


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("x,7\n1.5,2\n", True),  # a text above a number
        ("x,label\n1,a\n", True),
        ("name,colour\nbob,red\n", True),  # no numbers at all
        (",x\n0,1\n", True),  # as pandas writes its index
        ("x,y\n,2\n", True),
        ("\n\nx,y\n1,2\n", True),
        ("1.5,cat\n2.5,dog\n", False),  # data with labels: the first row is like the second
        ("1.5,,3\n2.5,1,2\n", False),  # a missing value is no name
        ("NA,2\n1,3\n", False),
        ("label,7\ncat,1\n", False),  # cannot be told: a number is above the number
    ],
)
def test_what_tells_names_from_data(tmp_path, recwarn, text, names):
    path = tmp_path / "a.csv"
    path.write_text(text)
    rows = len(text.split()) - names
    table = read_table(path)
    assert len(table.labels("0")) == rows
    assert (len(recwarn) == 0) == names


@pytest.mark.parametrize("text", ["a,b\n1,2,3\n4,5,6\n", "a,b\n1,2,\n", "\na,b\n1,2,3\n"])
@pytest.mark.parametrize("header", [None, True, False])
def test_more_cells_than_names_are_refused_with_the_line(tmp_path, text, header):
    path = tmp_path / "a.csv"
    path.write_text(text)
    line = 3 if text.startswith("\n") else 2
    with pytest.raises(ValueError, match=rf"a\.csv: line {line} has 3 cells, and .* has 2"):
        read_table(path, header)


def test_a_spreadsheet_mark_at_the_start_is_not_part_of_the_name(tmp_path):
    path = tmp_path / "excel.csv"
    path.write_text("\ufeffa,b\n1,2\n", encoding="utf-8")
    assert read_table(path).select("a") == ["a"]


def test_missing_cells_become_nan(tmp_path):
    path = tmp_path / "gaps.csv"
    path.write_text("a,b\n1,2\n,4\n")
    assert np.isnan(read_table(path).columns("a")[1, 0])


def test_identifiers_are_not_merged(tmp_path):
    pd.DataFrame({"id": np.arange(9) + 2**60}).to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(ValueError, match="`id` holds whole numbers beyond"):
        read_table(tmp_path / "a.csv").columns("id")


def test_npy(tmp_path):
    array = np.arange(12.0).reshape(4, 3)
    np.save(tmp_path / "a.npy", array)
    table = read_table(tmp_path / "a.npy")
    assert np.array_equal(table.columns("0:2"), array[:, :2])
    assert np.array_equal(table.labels("2"), array[:, 2])
    np.save(tmp_path / "b.npy", array[:, 0])
    assert np.array_equal(read_table(tmp_path / "b.npy").columns("0"), array[:, :1])


def test_npz(tmp_path):
    h1, h2, labels = np.zeros((4, 2, 2)), np.ones(4), np.array(list("abab"))
    np.savez(tmp_path / "a.npz", h1=h1, h2=h2, labels=labels, short=np.ones(3), one=1.0)
    table = read_table(tmp_path / "a.npz")
    assert table.columns("h1").shape == (4, 4)
    assert table.columns("h*").shape == (4, 5)
    assert table.labels("labels").tolist() == list("abab")
    with pytest.raises(ValueError, match=r"Did you mean 'h2' or 'h1'|Did you mean 'h1' or 'h2'"):
        table.columns("h3")
    with pytest.raises(ValueError, match=r"unequal numbers of rows: \[3, 4\]"):
        table.columns("h2,short")
    with pytest.raises(ValueError, match="'one' is a single value"):
        table.columns("one")


def test_pickled_objects_are_never_loaded(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"x": 1}], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "a.npz", x=np.array([{"x": 1}], dtype=object))
    (tmp_path / "b.npy").write_bytes(pickle.dumps([1, 2]))
    for name in ("a.npy", "a.npz", "b.npy"):
        with pytest.raises(ValueError, match="cannot be read: it holds pickled objects"):
            read_table(tmp_path / name)


def test_files_that_are_not_there_or_not_readable(tmp_path):
    FRAME.to_csv(tmp_path / "data.csv", index=False)
    with pytest.raises(FileNotFoundError, match=r"Did you mean 'data\.csv'"):
        read_table(tmp_path / "dta.csv")
    with pytest.raises(ValueError, match="is a folder"):
        read_table(tmp_path)
    for name, content, message in (
        ("a.txt", "1", "of no kind known here: .csv"),
        ("a.csv", "", "a.csv is empty"),
        ("b.csv", "a,b\n", "has a header and no rows"),
        ("c.csv", "a,b\n1,2\n1,2,3\n", "cannot be read as CSV"),
        ("a.npz", "not a zip", "cannot be read"),
    ):
        (tmp_path / name).write_text(content)
        with pytest.raises(ValueError, match=message):
            read_table(tmp_path / name)
    (tmp_path / "d.csv").write_bytes(b"\xff\xfe\x00a,b\n1,2\n")
    with pytest.raises(ValueError, match="cannot be read as CSV"):
        read_table(tmp_path / "d.csv")


def test_a_file_that_is_not_parquet(tmp_path):
    pytest.importorskip("pyarrow")
    (tmp_path / "a.parquet").write_text("not parquet")
    with pytest.raises(ValueError, match="cannot be read as Parquet"):
        read_table(tmp_path / "a.parquet")


def test_half_an_archive_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.arange(100.0))
    (tmp_path / "b.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:300])
    with pytest.raises(ValueError, match=r"b\.npz cannot be read: File is not a zip file"):
        read_table(tmp_path / "b.npz")


def test_parquet_without_pyarrow_says_how_to_add_it(tmp_path, monkeypatch):
    from mitools import MissingExtraError

    (tmp_path / "a.parquet").write_text("x")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=re.escape(install_line("parquet"))):
        read_table(tmp_path / "a.parquet")


def test_names_that_occur_twice_are_warned_of(tmp_path):
    (tmp_path / "a.csv").write_text("x,x,y\n1,2,3\n4,5,6\n")
    with pytest.warns(UserWarning, match=r"more than one column is called 'x'; .* 'x\.1' here"):
        table = read_table(tmp_path / "a.csv")
    assert table.names == ["x", "x.1", "y"]
