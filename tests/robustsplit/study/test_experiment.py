"""A study as a whole: what it leaves, and that nothing can make it lose or change a number."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from robustsplit.io import Store, strict_json
from robustsplit.report.findings import Findings
from robustsplit.report.rho_csv import read_rho_csv
from robustsplit.study.config import load
from robustsplit.study.experiment import Experiment

ROOT = Path(__file__).parents[3]


def test_everything_a_run_leaves_is_there(finished):
    folder, findings = finished
    for name in (
        "config.toml",
        "environment.json",
        "metrics.jsonl",
        "rho.csv",
        "profiles.csv",
        "assessment.json",
        "report.html",
        "figures/rho_vs_depth.svg",
        "figures/accuracies.svg",
        "checkpoints/regular/state.safetensors",
        "checkpoints/cut2/trial1/state.safetensors",
    ):
        assert (folder / name).stat().st_size > 100, name
    assert not list(folder.rglob("*.tmp"))
    assert not list(folder.rglob("*.pkl")) + list(folder.rglob("*.pt"))
    assert [result.cut for result in findings.results] == [
        "last 1 weight layer",
        "last 2 weight layers",
    ]
    assert set(findings.profiles) == {"regular"}


def test_rho_csv_has_a_row_per_trial_pair_and_class(finished):
    frame = read_rho_csv(finished[0] / "rho.csv")
    assert len(frame) == 2 * (1 + 2) * (1 + 3)
    assert set(frame["label"]) == {"all", "0", "1", "2"}
    whole = frame[frame["label"] == "all"]
    measured = whole[["rho_nats", "null_mean_nats", "ceiling_nats", "p_value"]]
    assert np.isfinite(measured.to_numpy()).all()


def test_metrics_have_a_line_per_epoch(finished):
    lines = [json.loads(text) for text in (finished[0] / "metrics.jsonl").read_text().splitlines()]
    keys = [(line["key"], line["epoch"]) for line in lines]
    assert len(set(keys)) == len(keys)
    assert {("regular", 3), ("robust", 3), ("cut1/trial0", 1)} <= set(keys)
    assert all(np.isfinite(line["loss"]) for line in lines)
    assert all(0 <= line["validation_percent"] <= 100 for line in lines)


def test_findings_come_back_from_the_folder(finished):
    folder, findings = finished
    again = Findings.load(folder / "assessment.json")
    assert strict_json(again.to_dict()) == strict_json(findings.to_dict())  # NaN is not NaN
    assert again.scores == findings.scores


def test_a_finished_run_resumed_writes_the_same_rho(finished):
    folder, _ = finished
    before, threads = (folder / "rho.csv").read_bytes(), torch.get_num_threads()
    (folder / "rho.csv").unlink()
    Experiment.open(folder).run()
    assert (folder / "rho.csv").read_bytes() == before
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("at_save", [2, 9])
def test_a_full_disk_loses_nothing(study, finished, tmp_path, monkeypatch, at_save):
    calls = 0
    real = os.replace

    def full(source, target):
        nonlocal calls
        calls += str(target).endswith(".safetensors")
        if calls >= at_save:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(source, target)

    experiment = Experiment.create(load(study), tmp_path / "run")
    with monkeypatch.context() as patch:
        patch.setattr("robustsplit.io.os.replace", full)
        with pytest.raises(OSError, match="No space left"):
            experiment.run()
    assert len(Store(tmp_path / "run" / "checkpoints").keys()) >= 1
    assert not list((tmp_path / "run").rglob("*.tmp"))
    Experiment.open(tmp_path / "run").run()
    assert (tmp_path / "run" / "rho.csv").read_bytes() == (finished[0] / "rho.csv").read_bytes()


@pytest.mark.parametrize("key", ["regular/state", "cut2/trial0/state"])
def test_a_damaged_checkpoint_is_done_again_with_a_warning(study, finished, tmp_path, key):
    import shutil

    folder = tmp_path / "run"
    shutil.copytree(finished[0], folder)
    for name in ("results/cut1", "results/cut2", "cut2/trial0/result"):
        (folder / "checkpoints" / f"{name}.safetensors").unlink()
    path = folder / "checkpoints" / f"{key}.safetensors"
    path.parent.mkdir(exist_ok=True)
    content = path.read_bytes() if path.exists() else bytes(100)
    path.write_bytes(content[: len(content) // 2])
    with pytest.warns(RuntimeWarning, match="done again"):
        Experiment.open(folder).run()
    assert (folder / "rho.csv").read_bytes() == (finished[0] / "rho.csv").read_bytes()


def test_changed_data_or_network_cannot_be_resumed(study, finished):
    nets, data = study.parent / "nets.py", study.parent / "images.npz"
    text, content = nets.read_text(), data.read_bytes()
    try:
        nets.write_text(text.replace("nn.Flatten(),", "nn.Flatten(), nn.PReLU(),"))
        with pytest.raises(ValueError, match="The network changed since"):
            Experiment.open(finished[0]).run()
        nets.write_text(text)
        with np.load(data) as file:
            x, y = file["x"], file["y"]
        np.savez(data, x=1 - x, y=y)
        with pytest.raises(ValueError, match="The data changed since"):
            Experiment.open(finished[0]).run()
    finally:
        nets.write_text(text)
        data.write_bytes(content)


@pytest.mark.slow  # three processes killed, four started: `make test-slow`
def test_kill_9_at_three_moments_and_resume_ends_in_the_same_bytes(study, finished, tmp_path):
    """Real processes, killed in training, in Algorithm 1 and before the outputs."""
    folder = tmp_path / "run"
    moments = ("robust/state", "cut2/trial0/state", "results/cut2")
    command = ["run", str(study), "--out", str(folder)]
    for moment in moments:
        process = start(command)
        wait_for(folder / "checkpoints" / f"{moment}.safetensors", process)
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert not (folder / "report.html").exists()
        command = ["resume", str(folder)]
    process = start(command)
    out, err = process.communicate(timeout=280)
    assert process.returncode == 0, err
    assert "report.html" in out
    for name in ("rho.csv", "profiles.csv"):
        assert (folder / name).read_bytes() == (finished[0] / name).read_bytes()
    assert not list(folder.rglob("*.tmp"))
    keys = [
        (line["key"], line["epoch"])
        for line in map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    ]
    assert len(keys) == len(set(keys))


def start(arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "robustsplit.cli", *arguments],
        cwd=ROOT,
        env={**os.environ, "MPLBACKEND": "Agg"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(path, process, timeout=280):
    end = time.monotonic() + timeout
    while not path.exists():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end, f"{path} never came"
        time.sleep(0.002)


def test_weights_that_changed_are_refused_at_resume(study, finished, tmp_path):
    weights = tmp_path / "own.safetensors"
    state = Store(finished[0] / "checkpoints").load("regular/state")["tensors"]
    state = {k.removeprefix("model."): v for k, v in state.items() if k.startswith("model.")}
    save_file(state, weights)
    config = load(study, [f"model.weights='{weights.as_posix()}'"])
    Experiment.create(config, tmp_path / "run").run()
    save_file({name: value + 1 for name, value in state.items()}, weights)
    with pytest.raises(ValueError, match="The weights changed since this run began"):
        Experiment.open(tmp_path / "run").run()
