"""The benchmark scripts: their calls of other packages, and what they write."""

import importlib.util
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from mitools import KSG, GaussianCopula
from mitools.distributions import Gaussian

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def peers():
    spec = importlib.util.spec_from_file_location("peers", ROOT / "benchmarks" / "peers.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("width", [1, 3])
def test_peers_that_are_installed_give_the_numbers_they_are_known_for(peers, width):
    pytest.importorskip("ennemi")
    x, y = Gaussian((0.8,), width=width).sample(500, seed=0)
    ksg = KSG(standardize=False, metric="max").estimate(x, y).value
    expected = {
        **dict.fromkeys(("scikit-learn", "ennemi"), ksg if width == 1 else None),
        **dict.fromkeys(("NPEET", "infomeasure", "infopy"), ksg),
        "GCMI (frites)": GaussianCopula().estimate(x, y).value,
        "dit": ksg - 0.03,  # it counts the neighbour on the edge
    }
    found = peers.peers()
    assert {"scikit-learn", "ennemi"} <= set(found) <= set(expected)
    for name, peer in found.items():
        value = peer(x, y)
        assert (value is None) == (expected[name] is None), name
        if value is not None:
            assert np.ndim(value) == 0
            assert abs(value - expected[name]) < 0.02, name


def test_peers_are_pinned_in_an_extra_of_their_own():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    assert all("==" in line for line in extras["bench"])
    names = {line.partition("==")[0] for line in extras["bench"]}
    developed = {line.partition(">=")[0] for line in extras["dev"]}
    assert names & developed == {"ennemi"}
    assert not any("bench" in line for line in extras["dev"])


@pytest.mark.slow
def test_accuracy_writes_scores_and_machine(tmp_path):
    pytest.importorskip("ennemi")
    command = ["benchmarks/accuracy.py", "--quick", "--estimators", "KSG", "ennemi"]
    done = subprocess.run(
        [sys.executable, *command, "--output", tmp_path / "scores.json"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**__import__("os").environ, "PYTHONPATH": str(ROOT)},
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    assert "mean absolute error" in done.stdout
    record = json.loads((tmp_path / "scores.json").read_text())
    assert record["machine"]["cpus"] >= 1
    assert {row["estimator"] for row in record["rows"]} == {"KSG", "ennemi"}
    assert sum(row["estimator"] == "ennemi" for row in record["rows"]) == 2  # X and AI
