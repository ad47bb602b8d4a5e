"""The command `mitools`, as a process of its own."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from mitools import EDGE, KSG, __version__, assess, mutual_information
from mitools.distributions import ClassCorrelation

X, Y, Z = ClassCorrelation().sample_labelled(300, seed=0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("cli")
    frame = pd.DataFrame({"x": X[:, 0], "y": Y[:, 0], "z": Z, "name": "text"})
    frame.to_csv(root / "data.csv", index=False)
    frame.to_parquet(root / "data.parquet")
    np.save(root / "data.npy", np.column_stack([X, Y, Z]))
    np.savez(root / "data.npz", x=X, y=Y, z=Z)
    frame.assign(x=frame["x"].where(frame.index != 3)).to_csv(root / "gap.csv", index=False)
    return root


def mitools(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-c", "from mitools.cli import main; main()", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**__import__("os").environ, "PYTHONPATH": ":".join(sys.path)},
        timeout=300,
    )


def test_version(folder):
    assert mitools(folder, "--version").stdout == f"mitools {__version__}\n"


def test_without_arguments_it_says_what_it_can_do(folder):
    result = mitools(folder)
    assert result.returncode == 0
    assert "estimate" in result.stdout
    assert "--given" in mitools(folder, "estimate", "--help").stdout


@pytest.mark.parametrize(
    ("file", "x", "y", "z"),
    [
        ("data.csv", "x", "y", "z"),
        ("data.parquet", "x", "1", "z"),
        ("data.npy", "0:1", "1", "2"),
        ("data.npz", "x", "y", "z"),
    ],
)
def test_every_kind_of_file_gives_the_library_s_number(folder, file, x, y, z):
    result = mitools(folder, "estimate", file, "--x", x, "--y", y, "--given", z, "--json")
    assert result.returncode == 0, result.stderr
    record = json.loads(result.stdout)
    expected = mutual_information(X, Y, given=Z, estimator=KSG())
    assert record["nats"] == pytest.approx(expected.value, abs=1e-12)
    assert record["bits"] == pytest.approx(expected.bits, abs=1e-12)
    assert set(record["parts"]) == {"0.0", "1.0", "2.0"}


def test_text_has_nats_and_bits(folder):
    result = mitools(folder, "estimate", "data.csv", "--x", "x", "--y", "y", "--estimator", "edge")
    expected = mutual_information(X, Y, estimator=EDGE())
    assert result.stdout.startswith(f"I = {expected.value:.3f} nats ({expected.bits:.3f} bits)")


def test_assess(folder):
    command = ["estimate", "data.npz", "--x", "x", "--y", "y", "--assess", "--permutations", "20"]
    expected = assess(X, Y, estimator=KSG(), n_permutations=20)
    text = mitools(folder, *command).stdout
    assert text == str(expected) + "\n"
    record = json.loads(mitools(folder, *command, "--json").stdout)
    assert record["verdict"] == str(expected.verdict)
    assert record["p_value"] == expected.p_value


ERRORS = {
    "no such file": (["dat.csv", "--x", "x", "--y", "y"], "Did you mean 'data.csv'"),
    "no such column": (["data.csv", "--x", "xx", "--y", "y"], "Did you mean 'x'"),
    "no such key": (["data.npz", "--x", "x", "--y", "h"], "No column named 'h'"),
    "text": (["data.csv", "--x", "name", "--y", "y"], "holds no numbers but 'text'"),
    "gap": (["gap.csv", "--x", "x", "--y", "y"], "`x` has NaN in 1 of 300 rows"),
    "labels": (["data.csv", "--x", "x", "--y", "y", "--given", "x"], "must hold discrete labels"),
    "estimator": (["data.csv", "--x", "x", "--y", "y", "--estimator", "kgs"], "mean 'ksg'"),
    "k": (["data.csv", "--x", "x", "--y", "y", "--estimator", "ksg:k=500"], "at least 501"),
    "option": (["data.csv", "--x", "x", "--y", "y", "--givn", "z"], "No such option"),
    "missing option": (["data.csv", "--x", "x"], "Missing option '--y'"),
    "permutations": (
        ["data.csv", "--x", "x", "--y", "y", "--assess", "--permutations", "0"],
        "`n_permutations` must be at least 1",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_are_one_line_and_exit_with_2(folder, case):
    arguments, message = ERRORS[case]
    result = mitools(folder, "estimate", *arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert result.stderr.startswith("mitools: ")
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_warnings_are_one_line_too(folder):
    result = mitools(folder, "estimate", "data.npz", "--x", "z", "--y", "y")
    assert result.returncode == 0
    assert result.stderr.startswith("mitools: warning: more than 25% of the samples")
    assert result.stderr.count("\n") == 1
