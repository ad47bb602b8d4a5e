"""Streams: the same bits for every source and chunking, in bounded memory, with clear errors."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mitools import EDGE
from mitools.engines.cells.labelled import LabelledCounts
from mitools.engines.cells.state import CountState
from mitools.streaming import (
    ArrayChunks,
    ParquetChunks,
    count_chunks,
    fit_sample,
    sample_rows,
    stream_information,
)

ROOT = Path(__file__).parents[2]


FAST = EDGE(members=3)


N = 6000


RNG = np.random.default_rng(0)


X = RNG.normal(size=(N, 2))


Y = 0.8 * X + 0.6 * RNG.normal(size=(N, 2))


LABELS = RNG.integers(3, size=N)


#: Most memory in bytes that a stream may take; the interpreter and its libraries are in it.
LIMIT = 1 << 30


def pairs(edges):
    return [(X[a:b], Y[a:b]) for a, b in zip([0, *edges], [*edges, N], strict=True)]


@pytest.fixture
def files(tmp_path):
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", Y)
    np.save(tmp_path / "z.npy", LABELS)
    return tmp_path


@pytest.fixture
def table(tmp_path):
    pa = pytest.importorskip("pyarrow")
    columns = {"a": X[:, 0], "b": X[:, 1], "c": Y[:, 0], "d": Y[:, 1], "label": LABELS}
    path = tmp_path / "table.parquet"
    pa.parquet = pytest.importorskip("pyarrow.parquet")
    pa.parquet.write_table(pa.table(columns), path, row_group_size=1700)
    return path


@pytest.mark.parametrize("rows", [None, 777, N])
@pytest.mark.parametrize("labelled", [False, True])
def test_a_memory_map_gives_the_bits_of_memory(files, rows, labelled):
    given = (files / "z.npy", LABELS) if labelled else (None, None)
    mapped = ArrayChunks(files / "x.npy", files / "y.npy", given[0], rows=rows)
    assert isinstance(mapped.x, np.memmap)
    held = stream_information(ArrayChunks(X, Y, given[1]), estimator=FAST)
    streamed = stream_information(mapped, estimator=FAST)
    assert streamed == held
    assert streamed.n_samples == N
    assert set(streamed.parts) == ({0, 1, 2} if labelled else set())


@pytest.mark.parametrize("labelled", [False, True])
def test_parquet_gives_the_bits_of_memory(table, labelled):
    given = "label" if labelled else None
    chunks = ParquetChunks(table, ["a", "b"], ["c", "d"], given, rows=1000)
    assert len(chunks) == N
    held = ArrayChunks(X, Y, LABELS if labelled else None)
    assert stream_information(chunks, estimator=FAST) == stream_information(held, estimator=FAST)


def test_several_files_are_one_stream(table):
    chunks = ParquetChunks([table, str(table)], "a", "c")
    twice = ArrayChunks(np.tile(X[:, 0], 2), np.tile(Y[:, 0], 2))
    assert stream_information(chunks, estimator=FAST) == stream_information(twice, estimator=FAST)


def test_many_row_groups_are_sampled_all_over(tmp_path):
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "groups.parquet"
    pq.write_table(pa.table({"row": np.arange(10_000)}), path, row_group_size=50)
    rows, _ = ParquetChunks(path, "row", "row").sample(320)
    assert len(np.unique(rows)) == 320
    assert set(rows[:, 0] // 313) == set(range(32))


@pytest.mark.parametrize("edges", [[], [1, 2, 3], [2500], [0, 1000, 1000, 5999]])
def test_chunks_of_any_size_give_the_same_bits(edges):
    whole = stream_information(pairs([]), estimator=FAST, sample=500)
    assert stream_information(iter(pairs(edges)), estimator=FAST, sample=500) == whole
    assert whole.n_samples == N


@pytest.mark.parametrize("edges", [[1, 2, 3], [500], list(range(7, N, 13))])
def test_chunks_of_wide_data_give_the_same_bits(edges):
    """Rows along directions depend on the row alone, not on those that come with it."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(N, 9))
    x[N // 2 :] = x[: N // 2]  # equal rows stay equal
    y = x + rng.normal(size=(N, 9))
    starts, ends = [0, *edges], [*edges, N]
    chunks = ((x[a:b], y[a:b]) for a, b in zip(starts, ends, strict=True))
    found = stream_information(chunks, estimator=FAST, sample=500)
    assert found == stream_information(iter([(x, y)]), estimator=FAST, sample=500)


def test_the_stream_is_right_where_the_truth_is_known():
    estimate = stream_information(ArrayChunks(X[:, 0], Y[:, 0]))
    assert estimate.value == pytest.approx(-0.5 * np.log(1 - 0.8**2), abs=0.05)
    shuffled = np.random.default_rng(1).permutation(N)
    assert abs(stream_information(ArrayChunks(X, Y[shuffled])).value) < 0.02


def test_learned_directions_add_nothing_to_independent_wide_data():
    rng = np.random.default_rng(0)
    chunks = ArrayChunks(*rng.normal(size=(2, 20_000, 30)))
    assert abs(stream_information(chunks, estimator=FAST).value) < 0.02


def test_labels_condition():
    """Both sides shift with the label, and depend on each other only through it."""
    x, y = LABELS + RNG.normal(size=(2, N))
    assert stream_information(ArrayChunks(x, y)).value > 0.08
    within = stream_information(ArrayChunks(x, y, LABELS))
    assert abs(within.value) < 0.03
    assert [within.parts[z].n_samples for z in range(3)] == np.bincount(LABELS).tolist()


def test_counts_are_stored_and_go_on(tmp_path):
    empty = fit_sample((X[:1000], Y[:1000]), FAST)
    seen = []
    count_chunks(pairs([4000]), empty, seen.append).to_npz(tmp_path / "counts.npz")
    assert seen == [4000, N]
    more = count_chunks(pairs([]), CountState.from_npz(tmp_path / "counts.npz"))
    assert more.n_samples == 2 * N


def test_sampled_rows_are_distinct_and_cover_strips():
    rows = sample_rows(1_000_003, 1000, seed=4)
    assert (rows * 1000 // 1_000_003 == np.arange(1000)).mean() > 0.99
    assert (np.diff(rows) > 0).all()
    np.testing.assert_array_equal(sample_rows(5, 9), np.arange(5))
    assert (sample_rows(1_000_003, 1000, seed=5) != rows).any()


def broken(row, value=np.nan):
    x = X.copy()
    x[row, 1] = value
    return x


def test_errors_say_where():
    with pytest.raises(ValueError, match=r"In the rows 5000 to 5999: `x` has NaN in 1 of 1000"):
        stream_information(ArrayChunks(broken(5100), Y, rows=1000), estimator=FAST, sample=100)
    with pytest.raises(ValueError, match="In the sample of rows that fixes the hash: `x` has inf"):
        stream_information(ArrayChunks(broken(slice(None), np.inf), Y), estimator=FAST)
    with pytest.raises(ValueError, match="the 2 features the hash was fitted on"):
        stream_information([(X, Y), (X, Y[:, :1])], estimator=FAST, sample=500)
    with pytest.raises(ValueError, match=r"after chunks of \[2, 2\] columns came one of \[2, 1\]"):
        stream_information([(X, Y), (X, Y[:, :1])], estimator=FAST)
    late = np.where(np.arange(N) < 5500, 0, 7)
    with pytest.raises(ValueError, match=r"rows 5000 to 5999: The label 7 was not in the sample"):
        stream_information(
            [(X[i : i + 1000], Y[i : i + 1000], late[i : i + 1000]) for i in range(0, N, 1000)],
            estimator=FAST,
            sample=500,
        )
    with pytest.raises(ValueError, match=r"The label 1 has 2 rows in the sample"):
        LabelledCounts.fit_hash(X, Y, (np.arange(N) < 2).astype(int), FAST)


@pytest.mark.parametrize(
    ("chunks", "options", "kind", "message"),
    [
        ([], {}, ValueError, "no chunks with rows"),
        (None, {}, TypeError, "`chunks` must be ArrayChunks, .* got NoneType"),
        (3, {}, TypeError, "an iterable of pairs .* got int"),
        (pairs([]), {"sample": "all"}, ValueError, "`sample` must be a whole number, got 'all'"),
        ([X], {}, TypeError, r"a pair \(x, y\) or a triple"),
        (pairs([]), {"sample": 2}, ValueError, "`sample` must be at least 4 rows, got 2"),
        (pairs([]), {"estimator": "edge"}, TypeError, r"must be an EDGE\(\), got 'edge'"),
    ],
)
def test_bad_streams_are_refused(chunks, options, kind, message):
    with pytest.raises(kind, match=message):
        stream_information(chunks, **options)


def test_bad_sources_are_refused(table, tmp_path):
    with pytest.raises(ValueError, match="one row per sample, got"):
        ArrayChunks(X, Y[1:])
    with pytest.raises(TypeError, match=r"Turn lists into arrays with `np.asarray`"):
        ArrayChunks([1.0, 2.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="are empty"):
        ArrayChunks(X[:0], Y[:0])
    with pytest.raises(ValueError, match="`rows` must be at least 1, got 0"):
        ArrayChunks(X, Y, rows=0)
    with pytest.raises(ValueError, match=r"No column named 'aa'\. Did you mean 'a'"):
        ParquetChunks(table, "aa", "c")
    with pytest.raises(ValueError, match="`y` names no column"):
        ParquetChunks(table, "a", [])
    with pytest.raises(FileNotFoundError, match=r"There is no file .*gone.parquet"):
        ParquetChunks(tmp_path / "gone.parquet", "a", "b")


SCRIPT = """
import json, resource, sys
import numpy as np
resource.setrlimit(resource.RLIMIT_DATA, (ALLOWED, ALLOWED))  # without maps of files
from mitools import EDGE
from mitools.streaming import ParquetChunks, stream_information

rows, path = int(sys.argv[1]), sys.argv[2]
size = 1 << 20

def chunks():
    for start in range(0, rows, size):
        rng = np.random.default_rng(start)
        n = min(size, rows - start)
        x = rng.normal(size=n)
        yield x, 0.9 * x + np.sqrt(0.19) * rng.normal(size=n)

if path == "none":
    estimate = stream_information(chunks())
else:
    import pyarrow as pa, pyarrow.parquet as pq
    schema = pa.schema([("x", pa.float64()), ("y", pa.float64())])
    with pq.ParquetWriter(path, schema) as writer:
        for x, y in chunks():
            writer.write_table(pa.table({"x": x, "y": y}))
    estimate = stream_information(ParquetChunks(path, "x", "y"))
# VmHWM, not ru_maxrss: that one starts at the size of the process this was forked from.
with open("/proc/self/status") as status:
    (peak,) = (int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
print(json.dumps({"value": estimate.value, "n": estimate.n_samples, "peak": peak}))
""".replace("ALLOWED", str(LIMIT))


def stream_in_a_process(rows, path="none"):
    if not Path("/proc/self/status").exists():
        pytest.skip("peak memory is read from /proc/self/status")
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(rows), str(path)],
        env={**os.environ, **threads, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    seen = json.loads(done.stdout)
    assert seen["n"] == rows
    assert seen["value"] == pytest.approx(-0.5 * np.log(0.19), abs=0.03)
    return seen


@pytest.mark.slow
def test_a_long_stream_stays_below_a_gigabyte():
    """1e8 rows are 1.6 GB of float64; MITOOLS_STREAM_ROWS asks for them."""
    rows = int(os.environ.get("MITOOLS_STREAM_ROWS", 10_000_000))
    assert stream_in_a_process(rows)["peak"] < LIMIT


@pytest.mark.slow
def test_a_parquet_file_stays_below_a_gigabyte(tmp_path):
    pytest.importorskip("pyarrow")
    rows = int(os.environ.get("MITOOLS_STREAM_ROWS", 10_000_000)) // 2
    assert stream_in_a_process(rows, tmp_path / "long.parquet")["peak"] < LIMIT
