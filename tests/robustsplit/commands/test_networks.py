"""layers and rho, on a user's own files."""

import errno
import json

import numpy as np

from tests.robustsplit.lines import call, process, rho
from tests.robustsplit.tiny import images


def test_rho_of_an_own_model_in_a_real_process(user, tmp_path):
    done = process(
        "rho", f"{user}/nets.py:tiny", "--weights", user / "w.pt", "--data", user / "test.npz",
        "--attack", "pgd", "--eps", "8/255", "--permutations", 5, "--out", tmp_path / "mine",
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
        capsys, "rho", f"{user}/nets.py:tiny", "--data", user / "test.npz", "--permutations", 3,
        "--layers", "1,3",
    )  # fmt: skip
    assert code == 0
    assert "No weights were given: the network is untrained." in err


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


def test_another_commands_findings_are_not_written_over(capsys, user, tmp_path):
    out = tmp_path / "found"
    command = ["rho", f"{user}/nets.py:tiny", "--data", user / "test.npz", "--out", out,
               "--permutations", "2", "--weights"]  # fmt: skip
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
        user / "w.safetensors", "--permutations", "2", "--out", tmp_path / "o",
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
               "--permutations", "2", "--weights", user / "w.safetensors"]  # fmt: skip
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
    command = ["rho", model, "--data", user / "test.npz", "--permutations", "2"]
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
