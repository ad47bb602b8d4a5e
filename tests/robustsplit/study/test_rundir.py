"""One configuration, one folder, never overwritten by another study."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from robustsplit.study.config import ConfigError, load
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


def test_an_environment_that_is_damaged_is_named_with_the_way_out(finished, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(finished[0], folder)
    path = folder / "environment.json"
    for content in ("", "5", "[]", "{}", '{"folder": 3, "versions": {}}', "{"):
        path.write_text(content)
        with pytest.raises(ValueError, match=r"environment\.json is damaged .*Remove it"):
            Experiment.open(folder).run()
    path.unlink()
    Experiment.open(folder).run()
    assert (folder / "rho.csv").read_bytes() == (finished[0] / "rho.csv").read_bytes()


def test_a_configuration_that_was_emptied_is_named(finished, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(finished[0], folder)
    (folder / "config.toml").write_text("")
    with pytest.raises(ConfigError, match=r"config\.toml has no number of `threads`"):
        Experiment.open(folder)


def test_a_folder_that_another_run_took_or_that_is_gone_is_refused(study, tmp_path):
    first = Experiment.create(load(study), tmp_path / "run")
    second = Experiment.create(load(study, ["seed=5"]), tmp_path / "run")  # nothing computed yet
    assert load(tmp_path / "run" / "config.toml") == second.directory.config
    with pytest.raises(FileExistsError, match="Another run took"):
        first.run()
    shutil.rmtree(tmp_path / "run")
    with pytest.raises(FileNotFoundError, match="was removed"):
        second.directory.refuse_lost()


def test_the_very_same_study_is_recognised(study, finished):
    there = Experiment.begin(load(study), finished[0]).directory
    assert there.finished and there.started
    assert there.holds(load(study, ["threads=0"]))
    assert not there.holds(load(study, ["threads=2"]))
    with pytest.raises(FileExistsError, match="another configuration"):
        Experiment.begin(load(study, ["seed=5"]), finished[0])
