"""One configuration, one folder, never overwritten by another study."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from robustsplit.study.config import load
from robustsplit.study.experiment import Experiment
from tests.robustsplit.tiny import write_study

ROOT = Path(__file__).parents[3]


def test_environment_says_what_numbers_depend_on(finished):
    table = json.loads((finished[0] / "environment.json").read_text())
    assert table["threads"] == 1
    assert table["versions"]["torch"].startswith(torch.__version__.split("+")[0])
    assert len(table["data"]) == len(table["network"]) == 64
    assert load(finished[0] / "config.toml").threads == 1


def within(folder, *command):
    return subprocess.run(
        [sys.executable, "-m", "robustsplit.cli", *command],
        cwd=folder,
        env={**os.environ, "MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def test_a_run_is_resumed_from_another_folder(tmp_path):
    """Its settings hold paths relative to the folder it was started from."""
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    write_study(here)
    text = (here / "study.toml").read_text().replace(f"{here}/", "")
    assert str(here) not in text
    (here / "study.toml").write_text(text)
    quick = ["--set", "algorithm1.trials=1", "--set", "split.last=[1]", "--set", "mi.networks=[]"]
    started = within(here, "run", "study.toml", "--out", "run", *quick)
    assert started.returncode == 0, started.stderr
    before = (here / "run" / "rho.csv").read_bytes()
    (here / "run" / "rho.csv").unlink()
    resumed = within(there, "resume", "../here/run")
    assert resumed.returncode == 0, resumed.stderr
    assert (here / "run" / "rho.csv").read_bytes() == before
    assert not list(there.iterdir())


def test_a_start_that_was_refused_leaves_its_folder_free(study, tmp_path):
    wrong = load(study, ["data.source=npz", "data.path=nowhere.npz"])
    with pytest.raises(FileNotFoundError, match=r"nowhere\.npz"):
        Experiment.create(wrong, tmp_path / "run").run()
    again = Experiment.create(load(study), tmp_path / "run")
    assert load(tmp_path / "run" / "config.toml") == again.directory.config


def test_another_configuration_is_refused_and_nothing_is_touched(study, finished):
    folder, _ = finished
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(FileExistsError, match=r"another configuration.* seed: 0 -> 5"):
        Experiment.create(load(study, ["seed=5"]), folder)
    with pytest.raises(FileExistsError, match=r"same configuration \(finished\).*split resume"):
        Experiment.create(load(study), folder)
    assert before == {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}


def test_other_folders_are_refused(study, tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(FileExistsError, match="not a run directory"):
        Experiment.create(load(study), tmp_path)
    with pytest.raises(FileExistsError, match="is a file"):
        Experiment.create(load(study), tmp_path / "thesis.tex")
    with pytest.raises(FileNotFoundError, match=r"no config\.toml"):
        Experiment.open(tmp_path)


def test_changed_versions_are_said_in_the_report(study, finished, tmp_path):
    import shutil

    folder = tmp_path / "run"
    shutil.copytree(finished[0], folder)
    table = json.loads((folder / "environment.json").read_text())
    table["versions"]["numpy"] = "0.1"
    (folder / "environment.json").write_text(json.dumps(table))
    findings = Experiment.open(folder).run()
    assert "numpy was 0.1" in findings.warnings[0]
    assert "numpy was 0.1" in (folder / "report.html").read_text()
