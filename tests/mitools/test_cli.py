"""The command `mitools`, as a process of its own."""

import json
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest

from mitools import EDGE, KSG, Labels, __version__, assess, mutual_information
from mitools.cli import main
from mitools.distributions import ClassCorrelation
from mitools.tasks import SUITES, suite

X, Y, Z = ClassCorrelation().sample_labelled(300, seed=0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("cli")
    frame = pd.DataFrame({"x": X[:, 0], "y": Y[:, 0], "z": Z, "name": "text"})
    frame.to_csv(root / "data.csv", index=False)
    if find_spec("pyarrow"):
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


@pytest.fixture
def here(folder, monkeypatch, capsys):
    """Run the command in this process, as each process of its own costs seconds."""

    def run(*arguments):
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["mitools", *arguments])
        with pytest.raises(SystemExit) as left:
            main()
        return left.value.code, *capsys.readouterr()

    return run


def test_version(folder):
    assert mitools(folder, "--version").stdout == f"mitools {__version__}\n"


def test_without_arguments_it_says_what_it_can_do(here):
    code, out, _ = here()
    assert code == 0
    assert "estimate" in out
    assert "--given" in here("estimate", "--help")[1]


@pytest.mark.parametrize(
    ("file", "x", "y", "z"),
    [
        ("data.csv", "x", "y", "z"),
        ("data.parquet", "x", "1", "z"),
        ("data.npy", "0:1", "1", "2"),
        ("data.npz", "x", "y", "z"),
    ],
)
def test_every_kind_of_file_gives_the_library_s_number(here, file, x, y, z):
    if file.endswith(".parquet"):
        pytest.importorskip("pyarrow")
    code, out, err = here("estimate", file, "--x", x, "--y", y, "--given", z, "--json")
    assert code == 0, err
    record = json.loads(out)
    expected = mutual_information(X, Y, given=Z, estimator=KSG())
    assert record["nats"] == pytest.approx(expected.value, abs=1e-12)
    assert record["bits"] == pytest.approx(expected.bits, abs=1e-12)
    assert set(record["parts"]) == {"0.0", "1.0", "2.0"}


def test_text_has_nats_and_bits(folder):
    result = mitools(folder, "estimate", "data.csv", "--x", "x", "--y", "y", "--estimator", "edge")
    expected = mutual_information(X, Y, estimator=EDGE())
    assert result.stdout.startswith(f"I = {expected.value:.3f} nats ({expected.bits:.3f} bits)")


