"""Files survive: atomic writes, checkpoints with checksums, journal, lock, the same bytes."""

import errno
import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from robustsplit import io
from robustsplit.io import Journal, Store, exclusive, sweep, write_json, write_text
from robustsplit.results import RhoResult
from tests.robustsplit.fakes import result

TENSORS = {
    "w": torch.arange(6.0).reshape(2, 3),
    "half": torch.ones(2, dtype=torch.bfloat16),
    "step": torch.tensor(3),
}


def files(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(tmp_path, monkeypatch):
    path = tmp_path / "rho.csv"
    write_text(path, "old")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    for name in ("replace", "fsync"):
        with monkeypatch.context() as patch:
            patch.setattr(io.os, name, full)
            with pytest.raises(OSError, match="No space left"):
                write_text(path, "new")
        assert path.read_text() == "old"
        assert files(tmp_path) == ["rho.csv"]


def test_a_disk_limit_in_a_real_process_leaves_the_old_checkpoint(tmp_path):
    script = f"""
import resource, signal, torch
from pathlib import Path
from robustsplit.io import Store
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = Store(Path({str(tmp_path)!r}))
store.save("a/state", {{"w": torch.zeros(10)}}, {{"epoch": 1}})
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    store.save("a/state", {{"w": torch.zeros(100000)}}, {{"epoch": 2}})
except OSError as error:
    print("failed:", error.strerror)
"""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=root
    )
    assert "failed: File too large" in done.stdout
    assert files(tmp_path) == ["a/state.safetensors"]
    assert Store(tmp_path).load("a/state")["record"] == {"epoch": 1}


def test_written_files_can_be_read_by_others(tmp_path):
    old = os.umask(0o022)
    try:
        write_text(tmp_path / "x", "x")
    finally:
        os.umask(old)
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o644


def test_store_gives_back_the_same_bits(tmp_path):
    store = Store(tmp_path)
    record = {"loss": 0.1 + 0.2, "words": ["ä", None], "nan": float("nan")}
    store.save("cut1/trial2/epoch3", TENSORS, record)
    got = Store(tmp_path).load("cut1/trial2/epoch3")
    assert got["record"]["loss"] == record["loss"]
    assert np.isnan(got["record"]["nan"])
    for name, tensor in TENSORS.items():
        assert got["tensors"][name].dtype == tensor.dtype
        assert torch.equal(got["tensors"][name], tensor)
    assert store.load("cut1/trial2/epoch4") is None
    assert store.keys() == {"cut1/trial2/epoch3"}
    store.save("empty", {}, {"only": "a record"})
    assert store.load("empty") == {"tensors": {}, "record": {"only": "a record"}}


def test_tied_weights_and_views_can_be_stored(tmp_path):
    weight = torch.arange(12.0).reshape(3, 4)
    Store(tmp_path).save("k", {"a": weight, "b": weight, "c": weight.T[1:]}, {})
    assert torch.equal(Store(tmp_path).load("k")["tensors"]["c"], weight.T[1:])


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty", "record", "rubbish"])
def test_damaged_checkpoints_are_noticed(tmp_path, damage):
    store = Store(tmp_path)
    store.save("k", TENSORS, {"epoch": 3})
    path = tmp_path / "k.safetensors"
    content = bytearray(path.read_bytes())
    if damage == "truncate":
        content = content[:-5]
    elif damage == "flip":
        content[-1] ^= 1
    elif damage == "empty":
        content = bytearray()
    elif damage == "record":
        content = content.replace(b'\\"epoch\\": 3', b'\\"epoch\\": 4')
        assert content != path.read_bytes()
    else:
        content = bytearray(b"\xff" * 100)
    path.write_bytes(bytes(content))
    with pytest.warns(RuntimeWarning, match="cannot be used .* done again"):
        assert store.load("k") is None
    store.save("k", TENSORS, {"epoch": 3})
    assert store.load("k")["record"] == {"epoch": 3}


@pytest.mark.parametrize("key", ["", "../x", "/x", "a//b", "a b", "a/", ".hidden"])
def test_keys_stay_inside_the_folder(tmp_path, key):
    with pytest.raises(ValueError, match="checkpoint key"):
        Store(tmp_path).save(key, {}, {})


def test_journal_drops_a_cut_off_line_and_writes_nothing_twice(tmp_path):
    path = tmp_path / "metrics.jsonl"
    journal = Journal(path, ("key", "epoch"))
    journal.append({"key": "a", "epoch": 1, "loss": float("nan")})
    journal.append({"key": "a", "epoch": 2})
    with path.open("a") as file:
        file.write('{"key": "a", "epo')
    again = Journal(path, ("key", "epoch"))
    again.append({"key": "a", "epoch": 2})
    again.append({"key": "a", "epoch": 3})
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert lines[0]["loss"] is None


def test_json_has_no_nan(tmp_path):
    write_json(tmp_path / "x.json", {"a": float("nan"), "b": (1, np.float64(2.5)), 3: np.inf})
    text = (tmp_path / "x.json").read_text()
    assert json.loads(text, parse_constant=pytest.fail) == {"a": None, "b": [1, 2.5], "3": None}


def test_a_folder_belongs_to_one_process(tmp_path):
    with (
        exclusive(tmp_path),
        pytest.raises(BlockingIOError, match="Another process is using"),
        exclusive(tmp_path),
    ):
        pass
    with exclusive(tmp_path):
        assert (tmp_path / ".lock").exists()


def test_the_lock_holds_against_another_process_and_ends_with_its_own(tmp_path):
    hold = (
        "import sys; from pathlib import Path; from robustsplit.io import exclusive\n"
        "with exclusive(Path(sys.argv[1])):\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(tmp_path)], text=True, cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            assert process.stdout.readline() == "held\n"
            with pytest.raises(BlockingIOError, match="Another process"), exclusive(tmp_path):
                pass
        finally:
            process.kill()
    with exclusive(tmp_path):
        pass


def test_sweep_removes_only_temporary_files(tmp_path):
    (tmp_path / "sub").mkdir()
    for name in (".rho.csv.x1.tmp", "sub/.a.tmp", "kept.tmp", "rho.csv"):
        (tmp_path / name).write_text("x")
    sweep(tmp_path)
    assert files(tmp_path) == ["kept.tmp", "rho.csv"]


def test_results_come_back_from_json(tmp_path):
    original = result(warnings=("Careful.",))
    write_json(tmp_path / "r.json", asdict(original))
    assert RhoResult.from_dict(json.loads((tmp_path / "r.json").read_text())) == original
