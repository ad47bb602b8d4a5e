"""Dask arrays give the bits of the stream in memory, whatever happens to the workers."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mitools import EDGE, KSG, MissingExtraError
from mitools.integrations.dask import mutual_information
from mitools.streaming import ArrayChunks, stream_information

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")

ROOT = Path(__file__).parents[3]
FAST = EDGE(members=3)
N, ROWS = 6000, 700
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 2))
Y = 0.8 * X + 0.6 * RNG.normal(size=(N, 2))
LABELS = RNG.integers(3, size=N)
DX, DY = (da.from_array(side, chunks=(ROWS, 1)) for side in (X, Y))
DZ = da.from_array(LABELS, chunks=ROWS)


@pytest.fixture(autouse=True)
def one_thread():
    with dask.config.set(scheduler="synchronous"):
        yield


def in_memory(x, y, given=None, **options):
    return stream_information(ArrayChunks(x, y, given, rows=ROWS), estimator=FAST, **options)


@pytest.mark.parametrize("labelled", [False, True])
def test_blocks_give_the_bits_of_memory(labelled):
    given, labels = (DZ, LABELS) if labelled else (None, None)
    found = mutual_information(DX, DY, given=given, estimator=FAST, sample=1500)
    assert found == in_memory(X, Y, labels, sample=1500)
    assert found.n_samples == N


def test_a_column_of_unequal_and_empty_blocks():
    lengths = (0, 1, 2999, 0, 3000)
    x, y = (da.from_array(side[:, 0], chunks=(lengths,)) for side in (X, Y))
    assert mutual_information(x, y, estimator=FAST) == in_memory(X[:, 0], Y[:, 0])


def test_threads_change_nothing():
    with dask.config.set(scheduler="threads", num_workers=2):
        assert mutual_information(DX, DY, estimator=FAST) == in_memory(X, Y)


def test_wide_blocks_with_learned_directions():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(N, 6))
    y = x + rng.normal(size=(N, 6))
    wide = (da.from_array(side, chunks=(ROWS, 4)) for side in (x, y))
    assert mutual_information(*wide, estimator=FAST) == in_memory(x, y)


@pytest.mark.parametrize(
    ("arguments", "options", "kind", "message"),
    [
        ((X, DY), {}, TypeError, "`dx` must be a dask array, got ndarray"),
        ((DX, DY), {"given": LABELS}, TypeError, "`given` must be a dask array"),
        ((DX[DX[:, 0] > 0], DY), {}, ValueError, r"unknown length. Call `dx.compute_chunk_sizes"),
        ((DX, DY[:-1]), {}, ValueError, "one row per sample, got 6000 and 5999"),
        ((DX, DY.rechunk({0: 900})), {}, ValueError, r"Call `dy.rechunk\({0: dx.chunks\[0\]}\)`"),
        ((DX[:0], DY[:0]), {}, ValueError, "`dx` is empty"),
        ((DX, DY), {"estimator": KSG()}, TypeError, r"must be an EDGE\(\), got KSG\(\)"),
        ((DX, DY), {"sample": 1}, ValueError, "`sample` must be at least 4 rows, got 1"),
    ],
)
def test_what_cannot_be_counted_is_refused(arguments, options, kind, message):
    with pytest.raises(kind, match=message):
        mutual_information(*arguments, **options)


def test_missing_values_are_found_in_their_block():
    x = X.copy()
    x[1500] = np.nan
    with pytest.raises(ValueError, match="In the rows 1400 to 2099: `x` has NaN in 1 of 700 rows"):
        mutual_information(da.from_array(x, chunks=(ROWS, 2)), DY, estimator=FAST, sample=60)


def test_without_dask_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "dask", None)
    with pytest.raises(MissingExtraError, match=r"\[dask\]"):
        mutual_information(DX, DY)


def test_importing_the_integration_does_not_import_dask():
    code = "import sys, mitools.integrations.dask; assert 'dask' not in sys.modules"
    subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True
    )


@pytest.mark.slow
@pytest.mark.parametrize("labelled", [False, True])
def test_a_killed_worker_changes_no_bit(tmp_path, labelled):
    distributed = pytest.importorskip("distributed")
    died = tmp_path / "died"
    pids = tmp_path / "pids"
    pids.mkdir()

    def deadly(block, block_info=None):
        """Hand the block on; the first to be asked for the last rows dies, once and for all."""
        import os
        import signal

        (pids / str(os.getpid())).touch()
        if block_info[0]["chunk-location"][0] == 6:
            try:
                with died.open("x") as file:
                    file.write(str(os.getpid()))
            except FileExistsError:
                return block
            os.kill(os.getpid(), signal.SIGKILL)
        return block

    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster),
        dask.config.set(scheduler=None),
    ):
        before = {worker.pid for worker in cluster.workers.values()}
        x = DX.rechunk({1: 2}).map_blocks(deadly, dtype=float, meta=np.empty((0, 2)))
        given = DZ if labelled else None
        found = mutual_information(x, DY, given=given, estimator=FAST)

    assert len(before) == 2
    assert int(died.read_text()) in before  # a worker, killed by no more than a signal
    assert {int(path.name) for path in pids.iterdir()} - {int(died.read_text())}
    assert found == in_memory(X, Y, LABELS if labelled else None)


def test_the_form_for_memory_points_here():
    from mitools import mutual_information as of_arrays

    with pytest.raises(TypeError, match=r"use `mitools\.integrations\.dask"):
        of_arrays(DX, DY)
