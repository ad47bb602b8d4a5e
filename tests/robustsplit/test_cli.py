"""The command line on a user's own files: what it prints, what it refuses, and how it says so."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from robustsplit.cli import main
from robustsplit.errors import explain
from tests.robustsplit.tiny import images

ROOT = Path(__file__).parents[2]


def call(capsys, *arguments):
    """Run in this process; return exit code, output, errors."""
    with pytest.raises(SystemExit) as stop:
        main([str(word) for word in arguments])
    captured = capsys.readouterr()
    return stop.value.code, captured.out, captured.err


def process(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "robustsplit.cli", *map(str, arguments)],
        cwd=options.get("cwd", ROOT),
        env={**os.environ, "MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def rho(capsys, user, *more, weights="w.safetensors", factory="tiny"):
    return call(
        capsys, "rho", f"{user}/nets.py:{factory}", "--weights", user / weights, "--data",
        user / "test.npz", "--n-permutations", 5, *more,
    )  # fmt: skip


def test_rho_of_an_own_model_in_a_real_process(user, tmp_path):
    done = process(
        "rho", f"{user}/nets.py:tiny", "--weights", user / "w.pt", "--data", user / "test.npz",
        "--attack", "pgd", "--eps", "8/255", "--n-permutations", 5, "--out", tmp_path / "mine",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for word in ("layer pair", "null", "excess", "ceiling", "verdict", "published", "1 → 3"):
        assert word in done.stdout
    assert "PGD (Linf, eps 8/255, 10 steps)" in done.stdout
    assert "%|" not in done.stderr  # no progress bar without a terminal
    for name in ("rho.csv", "assessment.json", "report.html", "figures/rho_vs_depth.png"):
        assert (tmp_path / "mine" / name).stat().st_size > 100
    page = (tmp_path / "mine" / "report.html").read_text()
    assert "--attack pgd" in page[page.index("Reproduce") :]


def test_weights_in_any_safe_form_give_the_same_answer(capsys, user):
    answers = []
    for weights in ("w.safetensors", "w.pt", "wrapped.pt"):
        code, out, err = rho(capsys, user, "--json", weights=weights)
        assert code == 0, err
        answers.append(json.loads(out)["profiles"])
    assert answers[0] == answers[1] == answers[2]
    pairs = answers[0]["tiny"]["pairs"]
    assert [(pair["parent"], pair["child"]) for pair in pairs] == [("1", "3"), ("3", "5")]
    assert all(pair["verdict"] and pair["ceiling"] > 0 for pair in pairs)


def test_pickles_that_run_code_are_refused(capsys, user):
    code, out, err = rho(capsys, user, weights="whole.pt")
    assert (code, out) == (2, "")
    assert "is refused: it holds more than tensors" in err
    assert "save_file" in err
    assert "Traceback" not in err


def test_untrained_networks_are_called_so(capsys, user):
    code, _, err = call(
        capsys, "rho", f"{user}/nets.py:tiny", "--data", user / "test.npz", "--n-permutations", 3,
        "--layers", "1,3",
    )  # fmt: skip
    assert code == 0
    assert "No weights were given: the network is untrained." in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rho", "{user}/nets.py:tinny"], "No factory named 'tinny'. Did you mean 'tiny'"),
        (["rho", "{user}/nets.py:wrong"], "returned int; a factory returns a torch.nn.Module"),
        (["rho", "{user}/nets.py:number"], "is a int; it must be a function or class"),
        (["rho", "{user}/nots.py:tiny"], "No file"),
        (["rho", "{user}/nets.py"], "package.module:factory or path/to/file.py:factory"),
        (["rho", "no_such_package.nets:tiny"], "No module 'no_such_package.nets'"),
        (["rho", "robustsplit.zoo:smal_cnn"], "Did you mean 'small_cnn'"),
        (["rho", "{user}/nets.py:tiny", "--arg", "witdh=3"], "Did you mean 'width'"),
        (["rho", "{user}/nets.py:tiny", "--arg", "width"], "--arg takes KEY=VALUE"),
        (["rho", "{user}/nets.py:tiny", "--layers", "fc9"], "fc9"),
        (["rho", "{user}/nets.py:tiny", "--attack", "pdg"], "Did you mean 'pgd'"),
        (["rho", "{user}/nets.py:tiny", "--estimator", "kgs"], "Did you mean 'ksg'"),
        (["rho", "{user}/nets.py:tiny", "--unit", "bit"], "Did you mean 'bits'"),
        (["rho", "{user}/nets.py:tiny", "--weights", "{user}/none.pt"], "No weights file"),
        (
            ["rho", "{user}/nets.py:tiny", "--weights", "{user}/nets.py"],
            "damaged or no file of weights",
        ),
        (["rho", "{user}/nets.py:tiny", "--arg", "classes=2"], "Got label 2, but the model"),
        (["layers", "{user}/nets.py:tiny"], "Give the shape of one input"),
        (["layers", "{user}/nets.py:tiny", "--shape", "1xa"], "--shape takes numbers"),
        (["run", "{user}/none.toml"], "No configuration file"),
        (["resume", "{user}"], "is not a run directory: it has no config.toml"),
        (["plot", "{user}/none"], "No run directory and no file"),
        (["plot", "{user}"], "nothing is finished there yet"),
        (["report", "{user}"], "robustsplit resume"),
        (["rho"], "Missing argument"),
        (["rhoo"], "rhoo"),
    ],
)
def test_errors_are_one_message_and_exit_code_2(capsys, user, arguments, message):
    words = [word.format(user=user) for word in arguments]
    if words[:2] != ["rho"] and words[0] == "rho":
        words += ["--data", str(user / "test.npz")]
    code, _, err = call(capsys, *words)
    assert code == 2
    assert message in err.replace("\n", " ")
    assert "Traceback" not in err


def test_debug_shows_the_traceback(user):
    done = process("--debug", "resume", user)
    assert done.returncode != 0
    assert "Traceback" in done.stderr


def test_layers_in_execution_order(capsys, user):
    code, out, _ = call(capsys, "layers", f"{user}/nets.py:tiny", "--shape", "1x8x8")
    assert code == 0
    assert out.index("Linear") < out.rindex("Linear")
    code, out, _ = call(
        capsys, "layers", "robustsplit.zoo:small_cnn", "--data", user / "test.npz", "--json"
    )
    assert code == 0
    names = [row["name"] for row in json.loads(out)]
    assert names.index("conv1") < names.index("conv5") < names.index("fc2")


def test_run_plot_and_report_of_a_study(capsys, user, tmp_path):
    folder = tmp_path / "run"
    code, out, err = call(
        capsys, "run", user / "study.toml", "--out", folder, "--set", "split.last=[1]",
        "--set", "algorithm1.trials=1", "--set", "mi.networks=[]",
    )  # fmt: skip
    assert code == 0, err
    for word in ("Acc*", "Acc_sr", "Acc~", "verdict", "in bits", "rho.csv", "report.html"):
        assert word in out
    (folder / "report.html").unlink()
    assert call(capsys, "report", folder)[0] == 0
    assert (folder / "report.html").exists()
    code, out, _ = call(capsys, "plot", folder, "--x", "from_output", "--out", tmp_path / "figs")
    assert code == 0
    assert (tmp_path / "figs" / "rho_vs_depth.svg").exists()
    assert call(capsys, "plot", folder / "rho.csv", "--out", tmp_path / "a.svg")[0] == 0
    assert (tmp_path / "a.svg").read_text().startswith("<?xml")
    code, _, err = call(capsys, "plot", folder / "rho.csv", "--out", tmp_path / "a.gif")
    assert code == 2
    assert "takes a .png, .svg or .pdf file" in err
    code, _, err = call(capsys, "run", user / "study.toml", "--out", folder)
    assert code == 2
    assert "holds a run of another configuration" in err
    code, _, err = call(
        capsys, "rho", f"{user}/nets.py:tiny", "--data", user / "test.npz", "--out", folder
    )
    assert code == 2
    assert "run directory of a study" in err


def test_another_commands_findings_are_not_written_over(capsys, user, tmp_path):
    out = tmp_path / "found"
    command = ["rho", f"{user}/nets.py:tiny", "--data", user / "test.npz", "--out", out,
               "--n-permutations", "2", "--weights"]  # fmt: skip
    first = process(*command, user / "w.safetensors")
    assert first.returncode == 0, first.stderr
    made = (out / "rho.csv").read_bytes()
    other = process(*command, user / "w.pt")
    assert other.returncode == 2
    assert "holds the results of another command (robustsplit rho" in other.stderr
    assert (out / "rho.csv").read_bytes() == made
    again = process(*command, user / "w.safetensors")
    assert again.returncode == 0, again.stderr
    assert (out / "rho.csv").read_bytes() == made


def test_a_full_disk_comes_after_the_table(capsys, user, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("robustsplit.report.files.write_csv", full)
    code, out, err = call(
        capsys, "rho", f"{user}/nets.py:tiny", "--data", user / "test.npz", "--weights",
        user / "w.safetensors", "--n-permutations", "2", "--out", tmp_path / "o",
    )  # fmt: skip
    assert code == 2
    assert "verdict" in out
    assert "The disk is full" in err and "The table above is complete" in err


def test_small_classes_can_be_dropped_from_the_command_line(capsys, user, tmp_path):
    with np.load(user / "test.npz") as file:
        x, y = file["x"], file["y"]
    lone = np.flatnonzero(y == 0)[1:]
    np.savez(tmp_path / "few.npz", x=np.delete(x, lone, axis=0), y=np.delete(y, lone))
    command = ["rho", f"{user}/nets.py:tiny", "--data", tmp_path / "few.npz",
               "--n-permutations", "2", "--weights", user / "w.safetensors"]  # fmt: skip
    code, _, err = call(capsys, *command)
    assert code == 2 and "'0' (1)" in err and "small_classes='drop'" in err
    code, _, err = call(capsys, *command, "--small-classes", "drop")
    assert code == 0 and "were dropped: '0' (1)" in err
    code, _, err = call(capsys, *command, "--small-classes", "merge")
    assert code == 2 and "No treatment of small classes named 'merge'" in err


RESIDUAL = """
import torch
from torch import nn


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.one, self.two = nn.Linear(64, 5), nn.Linear(5, 5), nn.Linear(5, 5)
        self.project, self.head = nn.Linear(5, 5), nn.Linear(5, 3)

    def forward(self, x):
        x = torch.relu(self.stem(x.flatten(1)))
        return self.head(self.two(torch.relu(self.one(x))) + self.project(x))
