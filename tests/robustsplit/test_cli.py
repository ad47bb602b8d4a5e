"""The command line as a whole: how errors end it, and what it imports."""

import subprocess
import sys

import pytest

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
    assert 'pip install "robustsplit[torch]"' in capsys.readouterr().err
