"""Every code block of the README and of docs/ runs, in order, as a reader would paste it."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md")])
BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMANDS = ("mitools", "robustsplit")


def blocks(page, language):
    return [body for kind, body in BLOCK.findall(page.read_text()) if kind == language]


def run(arguments, folder):
    done = subprocess.run(
        arguments,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, f"{arguments}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_blocks_run_in_sequence(page, tmp_path):
    script = tmp_path / "blocks.py"
    script.write_text("\n\n".join(blocks(page, "python")))
    assert script.read_text().strip() or page.name == "README.md" or not blocks(page, "python")
    run([sys.executable, str(script)], tmp_path)


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
