"""Every code block of the README and of docs/ runs, in order, as a reader would paste it.

What a page shows of the output is compared with the output: see `shown`.
"""

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import mitools

sys.path.insert(0, str(Path(__file__).parent))
from shown import BLOCK, agrees, script

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md")])
COMMANDS = ("mitools", "robustsplit")


def blocks(page, language):
    return [body for kind, body in BLOCK.findall(page.read_text()) if kind == language]


def run(arguments, folder):
    done = subprocess.run(
        arguments,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, f"{arguments}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page, "python")], ids=lambda page: page.name
)
def test_python_blocks_run_in_sequence(page, tmp_path):
    code = tmp_path / "blocks.py"
    code.write_text(script(page.read_text()))
    run([sys.executable, str(code)], tmp_path)


@pytest.mark.parametrize(
    ("shown", "said", "same"),
    [
        ("0.33", "0.3333", True),
        ("0.33", "0.351", False),
        ("-0.02 nats", "-0.0213 nats", True),
        ("-0.02", "0.02", False),
        ("KSG(k=3) gives 2", "KSG(k=3) gives 2", True),
        ("KSG(k=3)", "KSG(k=30)", False),
        ("independent", "dependent", False),
        ("a 1 ... z", "a 1.0 and 7 more z", True),
        ("a 1\n  ...\n", "a 1\nb 2\nc 3\n", True),
        ("a 1", "a 1 b", False),
        ("", "a", False),
    ],
)
def test_what_a_page_shows_is_compared(shown, said, same):
    assert agrees(shown, said) is same


def test_a_page_that_shows_what_is_not_said_fails():
    page = "```python\nprint(1 / 3)  # -> 0.33\nprint(2 / 3)\n```\n\n```text\n0.67\n```\n"
    exec(script(page), {})
    for wrong in ("# -> 0.35", "# -> nan"):
        with pytest.raises(AssertionError, match="the code says"):
            exec(script(page.replace("# -> 0.33", wrong)), {})
    with pytest.raises(AssertionError, match="the code says"):
        exec(script(page.replace("text\n0.67", "text\n0.77")), {})


def test_how_to_choose_names_every_estimator():
    page = (ROOT / "docs" / "choosing.md").read_text()
    rows = "\n".join(line for line in page.splitlines() if line.startswith("|"))
    estimators = {
        name
        for name in mitools.__all__
        if name.startswith("conditional_")
        or (
            isinstance(getattr(mitools, name), type)
            and issubclass(getattr(mitools, name), mitools.MutualInformationEstimator)
            and name != "MutualInformationEstimator"
        )
    }
    assert len(estimators) > 12
    assert {name for name in estimators if f"`{name}" not in rows} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_make_targets_named_in_the_text_exist(page):
    makefile = (ROOT / "Makefile").read_text()
    named = set(re.findall(r"^make ([\w-]+)", "\n".join(blocks(page, "sh")), re.MULTILINE))
    known = set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))
    assert named <= known


def test_readme_study_runs_from_its_toml(tmp_path):
    """The README's third use: its TOML, saved under the name its command gives."""
    readme = ROOT / "README.md"
    (study,) = blocks(readme, "toml")
    commands = [
        shlex.split(line)
        for body in blocks(readme, "sh")
        for line in body.splitlines()
        if line.startswith("robustsplit run")
    ]
    assert len(commands) == 1
    (tmp_path / commands[0][2]).write_text(study)
    run([sys.executable, "-m", "robustsplit.cli", *commands[0][1:]], tmp_path)
    assert list(tmp_path.glob("runs/*/report.html"))
    assert list(tmp_path.glob("runs/*/rho.csv"))


def test_readme_shows_the_demo_figure():
    shown = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", (ROOT / "README.md").read_text())
    assert shown
    for path in shown:
        assert (ROOT / path).stat().st_size > 10_000


def test_the_measured_tables_are_those_of_the_results():
    spec = importlib.util.spec_from_file_location("tables", ROOT / "benchmarks" / "tables.py")
    tables = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tables)
    assert "\n".join(tables.tables()) in (ROOT / "docs" / "benchmarks.md").read_text()
    assert tables.models() in (ROOT / "docs" / "models.md").read_text()