"""


def test_projections_on_shortcuts_are_listed_and_measured_on_request(capsys, user, tmp_path):
    (tmp_path / "nets.py").write_text(RESIDUAL)
    model = f"{tmp_path}/nets.py:Residual"
    code, out, _ = call(capsys, "layers", model, "--shape", "1x8x8")
    assert code == 0 and "shortcuts include): project" in out
    _, out, _ = call(capsys, "layers", model, "--shape", "1x8x8", "--shortcuts", "include")
    assert "on a residual shortcut" in out and "Left out" not in out
    command = ["rho", model, "--data", user / "test.npz", "--n-permutations", "2"]
    code, out, _ = call(capsys, *command)
    assert code == 0 and "project" not in out
    code, out, _ = call(capsys, *command, "--shortcuts", "include")
    assert code == 0 and "two → project (parallel branches)" in out
    code, _, err = call(capsys, *command, "--shortcuts", "some")
    assert code == 2 and "No treatment of shortcuts named 'some'" in err


def test_images_of_another_shape_are_named(capsys, user, tmp_path):
    x, y = images()
    np.savez(tmp_path / "wide.npz", x=np.concatenate([x[:150]] * 2, axis=-1), y=y[:150])
    code, _, err = call(
        capsys, "rho", f"{user}/nets.py:tiny", "--data", tmp_path / "wide.npz",
        "--weights", user / "w.safetensors",
    )  # fmt: skip
    assert code == 2
    assert "The model does not take inputs of 1 x 8 x 16" in err


def test_help_is_quick_and_imports_nothing_heavy():
    script = (
        "import sys; from robustsplit.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "print([name for name in ('torch', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert "resume" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", ["torch", "safetensors.torch", "PIL"])
def test_a_missing_extra_comes_with_its_pip_line(name, capsys):
    assert explain(ModuleNotFoundError(f"No module named {name!r}", name=name)) == 2
    assert 'pip install "robustsplit[torch]"' in capsys.readouterr().err
