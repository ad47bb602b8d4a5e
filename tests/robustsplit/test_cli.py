"""The command line as a whole: how errors end it, and what it imports."""

import json
import subprocess
import sys

import pytest

from mitools.samples.installed import install_line
from robustsplit.errors import explain
from tests.robustsplit.lines import ROOT, call, process


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
    assert install_line("torch") in capsys.readouterr().err


def test_version_help_and_completion(capsys):
    import robustsplit

    assert call(capsys, "--version") == (0, f"robustsplit {robustsplit.__version__}\n", "")
    for word in ("-h", "--help"):
        code, out, _ = call(capsys, word)
        assert code == 0 and "resume" in out and "--install-completion" in out
    assert "--permutations" in call(capsys, "rho", "-h")[1]
    assert "--n-permutations" not in call(capsys, "rho", "-h")[1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["rho", "nets.py:tiny", "--data", "", "--out", "x"],
            "was given for --data",
        ),
        (["rho", "nets.py:tiny", "--data", "d", "--out="], "An empty value was given for --out"),
        (["resume", ""], "An empty value was given after 'resume'"),
    ],
)
def test_a_variable_that_is_not_set_is_no_folder(capsys, words, message):
    code, _, err = call(capsys, *words)
    assert code == 2 and message in err and "not set" in err


@pytest.mark.parametrize("words", [["--eps", "4/255"], ["--attack", "cw", "--eps", "4/255"]])
def test_a_radius_without_effect_is_refused(capsys, user, words):
    data = ["--data", user / "test.npz"]
    code, _, err = call(capsys, "rho", f"{user}/nets.py:tiny", *data, *words)
    assert code == 2 and "--eps 4/255 would have no effect" in err


def test_shape_and_data_together_are_refused(capsys, user):
    shape = ["--shape", "1x8x8", "--data", user / "test.npz"]
    code, _, err = call(capsys, "layers", f"{user}/nets.py:tiny", *shape)
    assert code == 2 and "Give --shape or --data" in err


def test_the_former_name_of_an_option_is_still_understood(capsys, user):
    command = ["rho", f"{user}/nets.py:tiny", "--data", user / "test.npz", "--json"]
    old = call(capsys, *command, "--n-permutations=3")
    new = call(capsys, *command, "--permutations", "3")
    assert old[0] == new[0] == 0
    profiles = [json.loads(out)["profiles"] for _, out, _ in (old, new)]
    assert profiles[0] == profiles[1]


def test_ctrl_c_says_how_to_go_on(capsys, user, tmp_path, monkeypatch):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("robustsplit.study.run.fit", stopped)
    code, _, err = call(capsys, "run", user / "study.toml", "--out", tmp_path / "run")
    assert code == 130
    assert f"robustsplit resume {tmp_path / 'run'}" in err
    monkeypatch.setattr("robustsplit.profiling.connectivity", stopped)
    data = ["--data", user / "test.npz"]
    code, _, err = call(capsys, "rho", f"{user}/nets.py:tiny", *data)
    assert code == 130 and "Stopped. Nothing was written." in err


def test_names_steer_no_terminal(capsys):
    assert explain(ValueError("layer \x1b]0;title\x07 and \u202e")) == 2
    assert capsys.readouterr().err == "Error: layer \\x1b]0;title\\x07 and \\u202e\n"