def test_assess(folder, here):
    command = ["data.npz", "--x", "x", "--y", "y", "--permutations", "20"]
    expected = assess(X, Y, estimator=KSG(), n_permutations=20)
    assert mitools(folder, "assess", *command).stdout == f"{expected}\n"
    record = json.loads(here("assess", *command, "--json")[1])
    assert record["verdict"] == str(expected.verdict)
    assert record["p_value"] == expected.p_value
    record = here("assess", *command, "--json")
    assert here("assess", *command, "--json", "--jobs", "2") == record
    compared = ["compare", *command[:5], "--permutations", "5", "--json"]
    assert here(*compared, "--jobs", "2")[0] == 0
    code, _, error = here("assess", *command, "--jobs", "0")
    assert code == 2 and "n_jobs" in error
    code, _, error = here("assess", *command[:5], "--permutations", "0")
    assert code == 2 and "`n_permutations` must be at least 1" in error


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
        ["data.csv", "--x", "x", "--y", "y", "--permutations", "0"],
        "No such option",
    ),
    "assess": (
        ["data.csv", "--x", "x a", "--y", "y", "--assess", "--permutations", "20"],
        "no --assess any more: mitools assess data.csv --x 'x a' --y y --permutations 20",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_are_one_line_and_exit_with_2(here, case):
    arguments, message = ERRORS[case]
    code, out, err = here("estimate", *arguments)
    assert code == 2
    assert message in err
    assert err.startswith("mitools: ")
    assert err.count("\n") == 1
    assert out == ""


def test_errors_of_a_process_are_one_line_too(folder):
    result = mitools(folder, "estimate", "dat.csv", "--x", "x", "--y", "y")
    assert result.returncode == 2
    assert result.stderr.startswith("mitools: There is no file 'dat.csv'. No file named")
    assert result.stderr.count("\n") == 1


def test_warnings_are_one_line_too(folder):
    result = mitools(folder, "estimate", "data.npz", "--x", "z", "--y", "y", "--json")
    assert result.returncode == 0
    assert json.loads(result.stdout)["n_samples"] == 300
    assert result.stderr.startswith("mitools: warning: more than 25% of the samples")
    assert result.stderr.count("\n") == 1


def test_compare_shows_each_estimator_and_draws_them(folder, here):
    command = ["compare", "data.csv", "--x", "x", "--y", "y", "--permutations", "5"]
    chosen = ["--estimators", "ksg:k=3,variant=2,copula,geometric"]
    result = mitools(folder, *command, *chosen, "--plot", "new/compared.png")
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    value = mutual_information(X, Y, estimator=KSG(k=3, variant=2)).value
    assert lines[1].split()[:3] == ["KSG(k=3,", "variant=2)", f"{value:.3f}"]
    assert lines[2].startswith("GaussianCopula()")
    assert lines[3].endswith("(gmi, not nats)")
    assert (folder / "new" / "compared.png").read_bytes().startswith(b"\x89PNG")
    record = json.loads(here(*command, *chosen, "--json")[1])
    assert record["answers"][0]["estimate"]["nats"] == pytest.approx(value, abs=1e-12)


def test_matrix_writes_a_heat_map_the_matrix_and_the_pairs(folder):
    columns = ["--columns", "x,y,z,name2", "--permutations", "20", "--out", "out/table"]
    frame = pd.DataFrame(
        {"x": X[:, 0], "y": Y[:, 0], "z": Z, "name2": np.where(X[:, 0] > 0, "a", "b")}
    )
    frame.to_csv(folder / "matrix.csv", index=False)
    result = mitools(folder, "matrix", "matrix.csv", *columns)
    assert result.returncode == 0, result.stderr
    assert "Written: out/table.png, out/table.csv, out/table-pairs.csv" in result.stdout
    assert "below 1e-06" in result.stdout  # no p value is 0
    assert (folder / "out" / "table.png").read_bytes().startswith(b"\x89PNG")
    square = pd.read_csv(folder / "out" / "table.csv", index_col=0)
    pairs = pd.read_csv(folder / "out" / "table-pairs.csv", float_precision="round_trip")
    assert sorted(square) == sorted(frame)
    assert len(pairs) == 6
    assert set(pairs.loc[0, ["x", "y"]]) == {"x", "name2"}
    expected = mutual_information(X, Y, estimator=KSG()).value
    assert square.loc["x", "y"] == square.loc["y", "x"] == pytest.approx(expected, abs=1e-9)
    assert pairs["p_value"].between(1 / 61, 1).all()  # three pairs share theirs


def test_tasks_shows_errors_and_writes_them(folder):
    command = ["tasks", "--suite", "bend", "--estimator", "ksg:k=3,variant=2,copula"]
    result = mitools(
        folder, *command, "--n", "100,200", "--seeds", "2", "--out", "out/scores.json"
    )
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == "bend, n = 100, mean of 2 samples a task; nats"
    assert lines[-1] == "Written: out/scores.json"
    assert sum(line.startswith("mean absolute error") for line in lines) == 2
    record = json.loads((folder / "out" / "scores.json").read_text())
    first = record["rows"][0]
    sample = suite("bend")[0].sample(100, seed=0)
    assert first["value"] == KSG(k=3, variant=2).estimate(*sample).value
    assert first["error"] == first["value"] - suite("bend")[0].mutual_information
    assert len(record["rows"]) == 10 * 2 * 2 * 2


def test_tasks_lists_suites_and_their_truths(here):
    assert [line.split()[0] for line in here("tasks", "--list")[1].splitlines()] == list(SUITES)
    listed = here("tasks", "--list", "--suite", "bend,independent")[1].splitlines()
    assert len(listed) == 18
    repeated = here("tasks", "--list", "--suite", "bend", "--suite", "independent")[1].splitlines()
    assert repeated == listed
    assert "0.4086" in listed[0]


def test_tasks_reads_saved_ones(here, folder):
    (folder / "saved").mkdir()
    np.savez(folder / "saved" / "a.npz", x=X, y=Y)
    manifest = "suite,task_id,file,mi_nats\nmine,first,a.npz,0.5\n"
    (folder / "saved" / "manifest.csv").write_text(manifest)
    code, out, _ = here("tasks", "--folder", "saved", "--n", "300", "--out", "scores.csv")
    assert code == 0
    assert out.startswith("mine, n = 300, one sample")
    value = pd.read_csv(folder / "scores.csv").loc[0, "value"]
    assert value == pytest.approx(mutual_information(X, Y, estimator=KSG()).value, abs=1e-9)


MISTAKES = {
    "suite": (["tasks", "--suite", "bent"], "No suite named 'bent'. Did you mean 'bend'"),
    "saved": (["tasks", "--folder", "."], "There is no manifest.csv"),
    "n": (["tasks", "--n", "many"], "--n must be whole numbers with commas, got 'many'"),
    "out": (["tasks", "--out", "scores.txt"], "--out must end in .json or .csv"),
    "one column": (["matrix", "data.csv", "--columns", "x"], "at least 2 columns, got 1"),
    "a gap": (["matrix", "gap.csv"], "`x` has NaN in 1 of 300 rows"),
    "unit": (["matrix", "data.csv", "--estimator", "geometric"], "is not in nats"),
    "estimator": (
        ["compare", "data.csv", "--x", "x", "--y", "y", "--estimators", "ksg,eddge"],
        "Did you mean 'edge'",
    ),
    "plot": (
        ["compare", "data.csv", "--x", "x", "--y", "y", "--estimators", "ksg", "--plot", "a.xyz"],
        "xyz",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_with_tables_are_one_line_too(here, case):
    arguments, message = MISTAKES[case]
    code, _, err = here(*arguments)
    assert code == 2
    assert message in err
    assert err.startswith("mitools: ")
    assert err.count("\n") == 1


def test_the_first_row_is_what_is_said_of_it(folder, here):
    np.savetxt(folder / "bare.csv", np.column_stack([X, Y]), delimiter=",")
    command = ["estimate", "bare.csv", "--x", "0", "--y", "1", "--json"]
    code, out, err = here(*command)
    assert (code, json.loads(out)["n_samples"]) == (0, 300)
    assert "taken for data" in err
    assert err.count("\n") == 1
    code, out, err = here(*command, "--no-header")
    assert (code, json.loads(out)["n_samples"], err) == (0, 300, "")
    code, out, err = here(*command, "--header")
    assert (code, json.loads(out)["n_samples"], err) == (0, 299, "")


def test_text_is_a_label_to_estimators_of_labels(folder, here):
    words = np.where(X[:, 0] > 0, "up", "down")
    pd.DataFrame({"y": Y[:, 0], "word": words}).to_csv(folder / "words.csv", index=False)
    command = ["words.csv", "--x", "y", "--y", "word", "--json"]
    expected = mutual_information(Y, (words == "up").astype(int), estimator=Labels()).value
    code, out, err = here("estimate", *command, "--estimator", "labels")
    assert (code, err) == (0, "")
    assert json.loads(out)["nats"] == pytest.approx(expected, abs=1e-12)
    code, out, err = here("estimate", *command)
    assert code == 2
    assert "take it for labels with --estimator labels" in err
