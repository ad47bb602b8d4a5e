"""What numbers depend on besides settings, and what is said when it changed."""

import json
import shutil

from robustsplit.study.config import Config
from robustsplit.study.environment import environment, kernels, moved, versions
from robustsplit.study.experiment import Experiment


def test_linear_algebra_is_named_for_each_package():
    found = kernels()
    assert found["torch"]
    assert all(isinstance(value, str) and value for value in found.values())
    assert environment(Config())["kernels"] == found


def test_packages_that_are_not_installed_have_no_version():
    assert set(versions(("numpy", "no-such-package"))) == {"numpy"}


def test_each_change_has_its_sentence():
    old = {"versions": {"numpy": "1"}, "kernels": {"scipy.libs": "openblas Zen"}, "threads": 1}
    now = {"versions": {"numpy": "2"}, "kernels": {"scipy.libs": "openblas Haswell"}, "threads": 2}
    assert list(moved(old, old)) == []
    assert [text.partition(" when")[0] for text in moved(old, now)] == [
        "numpy was 1",
        "The linear algebra of scipy.libs was openblas Zen",
        "The number of threads was 1",
    ]
    assert list(moved({"versions": {}, "threads": 1}, {**old, "versions": {}})) == []  # before


def test_changes_are_said_in_the_report(finished, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(finished[0], folder)
    table = json.loads((folder / "environment.json").read_text())
    table["versions"]["numpy"] = "0.1"
    table["kernels"]["torch"] = "abacus"
    (folder / "environment.json").write_text(json.dumps(table))
    findings = Experiment.open(folder).run()
    assert "numpy was 0.1" in findings.warnings[0]
    assert "The linear algebra of torch was abacus" in findings.warnings[1]
    assert "numpy was 0.1" in (folder / "report.html").read_text()
